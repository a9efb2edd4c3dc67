"""Who sent a request, and for which team: decided here for every route.

In the flow: called by each route before anything else, asks ``store.catalog`` through its cache.
Guarantee: no route runs without an identity except those that say so; a team is taken from the key
and nowhere else, but for an operator who names one; a change made with the console's cookie needs a
header that another site's page can't send.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import Scope as ConnectionScope

from livetally.api.services import Services
from livetally.errors import Forbidden, Unauthenticated, UnknownName
from livetally.tenancy import Credential, Identity, Scope

__all__ = ["CONSOLE_HEADER", "COOKIE", "identify", "session_token"]

COOKIE = "livetally_session"
CONSOLE_HEADER = "x-livetally-console"
_TEAM_HEADER = "x-livetally-team"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


async def identify(connection: ConnectionScope, services: Services, scope: Scope) -> Identity:
    """Return who sent the request, if they may do what ``scope`` names.

    Raises:
        Unauthenticated: no key, or one that is unknown, expired or revoked.
        Forbidden: the key lacks the scope, or may not act for the team it names.
    """
    headers = Headers(scope=connection)
    text = _sent(headers)
    if text is None:
        raise Unauthenticated(None)
    who = services.keys.peek(text) or await run_in_threadpool(services.keys.verify, text)
    if who is None:
        raise Unauthenticated("The key is unknown, expired or revoked.")
    if who.via is Credential.SESSION and connection["method"] not in _SAFE:
        _require_console(headers)
    who.require(scope)
    team = headers.get(_TEAM_HEADER)
    if team and team != who.team_name:
        who.require_operator()
        found = await run_in_threadpool(services.catalog.find_team, team)
        if found is None:
            raise UnknownName("X-Livetally-Team", "team", team[:63])
        who = who.acting_for(found.id, found.name)
    return who


def session_token(headers: Headers) -> str | None:
    """Return the token in the console's cookie."""
    return cookie_parser(headers.get("cookie", "")).get(COOKIE)


def _sent(headers: Headers) -> str | None:
    authorization = headers.get("authorization")
    if authorization:
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() != "bearer" or not value.strip():
            raise Unauthenticated("Send the key as 'Authorization: Bearer lt_...'.")
        return value.strip()
    return headers.get("x-api-key") or session_token(headers)


def _require_console(headers: Headers) -> None:
    """Refuse a change that another site's page may have caused.

    A page of another origin can't set this header without a CORS permission that is never given.
    """
    if headers.get(CONSOLE_HEADER) is None:
        raise Forbidden("A change with the session cookie needs the header X-Livetally-Console.")
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("A change with the session cookie must come from the console itself.")
