"""``/v1/backups``: takes a backup while everything goes on, and says which there are.

In the flow: asks ``backup.Backups``; operators only, for a backup holds every team's data.
Guarantee: the last line of the answer says whether the backup is whole; one that was begun goes on
when its client has gone.

Each line is a JSON object: ``{"files", "files_total", "bytes", "bytes_total"}`` while it goes on;
at last what the backup is, or problem details.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from livetally.api.answers import encode_value
from livetally.api.auth import identify
from livetally.api.problem import problem_body
from livetally.api.services import Services
from livetally.backup import Job, Manifest
from livetally.calendar import find_zone, label
from livetally.errors import BadInput, Forbidden
from livetally.tenancy import Credential, Identity, Scope

__all__ = ["list_backups", "take_backup"]

_UTC = find_zone("UTC")
_LOOK_S = 0.1
_TO_CHARS_MAX = 1_000


class _Asked(msgspec.Struct, forbid_unknown_fields=True):
    to: str = ""
    full: bool = False


async def take_backup(request: Request) -> Response:
    """Take a backup to a place of the server's machine; answers line by line until it is whole."""
    services: Services = request.app.state.services
    who = await _operator(request, services)
    try:
        asked = msgspec.json.decode(await request.body() or b"{}", type=_Asked)
    except msgspec.DecodeError as error:
        raise BadInput("body", str(error)[:200]) from None
    if len(asked.to) > _TO_CHARS_MAX:
        raise BadInput("to", f"must have at most {_TO_CHARS_MAX} characters")
    job = await run_in_threadpool(lambda: services.backups.start(asked.to, full=asked.full))
    await run_in_threadpool(
        lambda: services.catalog.record("backup.take", job.to, by=who.key_id, detail="")
    )
    return StreamingResponse(_lines(job), media_type="application/x-ndjson")


async def list_backups(request: Request) -> Response:
    """Return the backups of a place: that of the settings, or the one that ``place`` names."""
    services: Services = request.app.state.services
    await _operator(request, services)
    to = request.query_params.get("place", "")
    found = await run_in_threadpool(services.backups.list, to)
    body = {"to": services.backups.place_of(to), "backups": [_described(one) for one in found]}
    headers = {"Cache-Control": "no-store"}
    return Response(encode_value(body), headers=headers, media_type="application/json")


async def _operator(request: Request, services: Services) -> Identity:
    who = await identify(request.scope, services, Scope.ADMIN)
    who.require_operator()
    if who.via is Credential.SESSION:
        raise Forbidden("Backups are asked for with an operator's key, not with a session.")
    return who


async def _lines(job: Job) -> AsyncIterator[bytes]:
    told = None
    while not job.ended.is_set():
        if job.progress != told:
            told = job.progress
            yield encode_value(told._asdict()) + b"\n"
        await asyncio.sleep(_LOOK_S)
    if job.taken is None:
        assert job.failure is not None
        yield encode_value(problem_body(job.failure)) + b"\n"
        return
    taken = job.taken
    described = _described(taken.manifest) | {"to": job.to, "new_bytes": taken.new_bytes}
    yield encode_value({"backup": described}) + b"\n"


def _described(manifest: Manifest) -> dict[str, Any]:
    return {
        "name": manifest.name,
        "time": label(manifest.made_us, _UTC),
        "position": manifest.position,
        "version": manifest.version,
        "parts": len(manifest.parts),
        "bytes": manifest.bytes,
    }
