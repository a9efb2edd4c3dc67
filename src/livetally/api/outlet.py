"""The way out of a live stream: the connection itself when the server lends it, else plain ASGI.

In the flow: called by ``live`` with a subscribed stream, opens it on a connection.
Guarantee: a stream leaves when its client has gone, however it was opened; one that can't be opened
ends, so that its client comes back, and is not counted any more; over plain ASGI, too, nothing
piles up for a client that does not read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

import anyio
import structlog
from starlette.types import Receive, Scope, Send

from livetally.api.guard import completed
from livetally.live import Outlet
from livetally.telemetry import DEFECTS

__all__ = ["STREAM_HEADERS", "Tap", "send_out"]

_log = structlog.get_logger("livetally.live")

STREAM_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    # Proxies must neither hold the bytes back nor pack them.
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
    (b"x-content-type-options", b"nosniff"),
)

_TAKE_OVER = "livetally.take_over"


class Tap(Protocol):
    """Who is told what happens to a connection."""

    def resumed(self) -> None:
        """Go on: the client takes more again."""
        ...

    def gone(self) -> None:
        """Stop: the connection is no more."""
        ...


TakeOver = Callable[[Iterable[tuple[bytes, bytes]], Tap], Outlet | None]


async def send_out(
    scope: Scope, receive: Receive, send: Send, tap: Tap, opened: Callable[[Outlet], None]
) -> None:
    """Answer 200 and open the stream: ``opened`` is called with where to write.

    Returns at once when the server lends its connection; else when the stream has ended.
    """
    take_over: TakeOver | None = scope.get("extensions", {}).get(_TAKE_OVER)
    if take_over is not None:
        outlet = take_over(completed(scope, STREAM_HEADERS), tap)
        if outlet is None or not _begins(opened, outlet):
            tap.gone()
        return
    try:
        await send({"type": "http.response.start", "status": 200, "headers": [*STREAM_HEADERS]})
        pump = _Pump(tap)
        if not _begins(opened, pump):
            return  # without the last message: the server ends the connection
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_until_gone, receive, tasks.cancel_scope)
            await pump.run(send)
            tasks.cancel_scope.cancel()
    finally:
        tap.gone()


def _begins(opened: Callable[[Outlet], None], outlet: Outlet) -> bool:
    """Open the stream; tell whether it is. The status is sent: all that is left is to end it.

    Nobody else would: whoever called has nothing more to do with a connection that was taken over.
    """
    try:
        opened(outlet)
    except Exception:  # noqa: BLE001 - whatever it is, the client must come back
        DEFECTS.labels("live opening").inc()
        _log.exception("a defect: please report it; ending the stream", loop="live opening")
        outlet.abort()
        return False
    return True


async def _until_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    """End the stream when its client has gone; nothing else would notice while it is idle."""
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


class _Pump:
    """An outlet over plain ASGI: one piece on its way, and paused until it has been taken."""

    def __init__(self, tap: Tap) -> None:
        self.paused = False
        self._tap = tap
        self._kept = b""
        self._closed = False
        self._wake = asyncio.Event()
        self._scope = anyio.CancelScope()

    def write(self, data: bytes) -> None:
        self._kept += data
        self.paused = True
        self._wake.set()

    def unsent_bytes(self) -> int:
        return len(self._kept)

    def close(self) -> None:
        self._closed = True
        self._wake.set()

    def abort(self) -> None:
        self._scope.cancel()

    async def run(self, send: Send) -> None:
        with self._scope:
            while True:
                await self._wake.wait()
                self._wake.clear()
                while self._kept:
                    data, self._kept = self._kept, b""
                    await send({"type": "http.response.body", "body": data, "more_body": True})
                if self._closed:
                    break
                self.paused = False
                self._tap.resumed()
            await send({"type": "http.response.body", "body": b""})
