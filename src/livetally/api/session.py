"""The console's sign-in: a key or a one-time link becomes a session cookie.

In the flow: receives keys and tokens, hands them to ``store.catalog``.
Guarantee: the cookie is HttpOnly and SameSite=Lax, and Secure over https; a key never comes back; a
link works once.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from livetally.api.auth import COOKIE, identify, session_token
from livetally.api.body import pieces, read_whole
from livetally.api.services import Services
from livetally.errors import Unauthenticated, UnreadableBody
from livetally.tenancy import Identity, Scope

__all__ = ["create_link", "create_session", "end_session", "get_session", "sign_in_by_link"]

_BYTES_MAX = 4096


class _SignIn(msgspec.Struct, forbid_unknown_fields=True):
    key: str


async def create_session(request: Request) -> Response:
    """Sign in with a key."""
    services: Services = request.app.state.services
    body = await read_whole(pieces(request.receive), _BYTES_MAX)
    try:
        key = msgspec.json.decode(body, type=_SignIn).key
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UnreadableBody('Send {"key": "lt_..."} as JSON.') from None
    who = await run_in_threadpool(services.keys.verify, key)
    if who is None:
        raise Unauthenticated("The key is unknown, expired or revoked.")
    return await _signed_in(services, who, Response(status_code=204))


async def sign_in_by_link(request: Request) -> Response:
    """Sign in with a one-time link, and go to the console."""
    services: Services = request.app.state.services
    token = request.query_params.get("token", "")
    who = await run_in_threadpool(services.catalog.redeem_signin, token)
    if who is None:
        return RedirectResponse("/?link=used", 303)
    return await _signed_in(services, who, RedirectResponse("/", 303))


async def get_session(request: Request) -> Response:
    """Say who is signed in."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.READ)
    return _json(_described(who, services.version))


async def end_session(request: Request) -> Response:
    """Sign out."""
    services: Services = request.app.state.services
    await identify(request.scope, services, Scope.READ)
    token = session_token(request.headers)
    if token:
        await run_in_threadpool(services.catalog.end_session, token)
        services.keys.forget()
    response = Response(status_code=204)
    response.delete_cookie(COOKIE, path="/")
    return response


async def create_link(request: Request) -> Response:
    """Make a one-time sign-in link for the key that asks; good for a quarter of an hour."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.READ)
    token = await run_in_threadpool(services.catalog.create_signin_link, who.key_id)
    return _json({"url": f"/signin?token={token.reveal()}", "expires_s": 900}, 201)


async def _signed_in(services: Services, who: Identity, response: Response) -> Response:
    ttl_s = services.sessions.ttl_s
    token = await run_in_threadpool(services.catalog.create_session, who, ttl_s)
    response.set_cookie(
        COOKIE,
        token.reveal(),
        max_age=ttl_s,
        path="/",
        httponly=True,
        secure=services.sessions.secure,
        samesite="lax",
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def _described(who: Identity, version: str) -> dict[str, Any]:
    return {
        "team": who.team_name,
        "key_id": who.key_id,
        "key_name": who.key_name,
        "scopes": sorted(scope.value for scope in who.scopes),
        "operator": who.operator,
        "expires_us": who.expires_us,
        "version": version,
    }


def _json(body: dict[str, Any], status: int = 200) -> Response:
    headers = {"Cache-Control": "no-store"}
    return Response(msgspec.json.encode(body), status, headers, media_type="application/json")
