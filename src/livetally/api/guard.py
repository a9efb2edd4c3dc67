"""Stands around the whole application: the headers of every answer, and preflights.

In the flow: receives every request before the routes, and every answer after them.
Guarantee: no answer leaves without the headers that keep a browser from guessing its type, from
framing it, from running anything in it, and from telling others where a person came from; a stream
asks for them itself, because its answer does not come this way.

Source: W3C Content Security Policy 3; WHATWG Fetch (nosniff); W3C Referrer Policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from livetally.api.cors import ANSWER_HEADERS, preflight_headers
from livetally.api.headers import headers_of
from livetally.api.requests import HEADER, kind_of, name_of, timer_of
from livetally.api.services import Services
from livetally.errors import LivetallyError
from livetally.telemetry import ANSWERS
from livetally.tracing import span

__all__ = ["Guard", "answered", "answered_alike", "completed"]

_log = structlog.get_logger("livetally.api")

_Lines = list[tuple[bytes, bytes]]

_GUARDS: _Lines = [
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
]
# Looked up once: there is one more for each request.
_ANSWERS = {hundreds: ANSWERS.labels(f"{hundreds}xx") for hundreds in range(1, 6)}
_METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
_STRICT_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")


class Guard:
    """The outermost ASGI application."""

    def __init__(self, app: ASGIApp, services: Services, began_s: float | None = None) -> None:
        """Stand around ``app``: for all requests, or for one that began at ``began_s``."""
        self._began_s = began_s
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        name = name_of(headers_of(scope))
        kind = kind_of(scope["path"])
        structlog.contextvars.bind_contextvars(request=name)
        clock = self._services.clock
        began_s = clock.monotonic_s() if self._began_s is None else self._began_s

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                status = message["status"]
                took_s = clock.monotonic_s() - began_s
                answered(status, kind, took_s)
                told.set_attribute("http.response.status_code", status)
                message["headers"] = completed(scope, message.get("headers", ()))
                message["headers"].append((HEADER, name.encode()))
                if self._services.log_requests:
                    _log.info(
                        "request",
                        method=scope["method"],
                        kind=kind,
                        status=status,
                        ms=round(took_s * 1000, 1),
                    )
            await send(message)

        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        about = {"http.request.method": method, "livetally.kind": kind}
        with span(f"{method} {kind}", about, headers_of(scope)) as told:
            if method == "OPTIONS" and await self._preflight(scope, guarded):
                return
            await self._app(scope, receive, guarded)

    async def _preflight(self, scope: Scope, send: Send) -> bool:
        headers = headers_of(scope)
        if "origin" not in headers or "access-control-request-method" not in headers:
            return False
        try:
            lines = await preflight_headers(headers, self._services)
        except LivetallyError:
            lines = None  # the catalog can't be asked now: nobody is allowed
        status = 204 if lines is not None else 403
        await send({"type": "http.response.start", "status": status, "headers": lines or []})
        await send({"type": "http.response.body", "body": b""})
        return True


def answered(status: int, kind: str, took_s: float) -> None:
    """Count an answer to a request of a kind, ``took_s`` seconds after its headers."""
    _ANSWERS[status // 100].inc()
    timer_of(kind).observe(took_s)


def answered_alike(status: int, kind: str, took_s: Sequence[float]) -> None:
    """As ``answered``, for several of one status and kind."""
    _ANSWERS[status // 100].inc(len(took_s))
    timer_of(kind).observe_all(took_s)


def completed(scope: Scope, headers: Iterable[tuple[bytes, bytes]]) -> _Lines:
    """Return the headers with those that are missing; a route's own word stands."""
    lines = list(headers)
    names = {name for name, _ in lines}
    lines += [line for line in _GUARDS if line[0] not in names]
    lines += scope.get(ANSWER_HEADERS, ())
    if scope.get("scheme") == "https":
        lines.append(_STRICT_TRANSPORT)
    return lines
