"""``/v1/metrics``: what there is to ask, and the answers.

In the flow: receives parameters, hands questions to ``query``, answers as JSON, CSV or a stream.
Guarantee: an answer is at its ``position`` or later; with ``min_position`` not before that.
"""

from __future__ import annotations

from typing import Any

from starlette.datastructures import Headers, QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from livetally.api.answers import answer_csv, answer_json, encode_value
from livetally.api.auth import identify
from livetally.api.live import Asked, send_stream
from livetally.api.services import Services
from livetally.definitions import Metric, Ratio
from livetally.query import MetricQuery, parse_query
from livetally.tenancy import Scope as KeyScope

__all__ = ["get_metric", "list_metrics", "parameters_of"]

_STREAM_ONLY = frozenset({"last_event_id"})


def parameters_of(query: QueryParams) -> dict[str, list[str]]:
    """Return each parameter's values in order."""
    parameters: dict[str, list[str]] = {}
    for name, value in query.multi_items():
        parameters.setdefault(name, []).append(value)
    return parameters


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
    who = await identify(scope, services, KeyScope.READ)
    parameters = parameters_of(QueryParams(scope["query_string"]))
    accept = Headers(scope=scope).get("accept", "")
    live = "text/event-stream" in accept
    if live:
        parameters = {k: v for k, v in parameters.items() if k not in _STREAM_ONLY}
    query = parse_query(scope["path_params"]["name"], parameters)
    declared = services.definitions.declared(who.team)
    declared.metric(query.metric)
    await _wait_for(query, services)
    if live:
        await send_stream(scope, receive, send, services, who, [Asked(query)])
        return
    answer = await services.runner.answer(query, declared, who.team)
    if "text/csv" in accept:
        response = Response(answer_csv(answer), media_type="text/csv; charset=utf-8")
    else:
        response = Response(answer_json(answer), media_type="application/json")
    response.headers["Cache-Control"] = "private, no-cache"
    await response(scope, receive, send)


async def _wait_for(query: MetricQuery, services: Services) -> None:
    """Wait until ``min_position`` is committed; on one machine it is, or nobody has seen it."""
    services.writer.require_position(query.min_position)


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
