"""Who sent a request, and for which team: decided here for every route.

In the flow: called by each route before anything else, asks ``store.catalog`` through its cache.
Guarantee: no route runs without an identity except those that say so; a team is taken from the key
and nowhere else, but for an operator who names one. The cookie carries a session and nothing else,
and a change made with it needs a header that another site's page can't send. A stream token opens
live reads and nothing else, and stands in an address only there.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import cookie_parser
from starlette.types import Scope as ConnectionScope

from livetally.api.cors import allow_origin
from livetally.api.headers import headers_of
from livetally.api.services import Services
from livetally.errors import Forbidden, Unauthenticated, UnknownName
from livetally.tenancy import Credential, Identity, Scope, TokenKind

__all__ = [
    "CONSOLE_HEADER",
    "COOKIE",
    "TEAM_HEADER",
    "TOKEN",
    "identify",
    "identify_as",
    "recognise",
    "session_token",
]

COOKIE = "livetally_session"
CONSOLE_HEADER = "x-livetally-console"
TEAM_HEADER = "x-livetally-team"
TOKEN = "token"  # noqa: S105 - the name of a parameter, not its value
_STREAM_PREFIX = f"{TokenKind.STREAM.value}_"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


async def identify(
    connection: ConnectionScope, services: Services, scope: Scope | None, *, live: bool = False
) -> Identity:
    """Return who sent the request, if they may do what ``scope`` names.

    Args:
        connection: the request's ASGI scope.
        services: who knows the keys.
        scope: what the key must be allowed to do; None: whatever it may.
        live: whether this is a live read: only that may be done with a stream token.

    Raises:
        Unauthenticated: no key, or one that is unknown, expired or revoked.
        Forbidden: the key lacks the scope, or may not act for the team it names; the cookie holds
            no session, or a stream token was sent where it does not belong.
        UnknownName: an operator names a team that does not exist.
    """
    headers = headers_of(connection)
    text = _sent(headers)
    in_cookie = False
    if text is None and live:
        text = QueryParams(connection["query_string"]).get(TOKEN)
        if text is not None and not text.startswith(_STREAM_PREFIX):
            # A key in an address ends up in histories and logs.
            raise Forbidden(f"Only a stream token may be sent as '{TOKEN}'.")
    if text is None:
        text = session_token(headers)
        in_cookie = text is not None
    if text is None:
        raise Unauthenticated(None)
    who = await recognise(connection, services, text)
    await allow_origin(connection, headers, services, who)
    _require_door(connection, headers, who, in_cookie=in_cookie, live=live)
    if scope is not None:
        who.require(scope)
    return await _for_team(headers, services, who)


async def identify_as(
    connection: ConnectionScope, services: Services, scope: Scope, text: str
) -> Identity:
    """Return whose key ``text`` is, for a route that found it in a place of its own.

    Raises:
        Unauthenticated: nobody's, or no longer.
        Forbidden: the key lacks the scope, or may not act for the team it names.
        UnknownName: an operator names a team that does not exist.
    """
    headers = headers_of(connection)
    who = await recognise(connection, services, text)
    await allow_origin(connection, headers, services, who)
    _require_door(connection, headers, who, in_cookie=False, live=False)
    who.require(scope)
    return await _for_team(headers, services, who)


async def recognise(connection: ConnectionScope, services: Services, text: str) -> Identity:
    """Return whose key or token this is.

    Raises:
        Unauthenticated: nobody's, or no longer.
        QuotaExceeded: too many wrong ones came from this address.
    """
    who = services.keys.peek(text)
    if who is not None:
        return who
    address = (connection.get("client") or ("",))[0]
    async with services.failed_keys.trying(address):
        who = await run_in_threadpool(services.keys.verify, text)
        if who is None:
            raise Unauthenticated("The key is unknown, expired or revoked.")
    return who


def session_token(headers: Mapping[str, str]) -> str | None:
    """Return the token in the console's cookie."""
    return cookie_parser(headers.get("cookie", "")).get(COOKIE)


def _sent(headers: Mapping[str, str]) -> str | None:
    authorization = headers.get("authorization")
    if authorization:
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() != "bearer" or not value.strip():
            raise Unauthenticated("Send the key as 'Authorization: Bearer lt_...'.")
        return value.strip()
    return headers.get("x-api-key") or None


def _require_door(
    connection: ConnectionScope,
    headers: Mapping[str, str],
    who: Identity,
    *,
    in_cookie: bool,
    live: bool,
) -> None:
    """Let each kind of credential through its own doors only."""
    if in_cookie and who.via is not Credential.SESSION:
        # A browser sends a cookie by itself: what it can do is bounded by what a session can.
        raise Forbidden(
            "The cookie holds no session. Send a key as 'Authorization: Bearer lt_...'."
        )
    if who.via is Credential.STREAM and not live:
        raise Forbidden("A stream token opens live streams, and nothing else.")
    if who.via is Credential.SESSION and connection["method"] not in _SAFE:
        _require_console(headers)


async def _for_team(headers: Mapping[str, str], services: Services, who: Identity) -> Identity:
    """Return the identity as a member of the team that the request names."""
    team = headers.get(TEAM_HEADER)
    if not team or team == who.team_name:
        return who
    who.require_operator()
    found = await run_in_threadpool(services.catalog.find_team, team)
    if found is None:
        raise UnknownName("X-Livetally-Team", "team", team[:63])
    return who.acting_for(found.id, found.name)


def _require_console(headers: Mapping[str, str]) -> None:
    """Refuse a change that another site's page may have caused.

    A page of another origin can't set this header without a CORS permission that is never given.
    """
    if headers.get(CONSOLE_HEADER) is None:
        raise Forbidden("A change with the session cookie needs the header X-Livetally-Console.")
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("A change with the session cookie must come from the console itself.")
