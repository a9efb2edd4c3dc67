"""Queries an hour: who is charged, and what the answer says about it.

In the flow: asked by routes that make the store work for a key, counts through ``store.catalog``.
Guarantee: an exact moving window, kept over restarts and shared by all processes of one catalog;
cache hits, ``304``, the console's own session, open streams and operators are not charged.

Source: IETF draft "RateLimit header fields for HTTP", 10; RFC 9110, section 10.2.3 (Retry-After).
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from livetally.api.auth import identify
from livetally.api.services import Services
from livetally.errors import QuotaExceeded
from livetally.store.catalog import KeyRecord
from livetally.tenancy import Admission, Credential, Identity, MovingWindow, Scope

__all__ = ["charge", "get_quota", "queries_left"]

_POLICY = "queries"
_HOUR_S = 3_600
_HOUR_US = _HOUR_S * 1_000_000
_FREE = frozenset({Credential.SESSION, Credential.STREAM})


async def charge(services: Services, who: Identity) -> dict[str, str]:
    """Count one query of a key; return the headers that say what is left.

    Raises:
        QuotaExceeded: the key has used up its hour.
    """
    if who.operator or who.via in _FREE:
        return {}
    limit = services.queries_per_hour(who.team)
    window = MovingWindow(limit, _HOUR_US)
    verdict = await run_in_threadpool(services.catalog.charge_quota, who.key_id, window)
    headers = _headers(limit, verdict)
    if not verdict.allowed:
        raise QuotaExceeded(
            f"The key '{who.key_name}' has asked {limit} questions within an hour; the next is"
            f" possible in {verdict.retry_after_s} s. Answers that did not change, live streams and"
            " the console are free.",
            verdict.retry_after_s,
            headers,
            _POLICY,
        )
    return headers


async def get_quota(request: Request) -> Response:
    """Say how many questions the key has left; asking is free."""
    services: Services = request.app.state.services
    who = await identify(request.scope, services, Scope.READ)
    body: dict[str, int | None] = {"limit": None, "remaining": None, "window_s": _HOUR_S}
    headers = {"Cache-Control": "no-store"}
    if not (who.operator or who.via in _FREE):
        limit = services.queries_per_hour(who.team)
        verdict = await run_in_threadpool(_left, services, who.key_id, limit)
        body |= {"limit": limit, "remaining": verdict.remaining}
        headers |= _headers(limit, verdict)
    return Response(msgspec.json.encode(body), headers=headers, media_type="application/json")


def queries_left(services: Services, keys: Iterable[KeyRecord]) -> dict[str, dict[str, int]]:
    """Return ``limit`` and ``remaining`` of this hour for each key that is counted. Blocks."""
    found = {}
    for key in keys:
        if not (key.operator or key.revoked_us is not None):
            limit = services.queries_per_hour(key.team)
            left = _left(services, key.id, limit)
            found[key.id] = {"limit": limit, "remaining": left.remaining}
    return found


def _left(services: Services, key_id: str, limit: int) -> Admission:
    verdict = services.catalog.quota_left(key_id, MovingWindow(limit, _HOUR_US))
    # The verdict is on one question more: that one is still there to be asked.
    return verdict._replace(remaining=verdict.remaining + int(verdict.allowed))


def _headers(limit: int, verdict: Admission) -> dict[str, str]:
    return {
        "RateLimit-Policy": f'"{_POLICY}";q={limit};w={_HOUR_S}',
        "RateLimit": f'"{_POLICY}";r={verdict.remaining};t={verdict.reset_s}',
    }
