"""Raw events as they were sent, in the order of time: what statistics are checked against.

In the flow: called by ``query.verify``.
Guarantee: reads only what the sender said and what the commit added to it: no column of a declared
field, no projection.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from livetally.store.events.engine import Engine, Parameter
from livetally.store.events.schema import TABLE

__all__ = ["SentEvent", "count_events", "sent_events"]

_PAGE = 20_000
_SETTINGS = {"optimize_use_projections": 0, "max_threads": 1, "max_execution_time": 600}
_OF = (
    f"FROM {TABLE}\nWHERE team = {{team:UInt32}} AND type = {{type:String}}"
    " AND occurred_at >= fromUnixTimestamp64Micro({start:Int64}, 'UTC')"
    " AND occurred_at < fromUnixTimestamp64Micro({end:Int64}, 'UTC')"
)


class SentEvent(NamedTuple):
    """One event of a known type: time in microseconds, position, and what the sender said."""

    at_us: int
    position: int
    id: str
    subject: str
    source: str
    data: str


def count_events(engine: Engine, team: int, kind: str, start_us: int, end_us: int) -> int:
    """Return how many events of a type there are from ``start_us`` to before ``end_us``. Blocks."""
    bounds: dict[str, Parameter] = {"team": team, "type": kind, "start": start_us, "end": end_us}
    return int(engine.read(f"SELECT count() {_OF}", bounds, _SETTINGS)[0][0])


def sent_events(
    engine: Engine, team: int, kind: str, start_us: int, end_us: int
) -> Iterator[list[SentEvent]]:
    """Yield the events of a type, oldest first, in pages of up to 20,000. Blocks for each page."""
    bounds: dict[str, Parameter] = {"team": team, "type": kind, "start": start_us, "end": end_us}
    after = ""
    while True:
        rows = engine.read(
            "SELECT toUnixTimestamp64Micro(occurred_at), position, id, subject, source, data"
            f" {_OF}{after}\nORDER BY occurred_at, id, source LIMIT {_PAGE}",
            bounds,
            _SETTINGS,
        )
        if not rows:
            return
        page = [SentEvent(*row) for row in rows]
        yield page
        last = page[-1]
        bounds |= {"start": last.at_us, "after": last.id, "source": last.source}
        after = (
            " AND (occurred_at, id, source) > (fromUnixTimestamp64Micro({start:Int64}, 'UTC'),"
            " {after:String}, {source:String})"
        )
