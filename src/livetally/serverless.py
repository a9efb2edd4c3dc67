"""The API as processes of its own, in front of a server: AWS Lambda handlers, an ASGI application.

In the flow: Lambda calls ``ingest`` or ``queries`` with a request of API Gateway or a function URL,
an ASGI server calls ``api``; ``Gateway`` hands it to the server at ``LIVETALLY_URL`` and the answer
back.
Guarantee: each lets through its own kinds of request and no other; what the server acknowledged is
acknowledged, everything else is told as it is, and may be sent again.

Neither has a disk of its own, so it keeps nothing: the store is a server's. A function's answers
are whole, so live streams have to go to the server itself or to ``api``.

    handler = livetally.serverless.ingest    # POST /v1/events and actions
    handler = livetally.serverless.queries   # GET /v1/metrics, /v1/entities, /v1/events, /v1/quota
    uvicorn livetally.serverless:api         # both, and streams
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from functools import cache
from typing import Any, Final

import anyio
import httpx2
import msgspec
from mangum import Mangum

from livetally.errors import SettingInvalid
from livetally.settings import load_secrets

__all__ = ["Gateway", "api", "ingest", "queries"]

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_INGEST: Final = (
    ("POST", re.compile(r"/v1/events")),
    ("POST", re.compile(r"/v1/entities/[^/]+/[^/]+/actions/[^/]+")),
)
_QUERIES: Final = (
    ("GET", re.compile(r"/v1/(?:metrics(?:/[^/]+)?|events|quota)")),
    ("GET", re.compile(r"/v1/entities/[^/]+(?:/[^/]+(?:/events)?)?")),
)
_TIMEOUT_S: Final = 25.0
_FORWARDED: Final = b"x-forwarded-for"
# A live stream is silent for as long as nothing happens, but for a sign of life now and then.
_STREAM_TIMEOUTS: Final = httpx2.Timeout(_TIMEOUT_S, read=120.0)
_UNREACHABLE: Final = "The server can't be reached; send it again."
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

    def __init__(
        self, url: str, routes: Iterable[tuple[str, re.Pattern[str]]], *, streams: bool = False
    ) -> None:
        """Hand requests with one of these methods and paths to the server at ``url``.

        Args:
            url: the server's address.
            routes: methods and paths.
            streams: also live ones.
        """
        self._url = url.rstrip("/")
        self._routes = tuple(routes)
        self._streams = streams

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer one request."""
        method, path = scope["method"], scope["path"]
        headers = [(name.lower(), value) for name, value in scope["headers"]]
        is_live = any(name == b"accept" and b"event-stream" in value for name, value in headers)
        if not any(method == one and pattern.fullmatch(path) for one, pattern in self._routes):
            await _refuse(send, 404, f"{method} {path[:200]} is not possible here.")
        elif not is_live:
            await self._hand_on(self._request(scope, headers, await _body(receive)), send)
        elif self._streams:
            await self._hand_on_live(self._request(scope, headers, b""), receive, send)
        else:
            await _refuse(send, 406, "A function has no streams: ask the server itself.")

    def _request(self, scope: Message, headers: Headers, body: bytes) -> httpx2.Request:
        raw = scope.get("raw_path") or scope["path"].encode()
        query = scope["query_string"]
        address = self._url + raw.decode("ascii") + ("?" + query.decode("ascii") if query else "")
        left_out = {*_OF_THE_CONNECTION, _FORWARDED}
        kept = [(name, value) for name, value in headers if name not in left_out]
        way = [value for name, value in headers if name == _FORWARDED]
        if client := scope.get("client"):  # for a server with --behind-proxy
            way.append(client[0].encode("ascii"))
        if way:
            kept.append((_FORWARDED, b", ".join(way)))
        return httpx2.Request(scope["method"], address, headers=kept, content=body)

    async def _hand_on(self, request: httpx2.Request, send: Send) -> None:
        try:
            async with httpx2.AsyncClient(timeout=_TIMEOUT_S, trust_env=False) as client:
                reply = await client.send(request)
        except httpx2.TransportError:
            await _refuse(send, 503, _UNREACHABLE)
            return
        await _answer(send, reply.status_code, _told(reply), reply.content)

    async def _hand_on_live(self, request: httpx2.Request, receive: Receive, send: Send) -> None:
        """Hand a stream on until either end has had enough."""
        async with anyio.create_task_group() as tasks:

            async def end_with_the_client() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                tasks.cancel_scope.cancel()

            tasks.start_soon(end_with_the_client)
            await _copy_stream(request, send)
            tasks.cancel_scope.cancel()


async def _copy_stream(request: httpx2.Request, send: Send) -> None:
    begun = False
    try:
        async with httpx2.AsyncClient(timeout=_STREAM_TIMEOUTS, trust_env=False) as client:
            reply = await client.send(request, stream=True)
            try:
                head = {"status": reply.status_code, "headers": _told(reply)}
                await send({"type": "http.response.start", **head})
                begun = True
                async for part in reply.aiter_bytes():
                    await send({"type": "http.response.body", "body": part, "more_body": True})
            finally:
                await reply.aclose()
    except httpx2.TransportError:
        if not begun:
            await _refuse(send, 503, _UNREACHABLE)
            return
    # A stream that broke ends here too: its client connects again, and goes on from its last id.
    await send({"type": "http.response.body", "body": b""})


def _told(reply: httpx2.Response) -> Headers:
    """Return the headers to tell; the body is told unpacked."""
    left_out = _OF_THE_CONNECTION | {b"content-encoding"}
    named = [(name.lower(), value) for name, value in reply.headers.raw]
    return [(name, value) for name, value in named if name not in left_out]


def _url() -> str:
    url = load_secrets()("LIVETALLY_URL")
    if not url:
        raise SettingInvalid("LIVETALLY_URL is not set: it is to hold the server's address.")
    return url


@cache
def _function(kind: str) -> Mangum:
    gateway = Gateway(_url(), _INGEST if kind == "ingest" else _QUERIES)
    return Mangum(gateway, lifespan="off")


@cache
def _process() -> Gateway:
    return Gateway(_url(), (*_INGEST, *_QUERIES), streams=True)


async def api(scope: Message, receive: Receive, send: Send) -> None:
    """Take events and actions, answer questions, hand streams on: an ASGI application.

    Raises:
        SettingInvalid: ``LIVETALLY_URL`` is not set; at the start already.
    """
    gateway = _process()
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})
    elif scope["type"] == "http":
        await gateway(scope, receive, send)
    else:
        await send({"type": "websocket.close"})


def ingest(event: Any, context: Any) -> Any:
    """Take events and actions: a Lambda handler."""
    return _function("ingest")(event, context)


def queries(event: Any, context: Any) -> Any:
    """Answer questions: a Lambda handler."""
    return _function("queries")(event, context)


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _refuse(send: Send, status: int, detail: str) -> None:
    """Answer problem details, as the server does."""
    body = msgspec.json.encode({"type": "about:blank", "status": status, "detail": detail})
    headers = [(b"content-type", b"application/problem+json")]
    if status == 503:  # noqa: PLR2004 - HTTP's own number
        headers.append((b"retry-after", b"1"))
    await _answer(send, status, headers, body)


async def _answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
