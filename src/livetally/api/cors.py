"""Which other origins' pages may read an answer: none, but those that a team has listed.

In the flow: told by ``auth`` who asks, leaves headers for ``guard`` to send.
Guarantee: only reads, only with a key or a stream token that the page holds itself, never with the
console's cookie: credentials are never allowed.

Source: WHATWG Fetch, section 3.2 (HTTP CORS protocol).
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool
from starlette.types import Scope as ConnectionScope

from livetally.api.services import Services
from livetally.tenancy import Credential, Identity

__all__ = ["ANSWER_HEADERS", "allow_origin", "preflight_headers"]

ANSWER_HEADERS = "livetally.headers"
"""Under this name the ASGI scope holds headers that ``guard`` adds to the answer."""

_READS = frozenset({"GET", "HEAD"})
_EXPOSED = (
    b"ETag, Link, RateLimit, RateLimit-Policy, Retry-After, X-Livetally-Gone-Before,"
    b" X-Livetally-Standard-Error, X-Livetally-Truncated"
)
_SENDABLE = b"Authorization, X-API-Key, Accept, If-None-Match, Last-Event-ID"
_PREFLIGHT_S = b"600"

_Lines = list[tuple[bytes, bytes]]


async def allow_origin(
    connection: ConnectionScope, headers: Mapping[str, str], services: Services, who: Identity
) -> None:
    """Let the page that asks read the answer, if the team has listed its origin."""
    origin = headers.get("origin")
    if origin is None or connection["method"] not in _READS or who.via is Credential.SESSION:
        return
    lines: _Lines = [(b"vary", b"Origin")]
    if origin in await run_in_threadpool(services.allowed_origins, who.team):
        lines += [
            (b"access-control-allow-origin", origin.encode("latin-1")),
            (b"access-control-expose-headers", _EXPOSED),
        ]
    connection[ANSWER_HEADERS] = lines


async def preflight_headers(headers: Mapping[str, str], services: Services) -> _Lines | None:
    """Answer whether a page may send its key: None when no team has listed its origin.

    A preflight carries no key, so the team is not known yet; the answer to the request itself is
    readable only if the key's own team has listed the origin.
    """
    origin = headers.get("origin", "")
    if headers.get("access-control-request-method") not in _READS:
        return None
    if origin not in await run_in_threadpool(services.allowed_origins, None):
        return None
    return [
        (b"access-control-allow-origin", origin.encode("latin-1")),
        (b"access-control-allow-methods", b"GET, HEAD"),
        (b"access-control-allow-headers", _SENDABLE),
        (b"access-control-max-age", _PREFLIGHT_S),
        (b"vary", b"Origin"),
    ]
