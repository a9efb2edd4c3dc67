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

    Of a cluster: the parts of all servers, and the room on that which has least. ``merges`` are
    under way, ``changes`` (of columns, projections, erasures) not finished.
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
    everywhere, of_table = engine.layout.everywhere, engine.layout.of_local
    rows = engine.read(
        f"SELECT count(), sum(bytes_on_disk) FROM {everywhere('system.parts')}"
        f" WHERE active AND {of_table}"
    )
    busy = engine.read(
        f"SELECT (SELECT count() FROM {everywhere('system.merges')} WHERE {of_table}),"
        f" (SELECT count() FROM {everywhere('system.mutations')} WHERE {of_table} AND NOT is_done)"
    )
    free = _free_bytes(engine)
    return StoreSize(int(rows[0][0]), int(rows[0][1]), free, int(busy[0][0]), int(busy[0][1]))


def row_bytes(engine: Engine) -> float:
    """Return what an event takes of the disk, on average over the whole store. Blocks."""
    layout = engine.layout
    rows = engine.read(
        "SELECT sum(bytes_on_disk) / greatest(sum(rows), 1)"
        f" FROM {layout.everywhere('system.parts')} WHERE active AND {layout.of_local}"
    )
    return float(rows[0][0])


def _free_bytes(engine: Engine) -> int:
    """Return the room that is left where the engine's files are; of a server's disks, the most."""
    if engine.directory is not None:
        return shutil.disk_usage(engine.directory).free
    rows = engine.read(
        "SELECT min(room) FROM (SELECT hostName() AS host, max(free_space) AS room"
        f" FROM {engine.layout.everywhere('system.disks')} GROUP BY host)"
    )
    return int(rows[0][0])


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
