"""``/v1/sinks``: which tables are kept elsewhere, and how far each of them is.

In the flow: asks ``sinks`` for a team's own.
Guarantee: no URL and no password is in an answer; a team's administrator sees that team's only.
"""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from livetally.api.answers import encode_value
from livetally.api.auth import identify
from livetally.api.services import Services
from livetally.definitions import Sink
from livetally.sinks import Standing
from livetally.tenancy import Scope

__all__ = ["list_sinks", "rebuild_sink"]


async def list_sinks(request: Request) -> Response:
    """Return the team's sinks by name."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.ADMIN)
    position = services.writer.position
    sinks = [_described(sink, standing) for sink, standing in services.sinks.of(who.team)]
    return _json({"position": position, "sinks": sinks})


async def rebuild_sink(request: Request) -> Response:
    """Begin to fill a sink's table anew."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.ADMIN)
    name = request.path_params["name"]
    services.sinks.rebuild(who.team, name)
    await run_in_threadpool(
        lambda: services.catalog.record("sink.rebuild", name, by=who.key_id, team=who.team)
    )
    return _json({"name": name, "state": "filling"})


def _described(sink: Sink, standing: Standing) -> dict[str, Any]:
    return {
        "name": sink.name,
        "application": sink.application,
        "of": {sink.kind.value: sink.of[0] if len(sink.of) == 1 else list(sink.of)},
        "table": sink.table,
        "place": standing.place or None,
        "database": standing.database or None,
        "state": standing.state,
        "position": standing.position,
        "lag_positions": standing.lag_positions,
        "lag_seconds": round(standing.lag_s, 3),
        "rebuilding": standing.rebuilding,
        "failures": standing.failures,
        "error": standing.error or None,
    }


def _json(body: dict[str, Any]) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(encode_value(body), headers=headers, media_type="application/json")
