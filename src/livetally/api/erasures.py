"""``DELETE /v1/events`` and ``/v1/erasures``: everything of a subject goes, with the proof of it.

In the flow: receives a subject from a team's administrator, hands it to ``server.erasing``.
Guarantee: when ``DELETE`` is answered, no answer counts the subject any more; ``done`` says when
the last file that held it had gone. What is noted of a subject is a fingerprint, not its name.
"""

from __future__ import annotations

from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from livetally.api.answers import encode_value
from livetally.api.auth import identify
from livetally.api.services import Services
from livetally.calendar import find_zone, label
from livetally.errors import BadInput
from livetally.store.catalog import ErasureRecord
from livetally.tenancy import Scope

__all__ = ["delete_events", "list_erasures"]

_UTC = find_zone("UTC")
_SHOWN_MAX = 1_000


async def delete_events(request: Request) -> Response:
    """Erase every event of the ``subject``."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.ADMIN)
    for name in request.query_params:
        if name != "subject":
            raise BadInput(name[:60], "no such parameter; there is 'subject'")
    subject = request.query_params.get("subject", "")
    if not subject:
        raise BadInput("subject", "say whose events go")
    begun = await run_in_threadpool(services.erasing.erase, who.team, subject)
    await run_in_threadpool(
        lambda: services.catalog.record(
            "subject.erase",
            begun.fingerprint,
            by=who.key_id,
            team=who.team,
            detail=f"{begun.rows} events up to position {begun.position}",
        )
    )
    body = {
        "erasure": str(begun.number),
        "fingerprint": begun.fingerprint,
        "position": begun.position,
        "erased": begun.rows,
        "done": None,
        "waiting_for": services.erasing.waiting_for(begun.number),
    }
    return _json(body)


async def list_erasures(request: Request) -> Response:
    """Return the team's erasures, newest first: when each began and when nothing was left."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.ADMIN)
    own = await run_in_threadpool(services.catalog.list_erasures, who.team, _SHOWN_MAX)
    return _json({"erasures": [_described(one, services) for one in own]})


def _described(one: ErasureRecord, services: Services) -> dict[str, Any]:
    return {
        "erasure": str(one.id),
        "fingerprint": one.fingerprint,
        "position": one.position,
        "time": label(one.at_us, _UTC),
        "done": None if one.done_us is None else label(one.done_us, _UTC),
        "waiting_for": services.erasing.waiting_for(one.id),
    }


def _json(body: dict[str, Any]) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(encode_value(body), headers=headers, media_type="application/json")
