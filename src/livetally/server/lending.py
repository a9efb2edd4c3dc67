"""Lets an endpoint take its connection over, and write to it without a task or a framework.

In the flow: speaks HTTP for uvicorn; ``api.outlet`` finds the offer in a request's ``extensions``.
Guarantee: a request that is not taken over is served exactly as uvicorn serves it; a connection
that is taken over is forgotten by uvicorn, and belongs to whoever took it until it is lost.

An open stream that waits in an ASGI endpoint costs a task, the frames of every middleware and the
state of a request that is long over. What remains of it here is the connection.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterable
from functools import partial
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from livetally.api import Tap
from livetally.server.crowd import Crowd
from livetally.server.quick import QuickProtocol

__all__ = ["LendingProtocol", "TakenConnection"]

# What is kept for a client that does not read, before its stream is told to wait.
_UNSENT_BYTES_MAX = 16 * 1024
# A client whose machine has vanished is noticed after so long, not after the kernel's quarter hour.
_USER_TIMEOUT_MS = 30_000


class LendingProtocol(QuickProtocol):
    """uvicorn's own protocol, with the offer in every request that is answered in a task."""

    def start_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Have a request answered; its endpoint may take the connection over."""
        offer = partial(self.take_over, cycle)
        cycle.scope["extensions"] = {"livetally.take_over": offer}  # type: ignore[dict-item]
        super().start_task(cycle, app)

    def take_over(
        self, cycle: RequestResponseCycle, headers: Iterable[tuple[bytes, bytes]], tap: Tap
    ) -> TakenConnection | None:
        """Answer 200 with ``headers`` and hand the connection over; None when it is lost already.

        ``cycle`` is the request that is answered: another one may have come behind it already, and
        is dropped. ``tap`` is told of what happens to the connection. The endpoint has nothing more
        to send, and returns.
        """
        transport = self.transport
        cycle.disconnected = True  # the endpoint's end is not the answer's end
        self.pipeline.clear()
        if transport.is_closing():
            return None
        self._unset_keepalive_if_required()
        self.flow.resume_reading()
        self.connections.discard(self)
        lines = [b"HTTP/1.1 200 OK\r\n"]
        for name, value in (*self.server_state.default_headers, *headers):
            lines.append(b"%s: %s\r\n" % (name, value))
        # Some clients read a body of unknown length in blocks, and a chunk as it comes.
        chunked = cycle.scope["http_version"] != "1.0"
        if chunked:
            lines.append(b"transfer-encoding: chunked\r\n")
        lines.append(b"connection: close\r\n\r\n")
        transport.write(b"".join(lines))
        taken = TakenConnection(transport, tap, self._crowd, chunked=chunked)
        transport.set_protocol(taken)
        # They refer to each other; a parser is not even seen by the garbage collector.
        self.parser = self.scope = self.cycle = None  # type: ignore[assignment]
        return taken


class TakenConnection(asyncio.Protocol):
    """A connection that only writes. Used on the event loop's thread only."""

    __slots__ = ("_chunked", "_crowd", "_tap", "_transport", "paused")

    # What was written last, to any client, and the chunk that it made: a change goes to thousands.
    _last: tuple[bytes, bytes] = (b"", b"")

    def __init__(
        self, transport: asyncio.Transport, tap: Tap, crowd: Crowd, *, chunked: bool
    ) -> None:
        """Write to ``transport``, in chunks if so, and tell ``tap`` what happens to it.

        ``crowd`` is told when its place is free.
        """
        self._transport = transport
        self._tap = tap
        self._crowd = crowd
        self._chunked = chunked
        self.paused = False
        transport.set_write_buffer_limits(high=_UNSENT_BYTES_MAX)
        _tune(transport.get_extra_info("socket"))

    def write(self, data: bytes) -> None:
        """Send, or keep until it can be sent."""
        if self._chunked:
            last, chunk = TakenConnection._last
            if data is not last:
                chunk = b"%x\r\n%s\r\n" % (len(data), data)
                TakenConnection._last = (data, chunk)
            data = chunk
        self._transport.write(data)

    def unsent_bytes(self) -> int:
        """Return how much was kept."""
        return self._transport.get_write_buffer_size()

    def close(self) -> None:
        """End the connection after what was written."""
        if self._chunked and not self._transport.is_closing():
            self._transport.write(b"0\r\n\r\n")
        self._transport.close()

    def abort(self) -> None:
        """End the connection now."""
        self._transport.abort()

    def pause_writing(self) -> None:
        """Take note that the client does not read fast enough."""
        self.paused = True

    def resume_writing(self) -> None:
        """Go on with what the stream has to say by now."""
        self.paused = False
        self._tap.resumed()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's form
        """End the stream."""
        self._crowd.leave()
        self._tap.gone()


def _tune(connection: Any) -> None:
    """Keep the kernel from holding back news, and from hoarding what nobody reads."""
    options = (
        # What waits should wait here, where it can still be replaced by something newer.
        ("TCP_NOTSENT_LOWAT", _UNSENT_BYTES_MAX),
        ("TCP_USER_TIMEOUT", _USER_TIMEOUT_MS),
        ("TCP_NODELAY", 1),
    )
    for name, value in options:
        option = getattr(socket, name, None)
        if option is not None and connection is not None:
            # Not every system, and not every kind of socket, has each of them.
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.IPPROTO_TCP, option, value)
