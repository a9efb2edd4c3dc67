"""How large the event store is, and how much room its disk has left.

In the flow: asked by ``api.health`` when somebody looks at the server's measurements.
Guarantee: numbers of this moment; nothing is read but what the engine knows of its parts.
"""

from __future__ import annotations

import shutil
from typing import NamedTuple

from livetally.store.events.engine import Engine

__all__ = ["StoreSize", "store_size"]


class StoreSize(NamedTuple):
    """Parts that are read, their bytes on disk, and the bytes that the disk has left.

    ``merges`` are under way, ``changes`` (of columns, projections, erasures) not finished.
    """

    parts: int
    bytes: int
    free_bytes: int
    merges: int
    changes: int


def store_size(engine: Engine) -> StoreSize:
    """Measure the store. Blocks, for a few milliseconds.

    Raises:
        EngineError: the engine can't be asked.
        OSError: the disk can't be asked.
    """
    rows = engine.read(
        "SELECT count(), sum(bytes_on_disk) FROM system.parts"
        " WHERE active AND database NOT IN ('system', 'INFORMATION_SCHEMA')"
    )
    busy = engine.read(
        "SELECT (SELECT count() FROM system.merges),"
        " (SELECT count() FROM system.mutations WHERE NOT is_done)"
    )
    free = shutil.disk_usage(engine.directory).free
    return StoreSize(int(rows[0][0]), int(rows[0][1]), free, int(busy[0][0]), int(busy[0][1]))
