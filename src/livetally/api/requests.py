"""Gives each request a name that its log lines and its answer carry, and measures it.

In the flow: called by ``guard`` around every request.
Guarantee: a name that a client or a proxy sends is taken over only if it is short and plain; what
is measured is sorted by the first part of the path, never by what a client made up.

Source: the header ``X-Request-Id`` as proxies set it; there is no standard for it.
"""

from __future__ import annotations

import itertools
import re
import secrets
from collections.abc import Mapping

from livetally.telemetry import REQUEST_SECONDS, Durations

__all__ = ["HEADER", "kind_of", "name_for", "name_of", "timer_of"]

HEADER = b"x-request-id"

_PLAIN = re.compile(r"[A-Za-z0-9._:/=+-]{1,64}")
_PROCESS = secrets.token_hex(4)
_numbers = itertools.count(1)
# Looked up once: there is one more for each request.
_TIMERS: dict[str, Durations] = {
    kind: REQUEST_SECONDS.labels(kind)
    for kind in ("events", "metrics", "entities", "live", "explore", "other")
}


def name_of(headers: Mapping[str, str]) -> str:
    """Return the name of a request: the one it brings, or a new one."""
    return name_for(headers.get("x-request-id", ""))


def name_for(sent: str) -> str:
    """Return the name of a request that brings this one; "" brings none."""
    return sent if sent and _PLAIN.fullmatch(sent) else f"{_PROCESS}-{next(_numbers):x}"


def kind_of(path: str) -> str:
    """Return which kind of request a path is: one of a few words."""
    second = path[4:].partition("/")[0] if path.startswith("/v1/") else ""
    return second if second in _TIMERS else "other"


def timer_of(kind: str) -> Durations:
    """Return what measures requests of a kind."""
    return _TIMERS[kind]
