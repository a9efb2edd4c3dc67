"""``/v1/metrics``: what there is to ask, and the answers.

In the flow: receives parameters, hands questions to ``query``, answers as JSON, CSV or a stream.
Guarantee: an answer is at its ``position`` or later; with ``min_position`` not before that.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from livetally.api.accept import chosen_type, is_known
from livetally.api.answers import encode_value, marks_of, written
from livetally.api.asked import parameters_of
from livetally.api.auth import TOKEN, identify
from livetally.api.live import EVENT_STREAM, Asked, Sender, send_stream
from livetally.api.quota import charge
from livetally.api.services import Services
from livetally.api.tables import ARROW, CSV, JSON, content_type, mark_headers
from livetally.definitions import Metric, Ratio
from livetally.query import Answer, MetricQuery, parse_query
from livetally.tenancy import Scope as KeyScope

__all__ = ["get_metric", "list_metrics"]

_STREAM_ONLY = frozenset({"last_event_id", TOKEN})
# More rows than these take longer to write than a hop to another thread.
_ROWS_ON_LOOP_MAX = 2_000
_OFFERED = (JSON, CSV, ARROW, EVENT_STREAM)


async def list_metrics(request: Request) -> Response:
    """Return the metrics that the key's team has declared."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, KeyScope.READ)
    metrics = services.definitions.declared(who.team).metrics.values()
    body = encode_value({"metrics": [_described(metric) for metric in metrics]})
    return Response(body, media_type="application/json")


async def get_metric(scope: Scope, receive: Receive, send: Send, services: Services) -> None:
    """Answer a question, once or live.

    Raises:
        LivetallyError: answered by the caller as problem details.
    """
    headers = Headers(scope=scope)
    form = chosen_type(headers.get("accept", ""), _OFFERED)
    generation = services.keys.generation
    who = await identify(scope, services, KeyScope.READ, live=form == EVENT_STREAM)
    parameters = parameters_of(QueryParams(scope["query_string"]))
    if form == EVENT_STREAM:
        parameters = {k: v for k, v in parameters.items() if k not in _STREAM_ONLY}
    query = parse_query(scope["path_params"]["name"], parameters)
    declared = services.definitions.declared(who.team)
    declared.metric(query.metric)
    await _wait_for(query, services)
    if form == EVENT_STREAM:
        await send_stream(scope, receive, send, services, Sender(who, generation), [Asked(query)])
        return
    known = headers.get("if-none-match", "")
    free = bool(known) or services.runner.kept(query, declared, who.team) is not None
    left = {} if free else await charge(services, who)
    answer = await services.runner.answer(query, declared, who.team)
    response = await _answered(answer, form, known)
    if known and response.status_code == HTTPStatus.OK:
        # Asked whether the answer has changed: only a changed one is charged.
        left = await charge(services, who)
    response.headers.update(left)
    await response(scope, receive, send)


async def _answered(answer: Answer, form: str, known: str) -> Response:
    """Write an answer, or say that the client has it already."""
    if form == ARROW or len(answer.rows) > _ROWS_ON_LOOP_MAX:
        tag, body = await run_in_threadpool(written, answer, form)
    else:
        tag, body = written(answer, form)
    headers = {"Cache-Control": "private, no-cache", "ETag": tag, "Vary": "Accept"}
    if form != JSON:
        headers |= mark_headers(marks_of(answer))
    if is_known(tag, known):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(body, media_type=content_type(form), headers=headers)


async def _wait_for(query: MetricQuery, services: Services) -> None:
    """Wait until ``min_position`` is committed; on one machine it is, or nobody has seen it."""
    await services.writer.reached(query.min_position)


def _described(metric: Metric | Ratio) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": metric.name,
        "title": metric.title or metric.name,
        "description": metric.description,
        "unit": metric.unit,
        "aggregate": metric.aggregate.value if isinstance(metric, Metric) else "ratio",
        "by": list(metric.by),
        "application": metric.application,
        "decimals": metric.decimals,
        "approximate": isinstance(metric, Metric) and metric.approximate,
    }
    if isinstance(metric, Ratio):
        described["ratio"] = [metric.numerator, metric.denominator]
    return described
