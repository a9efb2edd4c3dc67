"""``POST /v1/verify``: statistics against raw events, as a stream of lines.

In the flow: receives names and a range from an administrator, hands them to ``query.verify``.
Guarantee: the last line says ``verified`` true or false; a stream without it was cut.

Each line is a JSON object: ``{"metric", "done", "total"}`` while it goes on; ``{"metric", "time",
"keys", "kept", "recomputed"}`` for a bucket that differs; ``{"metric", "gone_before"}`` where what
was sent is gone by its type's ``keep_data``; at last ``{"verified", "differences"}``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import structlog
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from livetally.api.answers import encode_value
from livetally.api.auth import identify
from livetally.api.problem import problem_body
from livetally.api.services import Services
from livetally.calendar import find_zone, label, parse_instant
from livetally.errors import BadInput, LivetallyError
from livetally.query import Declared, Difference, Progress, Skipped, verify
from livetally.query.spec import require_range
from livetally.tenancy import Scope

__all__ = ["post_verify"]

_log = structlog.get_logger("livetally.api")

_UTC = find_zone("UTC")
_KNOWN = ("metric", "from", "to")

_Items = Iterator[Progress | Skipped | Difference]


async def post_verify(request: Request) -> Response:
    """Recompute the metrics named by ``metric``, all without any, from ``from`` to ``to``.

    Raises:
        LivetallyError: answered as problem details; what fails later is a line of the stream.
    """
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.ADMIN)
    for name in request.query_params:
        if name not in _KNOWN:
            raise BadInput(name[:60], f"no such parameter; there are {', '.join(_KNOWN)}")
    names = request.query_params.getlist("metric")
    declared = services.definitions.declared(who.team)
    for name in names:
        declared.metric(name)
    bounds = (_instant(request, "from"), _instant(request, "to"))
    require_range(*bounds)
    await services.writer.reached(0)
    items = verify(services.runner, declared, who.team, names, bounds)
    lines = _lines(items, declared)
    return StreamingResponse(lines, media_type="application/x-ndjson")


def _instant(request: Request, name: str) -> int | None:
    text = request.query_params.get(name)
    return parse_instant(text, _UTC, name) if text else None


def _lines(items: _Items, declared: Declared) -> Iterator[bytes]:
    """Write the lines, on a thread of the pool, as fast as the client reads them."""
    differences = 0
    try:
        for item in items:
            if isinstance(item, Difference):
                differences += 1
                yield _line(_difference(item, declared.metric(item.metric).by))
            elif isinstance(item, Skipped):
                gone = {"metric": item.metric, "gone_before": label(item.before_us, _UTC)}
                yield _line(gone)
            else:
                yield _line(item._asdict())
    except LivetallyError as error:
        _log.warning("verify failed", error=error.message)
        yield _line(problem_body(error))
        return
    yield _line({"verified": differences == 0, "differences": differences})


def _difference(found: Difference, names: Sequence[str]) -> dict[str, object]:
    return {
        "metric": found.metric,
        "time": label(found.bucket_us, _UTC),
        "keys": dict(zip(names, found.keys, strict=True)),
        "kept": found.kept,
        "recomputed": found.recomputed,
    }


def _line(value: object) -> bytes:
    return encode_value(value) + b"\n"
