"""Raw events as they were sent, in the order of time: what statistics are checked against.

In the flow: called by ``query.verify``.
Guarantee: reads only what the sender said and what the commit added to it: no column of a declared
field, no projection.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from livetally.store.events.engine import Engine
from livetally.store.events.expressions import Binder, instant_sql
from livetally.store.events.scope import of_team

__all__ = ["SentEvent", "count_events", "sent_events"]

_PAGE = 20_000
_SETTINGS = {"optimize_use_projections": 0, "max_threads": 1, "max_execution_time": 600}


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
    binder = Binder()
    sql = f"SELECT count() {_between(team, kind, start_us, end_us, binder)}"
    return int(engine.read(sql, binder.parameters, _SETTINGS)[0][0])


def sent_events(
    engine: Engine, team: int, kind: str, start_us: int, end_us: int
) -> Iterator[list[SentEvent]]:
    """Yield the events of a type, oldest first, in pages of up to 20,000. Blocks for each page."""
    last: SentEvent | None = None
    while True:
        binder = Binder()
        rest = _between(team, kind, start_us if last is None else last.at_us, end_us, binder)
        if last is not None:
            rest += f" AND (occurred_at, id, source) > ({_place(last, binder)})"
        rows = engine.read(
            "SELECT toUnixTimestamp64Micro(occurred_at), position, id, subject, source, data"
            f" {rest}\nORDER BY occurred_at, id, source LIMIT {_PAGE}",
            binder.parameters,
            _SETTINGS,
        )
        if not rows:
            return
        page = [SentEvent(*row) for row in rows]
        yield page
        last = page[-1]


def _between(team: int, kind: str, start_us: int, end_us: int, binder: Binder) -> str:
    return (
        f"{of_team(team, binder)} AND type = {binder.bind(kind, 'String')}"
        f" AND occurred_at >= {instant_sql(start_us, binder)}"
        f" AND occurred_at < {instant_sql(end_us, binder)}"
    )


def _place(event: SentEvent, binder: Binder) -> str:
    texts = (binder.bind(text, "String") for text in (event.id, event.source))
    return ", ".join((instant_sql(event.at_us, binder), *texts))
