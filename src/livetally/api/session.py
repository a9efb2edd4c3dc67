"""The console's sign-in: a key or a one-time link becomes a session cookie.

In the flow: receives keys and tokens, hands them to ``store.catalog``.
Guarantee: the cookie is HttpOnly and SameSite=Lax, and Secure over https; a key never comes back; a
link works once, and from another site's page only after a person has said so; nothing but a key or
a link makes a session, so that none prolongs itself.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from livetally.api.auth import COOKIE, identify, recognise, session_token
from livetally.api.body import pieces, read_whole
from livetally.api.services import Services
from livetally.errors import BadInput, Forbidden, Unauthenticated, UnreadableBody
from livetally.tenancy import Credential, Identity, Scope

__all__ = [
    "create_link",
    "create_session",
    "create_stream_token",
    "end_session",
    "get_session",
    "sign_in_by_link",
]

_BYTES_MAX = 4096
_TOKEN_CHARS_MAX = 100
_ELSEWHERE = frozenset({"cross-site", "same-site"})


class _SignIn(msgspec.Struct, forbid_unknown_fields=True):
    key: str


class _NewStreamToken(msgspec.Struct, forbid_unknown_fields=True):
    expires_s: int = 900


async def create_session(request: Request) -> Response:
    """Sign in with a key."""
    services: Services = request.app.state.services
    if request.headers.get("sec-fetch-site") in _ELSEWHERE:
        # Signed in to somebody else's team, a person would send it what is theirs.
        raise Forbidden("Sign in from the console itself.")
    body = await read_whole(pieces(request.receive), _BYTES_MAX)
    try:
        key = msgspec.json.decode(body, type=_SignIn).key
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UnreadableBody('Send {"key": "lt_..."} as JSON.') from None
    who = await recognise(request.scope, services, key)
    return await _signed_in(request, who, Response(status_code=204))


async def sign_in_by_link(request: Request) -> Response:
    """Sign in with a one-time link, and go to the console."""
    services: Services = request.app.state.services
    if request.method == "HEAD":
        # Programs that look at links before people do must not use them up.
        return Response(status_code=204)
    token = request.query_params.get("token", "")
    if request.headers.get("sec-fetch-site") in _ELSEWHERE:
        # Somebody else's page must not sign a person in to somebody else's team unseen.
        return _asked_first(token)
    try:
        who = await _redeemed(request, services, token)
    except Unauthenticated:
        return RedirectResponse("/?link=used", 303)
    return await _signed_in(request, who, RedirectResponse("/", 303))


async def _redeemed(request: Request, services: Services, token: str) -> Identity:
    address = request.client.host if request.client else ""
    async with services.failed_keys.trying(address):
        who = await run_in_threadpool(services.catalog.redeem_signin, token)
        if who is None:
            raise Unauthenticated("The link was used, or is too old.")
    return who


async def get_session(request: Request) -> Response:
    """Say who is signed in."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, None)
    return _json(_described(who, services.version))


async def end_session(request: Request) -> Response:
    """Sign out."""
    services: Services = request.app.state.services
    await identify(request.scope, services, None)
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
    if who.via is not Credential.KEY:
        raise Forbidden("A sign-in link is made with a key.")
    token = await run_in_threadpool(services.catalog.create_signin_link, who.key_id)
    return _json({"url": f"/signin?token={token.reveal()}", "expires_s": 900}, 201)


async def create_stream_token(request: Request) -> Response:
    """Make a token that opens live streams of the key's team for a while, as ``?token=``."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.READ)
    body = await read_whole(pieces(request.receive), _BYTES_MAX)
    try:
        wanted = msgspec.json.decode(body or b"{}", type=_NewStreamToken)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UnreadableBody('Send {"expires_s": 900} as JSON, or nothing.') from None
    longest_s = services.sessions.stream_token_s_max
    if not 1 <= wanted.expires_s <= longest_s:
        raise BadInput("expires_s", f"must be 1 to {longest_s}")
    token = await run_in_threadpool(services.catalog.create_stream_token, who, wanted.expires_s)
    return _json({"token": token.reveal(), "expires_s": wanted.expires_s}, 201)


def _asked_first(token: str) -> Response:
    """Show a page on which a person says that they want to sign in."""
    address = quote(token[:_TOKEN_CHARS_MAX], safe="")
    page = (
        "<!doctype html><html lang=en><meta charset=utf-8><title>Sign in to Livetally</title>"
        "<p>Another site's page has sent you here to sign in. Go on only if you meant to.</p>"
        f'<p><a href="/signin?token={address}">Sign in</a></p></html>'
    )
    return Response(page, headers={"Cache-Control": "no-store"}, media_type="text/html")


async def _signed_in(request: Request, who: Identity, response: Response) -> Response:
    services: Services = request.app.state.services
    ttl_s = services.sessions.ttl_s
    if before := session_token(request.headers):
        # Who signs in anew leaves no session behind that only the old cookie could end.
        await run_in_threadpool(services.catalog.end_session, before)
    token = await run_in_threadpool(services.catalog.create_session, who, ttl_s)
    response.set_cookie(
        COOKIE,
        token.reveal(),
        max_age=ttl_s,
        path="/",
        httponly=True,
        secure=services.sessions.secure or request.url.scheme == "https",
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
