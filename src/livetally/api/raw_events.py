"""``GET /v1/events``: the raw events, page by page.

In the flow: receives parameters, hands them to ``query.raw``, answers as JSON, CSV or Arrow.
Guarantee: an event's ``data`` is the sender's own text, to the byte.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from livetally.api.asked import parameters_of
from livetally.api.auth import identify
from livetally.api.described import EVENT_MEMBERS, described_event
from livetally.api.pages import Page, page_response
from livetally.api.quota import charge
from livetally.api.services import Services
from livetally.calendar import find_zone, label
from livetally.query.raw import EventsPage, ask_raw, parse_raw
from livetally.tenancy import Scope

__all__ = ["event_page", "list_events"]

_UTC = find_zone("UTC")


async def list_events(request: Request) -> Response:
    """Return a page of events, newest first."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.READ)
    query = parse_raw(parameters_of(request.query_params))
    await services.writer.reached(query.min_position)
    left = await charge(services, who)
    position = services.writer.position
    declared = services.definitions.declared(who.team)
    page = await services.runner.call(ask_raw, query, declared, who.team)
    gone = services.runner.horizons.gone_before(who.team, query.types or None, query.start_us)
    shown = event_page(page, position)
    if gone is not None:
        shown = shown._replace(head={"gone_before": label(gone, _UTC)})
    return page_response(request, shown, left)


def event_page(page: EventsPage, position: int) -> Page:
    """Return a page of events as it is shown."""
    rows = [described_event(event) for event in page.events]
    times = ("time", "received")
    return Page("events", rows, position, page.next, instants=times, columns=EVENT_MEMBERS)
