"""``/v1/teams`` and ``/v1/keys``: who may send and read.

In the flow: receives names and scopes, hands them to ``store.catalog``.
Guarantee: a key's secret is in the answer that makes it and nowhere else; a team's administrator
sees and makes that team's keys only.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from livetally.api.auth import identify
from livetally.api.body import pieces, read_whole
from livetally.api.quota import queries_left
from livetally.api.services import Services
from livetally.clock import US_PER_S
from livetally.errors import BadInput, UnknownName
from livetally.store.catalog import KeyRecord, Team
from livetally.tenancy import Identity, Scope, TeamId, parse_scopes

__all__ = [
    "change_team",
    "create_key",
    "create_team",
    "list_keys",
    "list_teams",
    "revoke_key",
    "rotate_key",
]

_BYTES_MAX = 16 * 1024
_GRACE_S_MAX = 90 * 86_400
_Body = TypeVar("_Body")


class _NewTeam(msgspec.Struct, forbid_unknown_fields=True):
    name: str


class _TeamChange(msgspec.Struct, forbid_unknown_fields=True):
    queries_per_hour: int | msgspec.UnsetType | None = msgspec.UNSET
    allowed_origins: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET


class _NewKey(msgspec.Struct, forbid_unknown_fields=True):
    scopes: list[str]
    name: str = ""
    team: str | None = None
    operator: bool = False
    expires_us: int | None = None


class _Rotation(msgspec.Struct, forbid_unknown_fields=True):
    grace_s: int = 0


async def list_teams(request: Request) -> Response:
    """Return all teams to an operator, its own to a team's administrator."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.ADMIN)
    teams = await run_in_threadpool(services.catalog.list_teams)
    seen = [team for team in teams if who.operator or team.id == who.team]
    return _json({"teams": [_team(team) for team in seen]})


async def create_team(request: Request) -> Response:
    """Make a team; operators only."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.ADMIN)
    who.require_operator()
    body = await _read(request, _NewTeam)
    team = await run_in_threadpool(services.catalog.create_team, body.name, by=who.key_id)
    return _json(_team(team), 201)


async def change_team(request: Request) -> Response:
    """Change a team's settings; operators only. What the body leaves out stays as it is."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.ADMIN)
    who.require_operator()
    body = await _read(request, _TeamChange)
    name = request.path_params["name"]
    team = await run_in_threadpool(services.catalog.find_team, name)
    if team is None:
        raise UnknownName("name", "team", name[:63])
    given = {
        field: value
        for field, value in msgspec.structs.asdict(body).items()
        if value is not msgspec.UNSET
    }
    settings = msgspec.structs.replace(team.settings, **given)
    changed = await run_in_threadpool(
        services.catalog.set_team_settings, team.id, settings, by=who.key_id
    )
    return _json(_team(changed))


async def list_keys(request: Request) -> Response:
    """Return the keys of the team acted for; an operator may ask for ``team=*``."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.ADMIN)
    team = request.query_params.get("team")
    if team not in (None, "*"):
        raise BadInput("team", "there is only '*'; name one team in the header X-Livetally-Team")
    everyone = team is not None
    if everyone:
        who.require_operator()
    keys = await run_in_threadpool(services.catalog.list_keys, None if everyone else who.team)
    left = await run_in_threadpool(queries_left, services, keys)
    return _json({"keys": [_key(key) | {"queries": left.get(key.id)} for key in keys]})


async def create_key(request: Request) -> Response:
    """Make a key; its text is in this answer only."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.ADMIN)
    body = await _read(request, _NewKey)
    team = await _team_of(services, who, body.team)
    who.require_grant(team, operator=body.operator)
    new = await run_in_threadpool(
        services.catalog.create_key,
        team,
        body.name,
        parse_scopes(body.scopes),
        operator=body.operator,
        expires_us=body.expires_us,
        by=who.key_id,
    )
    return _json(_key(new.record) | {"key": new.text.reveal()}, 201)


async def revoke_key(request: Request) -> Response:
    """End a key at once, with its sessions and open streams."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.ADMIN)
    team = None if who.operator else who.team
    key_id = request.path_params["id"]
    record = await run_in_threadpool(services.catalog.revoke_key, key_id, team=team, by=who.key_id)
    return _json(_key(record))


async def rotate_key(request: Request) -> Response:
    """Replace a key by a new one with the same rights; the old one ends now or after a grace."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.ADMIN)
    grace_s = (await _read(request, _Rotation, empty=b"{}")).grace_s
    if not 0 <= grace_s <= _GRACE_S_MAX:
        raise BadInput("grace_s", f"must be 0 to {_GRACE_S_MAX}")
    new = await run_in_threadpool(
        services.catalog.rotate_key,
        request.path_params["id"],
        team=None if who.operator else who.team,
        grace_us=grace_s * US_PER_S,
        by=who.key_id,
    )
    return _json(_key(new.record) | {"key": new.text.reveal()}, 201)


async def _team_of(services: Services, who: Identity, name: str | None) -> TeamId:
    if name is None or name == who.team_name:
        return who.team
    who.require_operator()
    team = await run_in_threadpool(services.catalog.find_team, name)
    if team is None:
        raise UnknownName("team", "team", name[:63])
    return team.id


async def _read(request: Request, kind: type[_Body], empty: bytes = b"") -> _Body:
    body = await read_whole(pieces(request.receive), _BYTES_MAX)
    try:
        return msgspec.json.decode(body or empty, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadInput("body", str(error)) from None


def _team(team: Team) -> dict[str, Any]:
    return {
        "id": team.id,
        "name": team.name,
        "created_us": team.created_us,
        "queries_per_hour": team.settings.queries_per_hour,
        "allowed_origins": list(team.settings.allowed_origins),
    }


def _key(key: KeyRecord) -> dict[str, Any]:
    return {
        "id": key.id,
        "team": key.team_name,
        "name": key.name,
        "scopes": sorted(scope.value for scope in key.scopes),
        "operator": key.operator,
        "created_us": key.created_us,
        "expires_us": key.expires_us,
        "revoked_us": key.revoked_us,
        "last_used_us": key.last_used_us,
    }


def _json(body: dict[str, Any], status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json")
