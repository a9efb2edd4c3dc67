"""Raw events, page by page, newest first.

In the flow: receives ``EventPage`` questions from ``query.raw``, hands stored events back.
Guarantee: the order (time, position, id, source) is total, because an id is of its source only; so
pages neither repeat nor skip an event. A page costs as much at the end of a hundred million events
as at their beginning.

Type by type, because the table is sorted by (team, type, time): each type's newest events are
read from the end of its range, and the newest of those are the page. Of more types than one
statement can name that way, the newest are found among all their rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from livetally.store.events.engine import Engine
from livetally.store.events.expressions import Binder, Condition, condition_sql, instant_sql
from livetally.store.events.scope import of_team

__all__ = ["EventPage", "PageCursor", "StoredEvent", "ask_events", "types_of"]

_COLUMNS = (
    "type, toUnixTimestamp64Micro(occurred_at) AS at_us, position, id, subject, source,"
    " toUnixTimestamp64Micro(received_at) AS received_us, data, attributes"
)
# With it the engine reads all rows to find the newest, where the end of their order would do.
_TOP_K = "use_top_k_dynamic_filtering"
# A statement of more parts takes longer to read than the rows of all types.
_PARTS_MAX = 200
_ORDER = "at_us DESC, position DESC, id DESC, source DESC"


class PageCursor(NamedTuple):
    """The last event of the page before: time in microseconds, position, id, source."""

    at_us: int
    position: int
    id: str
    source: str


class EventPage(NamedTuple):
    """Which events to return; bounds in microseconds, ``end_us`` exclusive.

    ``since`` keeps only events of later commits.
    """

    team: int
    types: tuple[str, ...]
    where: tuple[Condition, ...] = ()
    start_us: int | None = None
    end_us: int | None = None
    after: PageCursor | None = None
    since: int | None = None
    limit: int = 100


class StoredEvent(NamedTuple):
    """One event as it is stored; ``data`` is the sender's own text, ``attributes`` JSON or ""."""

    type: str
    at_us: int
    position: int
    id: str
    subject: str
    source: str
    received_us: int
    data: str
    attributes: str


def types_of(engine: Engine, team: int) -> list[str]:
    """Return the event types of a team. Blocks; reads the primary key's index only."""
    binder = Binder()
    rows = engine.read(
        f"SELECT DISTINCT type {of_team(team, binder)} ORDER BY type", binder.parameters
    )
    return [row[0] for row in rows]


def ask_events(engine: Engine, page: EventPage) -> list[StoredEvent]:
    """Return a page of events and one more, if there is one. Blocks.

    Raises:
        EngineError: the engine refused, or a limit of the query was reached.
    """
    if not page.types:
        return []
    binder = Binder()
    common = _common(page, binder)
    together = len(page.types) > _PARTS_MAX
    if together:
        types = binder.bind(page.types, "Array(String)")
        each = [_selected(common, f"type IN {types}", page)]
    else:
        each = [
            _selected(common, f"type = {binder.bind(kind, 'String')}", page) for kind in page.types
        ]
    sql = each[0]
    if len(each) > 1:
        joined = "\nUNION ALL\n".join(f"SELECT * FROM ({one})" for one in each)
        sql = f"SELECT * FROM (\n{joined}\n)\nORDER BY {_ORDER}\nLIMIT {page.limit + 1}"
    settings = {"optimize_use_projections": 0}
    if engine.knows(_TOP_K):
        settings[_TOP_K] = 0
    if not page.where and not together:
        # The page is in the last granule; a second thread would only unpack granules in vain.
        settings["max_threads"] = 1
    return [StoredEvent(*row) for row in engine.read(sql, binder.parameters, settings)]


def _selected(common: Sequence[str], kind: str, page: EventPage) -> str:
    return (
        f"SELECT {_COLUMNS}\n{' AND '.join([*common, kind])}"
        f"\nORDER BY occurred_at DESC, position DESC, id DESC, source DESC\nLIMIT {page.limit + 1}"
    )


def _common(page: EventPage, binder: Binder) -> list[str]:
    tests = [of_team(page.team, binder)]
    for bound, sign in ((page.start_us, ">="), (page.end_us, "<")):
        if bound is not None:
            tests.append(f"occurred_at {sign} {instant_sql(bound, binder)}")
    if page.since is not None:
        tests.append(f"position > {binder.bind(page.since, 'UInt64')}")
    if page.after is not None:
        at = instant_sql(page.after.at_us, binder)
        position = binder.bind(page.after.position, "UInt64")
        event_id, source = (
            binder.bind(text, "String") for text in (page.after.id, page.after.source)
        )
        tests.append(f"occurred_at <= {at}")
        tests.append(
            f"(occurred_at, position, id, source) < ({at}, {position}, {event_id}, {source})"
        )
    return tests + [condition_sql(condition, binder) for condition in page.where]
