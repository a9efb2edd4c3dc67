"""Raw rows: the last position, the identities of a commit, the extent of what is stored.

In the flow: called by ``ingest.recovery``, ``ingest.compare``, ``cluster.words`` and ``query``.
Guarantee: reads only; every answer is of the moment at which the engine runs the query.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from livetally.store.events.engine import Engine
from livetally.store.events.expressions import Binder
from livetally.store.events.layout import TABLE
from livetally.store.events.scope import of_team

__all__ = [
    "StoredIdentity",
    "count_by_position",
    "extent",
    "last_position",
    "read_identities",
    "read_stored",
    "touched_between",
]

_POSITIONS_AT_ONCE = 10_000
_POSITION_LENGTH_MAX = 22
"""Digits of a position in a list, with what parts it from the next."""
_IDENTITY = (
    "team, type, source, id, subject, toUnixTimestamp64Micro(occurred_at), timed, data, position"
)


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
    position: int


def last_position(engine: Engine) -> int:
    """Return the position of the newest commit, 0 when nothing is stored. Blocks."""
    rows = engine.read(f"SELECT max(position) FROM {TABLE}")
    return int(rows[0][0])


def count_by_position(engine: Engine, after: int) -> list[tuple[int, int]]:
    """Return ``(position, events)`` of the commits after a position, oldest first. Blocks.

    At most 10,000 of them: ask again after the last.
    """
    rows = engine.read(
        f"SELECT position, count() FROM {TABLE} WHERE position > {{after:UInt64}}"
        f" GROUP BY position ORDER BY position LIMIT {_POSITIONS_AT_ONCE}",
        {"after": after},
    )
    return [(position, count) for position, count in rows]


def read_identities(engine: Engine, first: int, last: int) -> list[StoredIdentity]:
    """Return the identities stored at positions ``first`` to ``last``, inclusive. Blocks."""
    rows = engine.read(
        f"SELECT {_IDENTITY} FROM {TABLE}"
        " WHERE position BETWEEN {first:UInt64} AND {last:UInt64} ORDER BY position",
        {"first": first, "last": last},
    )
    return [StoredIdentity(*row) for row in rows]


def read_stored(
    engine: Engine, team: int, wanted: Sequence[tuple[bytes, int]]
) -> list[StoredIdentity]:
    """Return the events of a team that have one of the ids and one of the positions. Blocks.

    The positions lead to the few places of the table that can hold them.

    Args:
        engine: the store.
        team: whose events.
        wanted: ``(id, position)``; ids in UTF-8.
    """
    found: list[StoredIdentity] = []
    for some in _portions(wanted, engine.text_length_max):
        binder = Binder()
        rows = engine.read(
            f"SELECT {_IDENTITY} {of_team(team, binder)}"
            " AND position IN {positions:Array(UInt64)} AND hex(id) IN {ids:Array(String)}",
            {
                **binder.parameters,
                "positions": sorted({position for _, position in some}),
                "ids": sorted({event_id.hex().upper() for event_id, _ in some}),
            },
        )
        found += [StoredIdentity(*row) for row in rows]
    return found


def _portions(
    wanted: Sequence[tuple[bytes, int]], length_max: int
) -> Iterator[Sequence[tuple[bytes, int]]]:
    """Cut what is wanted so that neither the ids nor the positions are too long a text."""
    first, length = 0, 0
    for place, (event_id, _) in enumerate(wanted):
        more = max(2 * len(event_id) + 3, _POSITION_LENGTH_MAX)
        if length + more > length_max and place > first:
            yield wanted[first:place]
            first, length = place, 0
        length += more
    if first < len(wanted):
        yield wanted[first:]


def extent(engine: Engine, team: int, kind: str) -> tuple[int, int] | None:
    """Return the times of a team's oldest and newest event of a type, None without any. Blocks.

    Microseconds since 1970 UTC.
    """
    binder = Binder()
    rows = engine.read(
        "SELECT toUnixTimestamp64Micro(min(occurred_at)), toUnixTimestamp64Micro(max(occurred_at)),"
        f" count() {of_team(team, binder)} AND type = {binder.bind(kind, 'String')}",
        binder.parameters,
    )
    oldest, newest, count = rows[0]
    return (oldest, newest) if count else None


def touched_between(engine: Engine, since: int, upto: int) -> dict[tuple[int, str], frozenset[int]]:
    """Return the quarter-hour slots in which each (team, type) has gained events. Blocks."""
    rows = engine.read(
        f"SELECT team, type, groupUniqArray(slot) FROM {TABLE}"
        " WHERE position > {since:UInt64} AND position <= {upto:UInt64} GROUP BY team, type",
        {"since": since, "upto": upto},
    )
    return {(team, kind): frozenset(slots) for team, kind, slots in rows}
