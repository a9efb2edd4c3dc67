"""AWS Lambda handlers: the way in, and the questions, as functions in front of a server.

In the flow: Lambda calls ``ingest`` or ``queries`` with a request of API Gateway or a function URL;
``Gateway`` hands it to the server at ``LIVETALLY_URL`` and its answer back.
Guarantee: a function lets through its own kind of request and no other; what the server
acknowledged is acknowledged, everything else is told as it is, and may be sent again.

A function has no disk of its own, so it keeps nothing: the store is a server's. Answers are whole,
so live streams have to go to the server itself.

    handler = livetally.serverless.ingest    # POST /v1/events and actions
    handler = livetally.serverless.queries   # GET /v1/metrics, /v1/entities, /v1/events, /v1/quota
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from functools import cache
from typing import Any, Final

import httpx2
import msgspec
from mangum import Mangum

from livetally.errors import SettingInvalid
from livetally.settings import load_secrets

__all__ = ["Gateway", "ingest", "queries"]

Message = MutableMapping[str, Any]

_INGEST: Final = (
    ("POST", re.compile(r"/v1/events")),
    ("POST", re.compile(r"/v1/entities/[^/]+/[^/]+/actions/[^/]+")),
)
_QUERIES: Final = (
    ("GET", re.compile(r"/v1/(?:metrics(?:/[^/]+)?|events|quota)")),
    ("GET", re.compile(r"/v1/entities/[^/]+(?:/[^/]+(?:/events)?)?")),
)
_TIMEOUT_S: Final = 25.0
# What belongs to one connection, or is said anew for the next.
_OF_THE_CONNECTION: Final = frozenset(
    {
        b"connection",
        b"content-length",
        b"host",
        b"keep-alive",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)


class Gateway:
    """An ASGI application that hands some requests on to a server."""

    def __init__(self, url: str, routes: Iterable[tuple[str, re.Pattern[str]]]) -> None:
        """Hand requests with one of these methods and paths to the server at ``url``."""
        self._url = url.rstrip("/")
        self._routes = tuple(routes)

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Answer one request."""
        method, path = scope["method"], scope["path"]
        headers = [(name.lower(), value) for name, value in scope["headers"]]
        if not any(method == one and pattern.fullmatch(path) for one, pattern in self._routes):
            await _refuse(send, 404, f"{method} {path[:200]} is not possible here.")
        elif any(name == b"accept" and b"event-stream" in value for name, value in headers):
            await _refuse(send, 406, "A function has no streams: ask the server itself.")
        else:
            await self._hand_on(scope, headers, await _body(receive), send)

    async def _hand_on(
        self,
        scope: Message,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        raw = scope.get("raw_path") or scope["path"].encode()
        query = scope["query_string"]
        address = self._url + raw.decode("ascii") + ("?" + query.decode("ascii") if query else "")
        kept = [(name, value) for name, value in headers if name not in _OF_THE_CONNECTION]
        try:
            async with httpx2.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client:
                reply = await client.request(scope["method"], address, headers=kept, content=body)
        except httpx2.TransportError:
            await _refuse(send, 503, "The server can't be reached; send it again.")
            return
        told = [
            (name.lower(), value)
            for name, value in reply.headers.raw
            # The client has unpacked the body.
            if name.lower() not in _OF_THE_CONNECTION | {b"content-encoding"}
        ]
        await _answer(send, reply.status_code, told, reply.content)


@cache
def _function(kind: str) -> Mangum:
    url = load_secrets()("LIVETALLY_URL")
    if not url:
        raise SettingInvalid("LIVETALLY_URL is not set: it is to hold the server's address.")
    gateway = Gateway(url, _INGEST if kind == "ingest" else _QUERIES)
    return Mangum(gateway, lifespan="off")


def ingest(event: Any, context: Any) -> Any:
    """Take events and actions: a Lambda handler."""
    return _function("ingest")(event, context)


def queries(event: Any, context: Any) -> Any:
    """Answer questions: a Lambda handler."""
    return _function("queries")(event, context)


async def _body(receive: Callable[[], Awaitable[Message]]) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _refuse(send: Callable[[Message], Awaitable[None]], status: int, detail: str) -> None:
    """Answer problem details, as the server does."""
    body = msgspec.json.encode({"type": "about:blank", "status": status, "detail": detail})
    headers = [(b"content-type", b"application/problem+json")]
    if status == 503:  # noqa: PLR2004 - HTTP's own number
        headers.append((b"retry-after", b"1"))
    await _answer(send, status, headers, body)


async def _answer(
    send: Callable[[Message], Awaitable[None]],
    status: int,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
