"""``GET /v1/explore``: a question about an event type for which no metric is declared.

In the flow: receives an event type, an aggregate and a question's parameters, asks ``query`` as a
metric is asked.
Guarantee: the answer is that of a metric declared alike; it is charged like one.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from livetally.api.accept import chosen_type
from livetally.api.answers import marks_of, written
from livetally.api.asked import parameters_of
from livetally.api.auth import identify
from livetally.api.quota import charge
from livetally.api.services import Services
from livetally.api.tables import CSV, JSON, content_type, mark_headers
from livetally.query.adhoc import parse_adhoc
from livetally.tenancy import Scope

__all__ = ["explore"]


async def explore(request: Request) -> Response:
    """Answer a question once."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.READ)
    form = chosen_type(request.headers.get("accept", ""), (JSON, CSV))
    asked = parse_adhoc(parameters_of(request.query_params))
    query = asked.query
    await services.writer.reached(query.min_position)
    declared = await run_in_threadpool(asked.declared, services.definitions.declared(who.team))
    kept = services.runner.kept(query, declared, who.team)
    left = {} if kept is not None else await charge(services, who)
    answer = await services.runner.answer(query, declared, who.team)
    _tag, body = await run_in_threadpool(written, answer, form)
    headers = {"Cache-Control": "private, no-cache", "Vary": "Accept", **left}
    if form != JSON:
        headers |= mark_headers(marks_of(answer))
    return Response(body, headers=headers, media_type=content_type(form))
