"""``GET /v1/events``: the raw events, page by page.

In the flow: receives parameters, hands them to ``query.raw``, answers as JSON.
Guarantee: an event's ``data`` is the sender's own text, to the byte.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from livetally.api.answers import encode_value
from livetally.api.asked import parameters_of
from livetally.api.auth import identify
from livetally.api.described import described_event
from livetally.api.quota import charge
from livetally.api.services import Services
from livetally.calendar import find_zone, label
from livetally.query.raw import ask_raw, parse_raw
from livetally.tenancy import Scope

__all__ = ["list_events"]

_UTC = find_zone("UTC")


async def list_events(request: Request) -> Response:
    """Return a page of events, newest first."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.READ)
    query = parse_raw(parameters_of(request.query_params))
    services.writer.require_position(query.min_position)
    left = await charge(services, who)
    position = services.writer.position
    declared = services.definitions.declared(who.team)
    page = await services.runner.call(ask_raw, query, declared, who.team)
    body: dict[str, Any] = {
        "position": position,
        "events": [described_event(event) for event in page.events],
        "next": page.next or None,
    }
    gone = services.runner.horizons.gone_before(who.team, query.types or None, query.start_us)
    if gone is not None:
        body["gone_before"] = label(gone, _UTC)
    headers = {"Cache-Control": "private, no-cache", **left}
    return Response(encode_value(body), headers=headers, media_type="application/json")
