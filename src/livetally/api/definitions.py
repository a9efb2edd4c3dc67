"""``/v1/definitions``: what a team has declared, and changing it.

In the flow: receives TOML or JSON, hands an ``Application`` to the server's registry.
Guarantee: a definition with any mistake changes nothing; one without is applied whole; the answer
says what changed, and so does that of taking one away.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from livetally.api.answers import encode_value
from livetally.api.auth import identify
from livetally.api.body import pieces, read_whole
from livetally.api.services import Services
from livetally.definitions import Application, Plan, nearest, read_json, read_text, to_json
from livetally.errors import BadInput, UnknownName, UnreadableBody, UnsupportedMedia
from livetally.tenancy import Scope

__all__ = ["delete_definition", "get_definition", "list_definitions", "put_definition"]

_BYTES_MAX = 1024 * 1024
_ORIGIN = "the request's body"


async def list_definitions(request: Request) -> Response:
    """Return the applications that the key's team sees."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.READ)
    applications = services.definitions.declared(who.team).applications
    return _json({"applications": [_described(app) for app in applications]})


async def get_definition(request: Request) -> Response:
    """Return one application: as TOML, as it was written, or as JSON."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.READ)
    name = request.path_params["application"]
    applications = {a.name: a for a in services.definitions.declared(who.team).applications}
    if name not in applications:
        raise UnknownName("application", "application", name, nearest(name, applications))
    application = applications[name]
    if "application/toml" in request.headers.get("accept", ""):
        return Response(application.text, media_type="application/toml")
    return _json(_described(application))


async def put_definition(request: Request) -> Response:
    """Apply a definition, or with ``dry_run=true`` only say what it would change."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.ADMIN)
    dry_run = _flags(request, "dry_run")["dry_run"]
    body = await read_whole(pieces(request.receive), _BYTES_MAX)
    application = _read(request.headers.get("content-type", ""), body)
    name = request.path_params["application"]
    if application.name != name:
        raise BadInput("application", f"the address says '{name}', the body '{application.name}'")
    if dry_run:
        changes = await run_in_threadpool(services.definitions.preview, application, who.team)
        return _json(_plan(changes) | {"applied": False})
    changes, version = await run_in_threadpool(services.definitions.apply, application, who)
    return _json(_plan(changes) | {"applied": True, "version": version})


async def delete_definition(request: Request) -> Response:
    """Take the team's own definition away, or with ``shared=true`` that of all teams.

    Where a team's own stood in the place of the shared one, that holds for the team again. With
    ``dry_run=true`` only say what would change.
    """
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.ADMIN)
    flags = _flags(request, "dry_run", "shared")
    name = request.path_params["application"]
    team = None if flags["shared"] else who.team
    if flags["dry_run"]:
        changes = services.definitions.preview_removal(name, team)
        return _json(_plan(changes) | {"applied": False})
    changes = await run_in_threadpool(services.definitions.remove, name, team, who)
    services.hub.forget(team)
    return _json(_plan(changes) | {"applied": True})


def _flags(request: Request, *names: str) -> dict[str, bool]:
    known = " and ".join(f"'{name}'" for name in names)
    for name in request.query_params:
        if name not in names:
            raise BadInput(name[:60], f"no such parameter; there is {known}")
    texts = {name: request.query_params.get(name, "false") for name in names}
    for name, text in texts.items():
        if text not in ("true", "false"):
            raise BadInput(name, "must be true or false")
    return {name: text == "true" for name, text in texts.items()}


def _read(content_type: str, body: bytes) -> Application:
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind == "application/json":
            return read_json(msgspec.json.decode(body), _ORIGIN)
        if kind in ("application/toml", "text/toml"):
            return read_text(body.decode(), _ORIGIN)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableBody(f"The body can't be read: {error}.") from None
    raise UnsupportedMedia("Send the definition as application/toml or application/json.")


def _plan(changes: Plan) -> dict[str, Any]:
    return {"application": changes.application, "changes": msgspec.to_builtins(changes.changes)}


def _described(application: Application) -> dict[str, Any]:
    described = to_json(application)
    return {**described, "name": application.name}


def _json(body: Any, status: int = 200) -> Response:
    return Response(encode_value(body), status, media_type="application/json")
