"""How large the event store is, and how much room its disk has left.

In the flow: asked by ``api.health`` when somebody looks at the server's measurements, and by
``server.keeping``.
Guarantee: numbers of this moment.
"""

from __future__ import annotations

import shutil
from typing import NamedTuple

from livetally.store.events.engine import Engine
from livetally.store.events.expressions import Binder
from livetally.store.events.scope import of_team

__all__ = ["StoreSize", "row_bytes", "rows_by_day", "store_size"]


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


def row_bytes(engine: Engine) -> float:
    """Return what an event takes of the disk, on average over the whole store. Blocks."""
    rows = engine.read(
        "SELECT sum(bytes_on_disk) / greatest(sum(rows), 1) FROM system.parts"
        " WHERE active AND database = 'livetally' AND table = 'events'"
    )
    return float(rows[0][0])


def rows_by_day(engine: Engine, team: int, kind: str) -> list[tuple[int, int]]:
    """Return ``(day, events)`` of a type, newest first; days of UTC since 1970. Blocks."""
    binder = Binder()
    rows = engine.read(
        "SELECT toInt32(floor(toUnixTimestamp64Micro(occurred_at) / 86400000000)) AS day, count()"
        f" {of_team(team, binder)} AND type = {binder.bind(kind, 'String')}"
        " GROUP BY day ORDER BY day DESC",
        binder.parameters,
        {"max_execution_time": 600},
    )
    return [(int(day), int(count)) for day, count in rows]
