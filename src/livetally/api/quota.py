"""Queries an hour: who is charged, and what the answer says about it.

In the flow: asked by routes that make the store work for a key, counts through ``store.catalog``.
Guarantee: an exact moving window, kept over restarts and shared by all processes of one catalog;
cache hits, ``304``, the console's own session, open streams and operators are not charged.

Source: IETF draft "RateLimit header fields for HTTP"; RFC 9110, section 10.2.3 (Retry-After).
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool

from livetally.api.services import Services
from livetally.errors import QuotaExceeded
from livetally.tenancy import Admission, Credential, Identity, MovingWindow

__all__ = ["charge"]

_HOUR_US = 3_600_000_000
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
        )
    return headers


def _headers(limit: int, verdict: Admission) -> dict[str, str]:
    return {
        "RateLimit-Policy": f'"queries";q={limit};w=3600',
        "RateLimit": f'"queries";r={verdict.remaining};t={verdict.reset_s}',
    }
