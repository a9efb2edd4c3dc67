"""Raw events, page by page, newest first.

In the flow: receives ``EventPage`` questions from ``query.raw``, hands stored events back.
Guarantee: the order (time, position, id, source) is total, because an id is of its source only; so
pages neither repeat nor skip an event. A page costs as much at the end of a hundred million events
as at their beginning.

First where the page's events are, type by type, because the table is sorted by (team, type,
time): each type's newest are read from the end of its range. Of more types than one statement can
name that way, the newest are found among all their rows. Then the events themselves. To read
both at once takes all columns of a stretch of every part there is, in memory, for one event.
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
# Rows that go between the two questions make the second answer shorter: it is asked again.
_ATTEMPTS = 3
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


class _Place(NamedTuple):
    """A time in microseconds and a position, at which there is an event."""

    at_us: int
    position: int


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
    for _ in range(_ATTEMPTS):
        newest = _newest(engine, page)
        found = _events_at(engine, page, newest) if newest else []
        if len(found) >= len(newest):
            return found
    return _events_at(engine, page, None)


def _newest(engine: Engine, page: EventPage) -> list[_Place]:
    """Return where the page's events are, and one more, newest first."""
    binder = Binder()
    common = _common(page, binder)
    if len(page.types) > _PARTS_MAX:
        each = [_places_of(common, _of_types(page, binder), page)]
    else:
        kinds = [f"type = {binder.bind(kind, 'String')}" for kind in page.types]
        each = [_places_of(common, kind, page) for kind in kinds]
    sql = each[0]
    if len(each) > 1:
        joined = "\nUNION ALL\n".join(f"SELECT * FROM ({one})" for one in each)
        order = "at_us DESC, position DESC"
        sql = f"SELECT * FROM (\n{joined}\n)\nORDER BY {order}\nLIMIT {page.limit + 1}"
    settings = {"optimize_use_projections": 0}
    if engine.knows(_TOP_K):
        settings[_TOP_K] = 0
    if not page.where and len(page.types) <= _PARTS_MAX:
        # They are in the last granule. A second thread would only unpack granules in vain, and to
        # test rows before other columns are read takes more memory: there are hardly others.
        settings |= {"max_threads": 1, "optimize_move_to_prewhere": 0}
    return [_Place(*row) for row in engine.read(sql, binder.parameters, settings)]


def _events_at(
    engine: Engine, page: EventPage, places: Sequence[_Place] | None
) -> list[StoredEvent]:
    """Return the page's events, of which it may be known that they are at ``places``.

    Then they are of the commits that were there when those were looked for: of a later commit it
    would be some events and not others, and who asks what is new would not be told of those.
    """
    binder = Binder()
    tests = [*_common(page, binder), _of_types(page, binder)]
    settings = {"optimize_use_projections": 0}
    if places is not None:
        settings["optimize_read_in_order"] = 0  # there is a granule or two; their rows are few
        times = sorted({place.at_us for place in places})
        listed = binder.bind(times, "Array(Int64)")
        last = binder.bind(max(place.position for place in places), "UInt64")
        tests += [
            f"occurred_at >= {instant_sql(times[0], binder)}",
            f"occurred_at IN (SELECT fromUnixTimestamp64Micro(arrayJoin({listed}), 'UTC'))",
            f"position <= {last}",
        ]
        if not page.where:
            settings["max_threads"] = 1
    sql = f"SELECT {_COLUMNS}\n{' AND '.join(tests)}\nORDER BY {_ORDER}\nLIMIT {page.limit + 1}"
    if engine.knows(_TOP_K):
        settings[_TOP_K] = 0
    return [StoredEvent(*row) for row in engine.read(sql, binder.parameters, settings)]


def _of_types(page: EventPage, binder: Binder) -> str:
    return f"type IN {binder.bind(page.types, 'Array(String)')}"


def _places_of(common: Sequence[str], kind: str, page: EventPage) -> str:
    return (
        "SELECT toUnixTimestamp64Micro(occurred_at) AS at_us, position"
        f"\n{' AND '.join([*common, kind])}"
        f"\nORDER BY occurred_at DESC, position DESC\nLIMIT {page.limit + 1}"
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
