"""Raw events: the parameters of ``GET /v1/events`` become a page of stored events.

In the flow: receives parameters from ``api`` and ``live``, asks ``store.events``.
Guarantee: newest first, in a total order; ``next`` continues exactly where the page ended.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from livetally.calendar import find_zone, parse_instant
from livetally.definitions import Aggregate, Entity, Metric, Term, parse_filters
from livetally.errors import BadInput
from livetally.query.conditions import conditions_of
from livetally.query.cursors import read_cursor, write_cursor
from livetally.query.declared import Declared
from livetally.query.parameters import Parameters, known_only, least_position, page_limit, single
from livetally.store.events import Engine
from livetally.store.events.pages import EventPage, PageCursor, StoredEvent, ask_events, types_of

__all__ = ["EventsPage", "RawQuery", "ask_raw", "parse_history", "parse_raw"]

_KNOWN = ("type", "subject", "from", "to", "tz", "where", "limit", "cursor", "min_position")
_ORDER = "time position id source"


class RawQuery(NamedTuple):
    """A request for raw events; ``types`` is empty for all of them."""

    types: tuple[str, ...]
    start_us: int | None
    end_us: int | None
    where: tuple[str, ...]
    limit: int
    after: PageCursor | None
    min_position: int


class EventsPage(NamedTuple):
    """A page, and the cursor of the next one ("" at the end)."""

    events: list[StoredEvent]
    next: str


def parse_raw(parameters: Parameters) -> RawQuery:
    """Read the parameters of ``GET /v1/events``.

    Raises:
        BadInput: names the parameter and the reason.
    """
    known_only(parameters, _KNOWN)
    zone = find_zone(single(parameters, "tz") or "UTC")
    bounds = {
        name: parse_instant(text, zone, name) if (text := single(parameters, name)) else None
        for name in ("from", "to")
    }
    where = list(parameters.get("where", ()))
    subject = single(parameters, "subject")
    if subject:
        where.append(f"subject:{_quoted(subject)}")
    parse_filters(where)
    cursor = single(parameters, "cursor")
    types = [kind for text in parameters.get("type", ()) for kind in text.split(",") if kind]
    return RawQuery(
        types=tuple(dict.fromkeys(types)),
        start_us=bounds["from"],
        end_us=bounds["to"],
        where=tuple(where),
        limit=page_limit(parameters),
        after=read_cursor(cursor, PageCursor, _ORDER) if cursor else None,
        min_position=least_position(parameters),
    )


def parse_history(entity: Entity, key: str, parameters: Parameters) -> RawQuery:
    """Read the parameters of ``GET /v1/entities/{entity}/{key}/events``.

    Raises:
        BadInput: names the parameter and the reason.
    """
    for name in ("type", "subject"):
        if name in parameters:
            raise BadInput(name, "is decided by the entity")
    mine = f"{entity.key}:{_quoted(key)}"
    where = [*parameters.get("where", ()), mine]
    return parse_raw({**parameters, "where": where, "type": list(entity.events)})


def ask_raw(
    engine: Engine, query: RawQuery, declared: Declared, team: int, since: int | None = None
) -> EventsPage:
    """Return a page of a team's events. Blocks.

    Args:
        engine: the store.
        query: what is asked.
        declared: the team's definitions, for the types of filtered fields.
        team: whose events.
        since: only events of commits after this position.

    Raises:
        BadInput: a filter's value does not fit its field.
    """
    types = query.types or tuple(types_of(engine, team))
    # A count of these types stands for their events, so that names resolve as they do in a metric.
    asked = Metric("", "", Aggregate.COUNT, tuple(Term(kind) for kind in types))
    page = EventPage(
        team=team,
        types=types,
        where=conditions_of(parse_filters(query.where), asked, declared),
        start_us=query.start_us,
        end_us=query.end_us,
        after=query.after,
        since=since,
        limit=query.limit,
    )
    events = ask_events(engine, page)
    if len(events) <= query.limit:
        return EventsPage(events, "")
    events = events[: query.limit]
    last = events[-1]
    ended = (last.at_us, last.position, last.id, last.source)
    return EventsPage(events, write_cursor(ended, _ORDER))


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
