"""``/healthz``, ``/readyz`` and ``/metrics``: for supervisors and monitors.

In the flow: reads the writer's state and the telemetry registry.
Guarantee: ``/readyz`` is 200 only while events can be made durable and questions be answered.
"""

from __future__ import annotations

from contextlib import suppress

import msgspec
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from livetally.api.auth import identify
from livetally.api.readiness import troubles
from livetally.api.services import Services
from livetally.errors import LivetallyError
from livetally.store.events import store_size
from livetally.telemetry import (
    DISK_FREE_BYTES,
    MEMORY_BYTES,
    REGISTRY,
    STORE_BYTES,
    STORE_CHANGES,
    STORE_MERGES,
    STORE_PARTS,
    WAITING_QUERIES,
    memory_bytes,
)
from livetally.tenancy import Scope

__all__ = ["healthz", "metrics", "readyz"]


async def healthz(_request: Request) -> Response:
    """Say that the process answers."""
    return PlainTextResponse("ok\n")


async def readyz(request: Request) -> Response:
    """Say whether events can be stored and questions answered."""
    services: Services = request.app.state.services
    found = troubles(services)
    ready = not found
    body: dict[str, object] = {"ready": ready, "position": services.writer.position}
    if found:
        body["troubles"] = found
    return Response(msgspec.json.encode(body), 200 if ready else 503, media_type="application/json")


async def metrics(request: Request) -> Response:
    """Return the server's own measurements in the OpenMetrics format; operators only."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.READ)
    # The numbers are of all teams together: how busy one is, is nobody else's business.
    who.require_operator()
    # What can't be measured now keeps its last number; the others say why soon enough.
    with suppress(LivetallyError, OSError):
        size = await services.runner.call(store_size)
        STORE_PARTS.set(size.parts)
        STORE_BYTES.set(size.bytes)
        STORE_MERGES.set(size.merges)
        STORE_CHANGES.set(size.changes)
        DISK_FREE_BYTES.set(size.free_bytes)
    WAITING_QUERIES.set(services.runner.waiting)
    with suppress(OSError, ValueError):
        MEMORY_BYTES.set(memory_bytes())
    body: bytes = generate_latest(REGISTRY)  # type: ignore[no-untyped-call]
    return Response(body, media_type=CONTENT_TYPE_LATEST)
