"""Raw rows: the last position, the identities of a commit, the extent of what is stored.

In the flow: called by ``ingest.recovery`` and ``query``.
Guarantee: reads only; every answer is of the moment at which the engine runs the query.
"""

from __future__ import annotations

from typing import NamedTuple

from livetally.store.events.engine import Engine
from livetally.store.events.schema import TABLE

__all__ = ["StoredIdentity", "extent", "last_position", "read_identities"]


class StoredIdentity(NamedTuple):
    """What makes a stored event the same as another, and what it says."""

    team: int
    type: str
    source: str
    id: str
    subject: str
    occurred_us: int
    timed: int
    data: str


def last_position(engine: Engine) -> int:
    """Return the position of the newest commit, 0 when nothing is stored. Blocks."""
    rows = engine.read(f"SELECT max(position) FROM {TABLE}")
    return int(rows[0][0])


def read_identities(engine: Engine, first: int, last: int) -> list[StoredIdentity]:
    """Return the identities stored at positions ``first`` to ``last``, inclusive. Blocks."""
    rows = engine.read(
        "SELECT team, type, source, id, subject, toUnixTimestamp64Micro(occurred_at), timed, data"
        f" FROM {TABLE} WHERE position BETWEEN {{first:UInt64}} AND {{last:UInt64}}"
        " ORDER BY position",
        {"first": first, "last": last},
    )
    return [StoredIdentity(*row) for row in rows]


def extent(engine: Engine, team: int, kind: str) -> tuple[int, int] | None:
    """Return the times of a team's oldest and newest event of type ``kind``, None without any. Blocks.

    Microseconds since 1970 UTC.
    """
    rows = engine.read(
        "SELECT toUnixTimestamp64Micro(min(occurred_at)), toUnixTimestamp64Micro(max(occurred_at)),"
        f" count() FROM {TABLE} WHERE team = {{team:UInt32}} AND type = {{type:String}}",
        {"team": team, "type": kind},
    )
    oldest, newest, count = rows[0]
    return (oldest, newest) if count else None
