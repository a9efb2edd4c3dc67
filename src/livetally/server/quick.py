"""Plain requests are answered without an ASGI task: uvicorn's protocol, with a shorter way.

In the flow: stands between ``reading`` and ``lending``; offers each plain request to ``api.quick``
before it starts a task for it.
Guarantee: a request that is not taken is served exactly as uvicorn serves it, and from the same
state; one that is taken keeps its place among those that came before and after it on its
connection, and the server waits for its answer before it ends.

What uvicorn makes for each request, a scope and a cycle with an event, is for a task. It is made
only when it is known that there will be one.

A client that sends one event after the other over a connection sends the same head each time, but
for the length. The parser's word on those bytes is known, so it is not asked again.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any, NamedTuple

from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from livetally.api import LENGTH_DIGITS_MAX, Exchange, Plain, Quick
from livetally.server.reading import BoundedProtocol

__all__ = ["QuickProtocol"]

_OK = STATUS_LINE[200]
_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: ?([0-9]+)\r\n", re.IGNORECASE)
# A longer head than this is not kept. Nor is one looked for where so many were of no use.
_HEAD_BYTES_MAX = 2_048
_IN_VAIN_MAX = 8
# A timer may be early by what the loop's clock is coarser than its own.
_EARLY_S = 0.01


class _Head(NamedTuple):
    """The head of a plain request, cut where its length stands."""

    before: bytes
    after: bytes
    headers: list[tuple[bytes, bytes]]
    plain: Plain

    def body_in(self, data: bytes) -> bytes | None:
        """Return the body if ``data`` is this head, with any length, and the whole body."""
        start = len(self.before)
        end = data.find(b"\r", start, start + LENGTH_DIGITS_MAX + 1)
        if end < 0 or not data.startswith(self.before) or not data.startswith(self.after, end):
            return None
        length = data[start:end]
        body = data[end + len(self.after) :]
        return body if length.isdigit() and int(length) == len(body) else None


class QuickProtocol(BoundedProtocol):
    """uvicorn's own protocol, with a shorter way for what ``Quick`` takes."""

    def __init__(self, *rest: Any, quick: Quick | None, **more: Any) -> None:
        """Offer requests to ``quick``, if there is one; the rest is uvicorn's."""
        super().__init__(*rest, **more)
        self._quick = quick
        self._awaited: _Turn | None = None
        self._newest: Plain | None = None
        self._head: _Head | None = None
        self._in_vain = 0
        self._answered_s = 0.0

    def data_received(self, data: bytes) -> None:
        """Read on, or have a request answered whose head was read before."""
        between = self.is_between and self._unanswered() is None
        if between and self._head is not None:
            body = self._head.body_in(data)
            if body is not None and self._quick is not None and self._quick.takes(len(body)):
                self._in_vain = 0
                self._again(self._quick, self._head, body)
                return
        self._newest = None
        super().data_received(data)
        if between and self._in_vain < _IN_VAIN_MAX:
            self._remember(data)

    def _again(self, quick: Quick, head: _Head, body: bytes) -> None:
        """Have a request answered that has the same head as one before."""
        self.cycle = turn = _Turn(self, quick, head.plain, head.headers)
        turn.body += body
        turn.more_body = False
        if turn.admitted():
            turn.go()
        else:
            turn.start(self.app)

    def _remember(self, data: bytes) -> None:
        """Keep the head of a plain request, if ``data`` is that request and nothing else."""
        plain = self._newest
        if plain is None:
            return
        self._head = None
        self._in_vain += 1
        end = data.find(_END) + len(_END)
        if end > _HEAD_BYTES_MAX or plain.name:
            return
        length = _LENGTH.search(data, 0, end)
        if length is None or not self.is_between or int(length[1]) != len(data) - end:
            return
        before, after = data[: length.start(1)], data[length.end(1) : end]
        self._head = _Head(before, after, self.headers, plain)

    def connection_lost(self, exc: Exception | None) -> None:
        """End; nobody waits for a body that does not come."""
        self._awaited = None
        self._unset_keepalive_if_required()
        super().connection_lost(exc)
        if self._unanswered() is None:
            self.cycle = None  # type: ignore[assignment] # it may refer to this connection

    def on_message_complete(self) -> None:
        """End the reading of a request, and have it answered if that has waited for its body."""
        super().on_message_complete()
        if self._awaited is not None:
            turn, self._awaited = self._awaited, None
            turn.go()

    def begin_request(self) -> None:
        """Begin a request without what only a task needs."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []

    def on_request(self) -> None:
        """Have the request answered whose head was read, when it is its turn."""
        quick, plain = self._quick, None
        if quick is not None and self.url == Quick.PATH:
            parser = self.parser
            if parser.get_method() == b"POST" and parser.get_http_version() == "1.1":
                plain = quick.plain(self.headers)
        if quick is None or plain is None:
            url, headers, expect = self.url, self.headers, self.expect_100_continue
            super().begin_request()
            self.url, self.expect_100_continue = url, expect
            self.headers += headers
            super().on_request()
            return
        # As in uvicorn's own on_headers_complete.
        before: RequestResponseCycle | None = self.cycle
        self.cycle = turn = _Turn(self, quick, plain, self.headers)
        turn.keep_alive = self.parser.should_keep_alive()
        self._newest = plain
        if before is None or before.response_complete:
            self._start_asgi_task(turn, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((turn, self.app))

    def on_quick_complete(self) -> None:
        """Go on after an answer; the timer of the one before, if it still runs, will do."""
        if self.pipeline or self.flow.read_paused or self.timeout_keep_alive_task is None:
            self.on_response_complete()
        else:
            self.server_state.total_requests += 1
        self._answered_s = self.loop.time()

    def timeout_keep_alive_handler(self) -> None:
        """End a connection on which nothing comes."""
        self.timeout_keep_alive_task = None
        if self._unanswered() is not None:
            return  # its answer sets the timer
        left_s = self._answered_s + self.timeout_keep_alive - self.loop.time()
        if left_s > _EARLY_S:
            handler = self.timeout_keep_alive_handler
            self.timeout_keep_alive_task = self.loop.call_later(left_s, handler)
        else:
            super().timeout_keep_alive_handler()

    def start_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Have a request answered by ``app``, in a task."""
        super()._start_asgi_task(cycle, app)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Answer the request whose turn it is: this is called once for each."""
        if not isinstance(cycle, _Turn):
            self.start_task(cycle, app)
        elif not cycle.admitted():
            cycle.start(app)
        elif cycle.more_body:
            self._awaited = cycle
        else:
            cycle.go()


class _Nobody(asyncio.Event):
    """What tells a task that something came, where there is none."""

    def set(self) -> None:
        """Tell nobody."""


class _Turn(RequestResponseCycle):
    """A plain request; where its answer goes. It becomes a whole cycle when a task answers it."""

    # A cycle's beginning, which is seldom left but for its end.
    message_event = _Nobody()
    disconnected = False
    waiting_for_100_continue = False
    more_body = True
    response_started = False
    response_complete = False

    # What is in every answer for a second, and the lines that it makes.
    _common: tuple[list[tuple[bytes, bytes]], bytes] = ([], b"")

    def __init__(
        self,
        protocol: QuickProtocol,
        quick: Quick,
        plain: Plain,
        headers: list[tuple[bytes, bytes]],
    ) -> None:
        self.keep_alive = True
        self.body = bytearray()
        self._protocol = protocol
        self._quick = quick
        self._headers = headers
        self._plain = plain
        self._exchange: Exchange | None = None

    def admitted(self) -> bool:
        """Tell whether the sender is known, and may send."""
        self._exchange = self._quick.admit(self._plain, https=self._protocol.scheme == "https")
        return self._exchange is not None

    def go(self) -> None:
        """Offer the body, which is whole; have the application answer if it is declined."""
        assert self._exchange is not None
        if self.disconnected:
            return  # refused meanwhile: nothing that comes late is taken
        self.body = body = bytes(self.body)  # type: ignore[assignment] # nothing is added to it
        if not self._exchange.take(body, self):
            self.decline()

    def decline(self) -> None:
        """As ``WayOut`` says."""
        if not self.disconnected:
            self.start(self._protocol.app)

    @property
    def is_held_up(self) -> bool:
        """As ``WayOut`` says."""
        return self._protocol.flow.write_paused

    def run(self, app: ASGIApp) -> None:
        """As ``WayOut`` says: its body has been read."""
        self.body = bytearray()
        self.start(app)

    def start(self, app: ASGIApp) -> None:
        """Have an application read and answer it, in a task."""
        body, more_body, disconnected = bytearray(self.body), self.more_body, self.disconnected
        self._exchange = None  # they refer to each other no longer
        protocol = self._protocol
        super().__init__(
            scope=self._scope(),  # type: ignore[arg-type] # a dictionary of uvicorn's own form
            transport=protocol.transport,
            flow=protocol.flow,
            logger=protocol.logger,
            access_logger=protocol.access_logger,
            access_log=protocol.access_log,
            default_headers=protocol.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=self.keep_alive,
            on_response=protocol.on_response_complete,
        )
        self.body, self.more_body, self.disconnected = body, more_body, disconnected
        if body or not more_body or disconnected:
            self.message_event.set()
        protocol.start_task(self, app)

    def send_quick(self, lines: bytes, body: bytes) -> None:
        """As ``WayOut`` says."""
        self._exchange = None  # they refer to each other no longer
        self.body = b""  # type: ignore[assignment] # nothing is added to it
        if self.disconnected:
            return
        self.response_complete = True
        protocol = self._protocol
        transport = protocol.transport
        if not transport.is_closing():
            headers, common = _Turn._common
            if headers is not protocol.server_state.default_headers:
                headers = protocol.server_state.default_headers
                common = _OK + b"".join([b"%s: %s\r\n" % line for line in headers])
                _Turn._common = (headers, common)
            end = b"\r\n" if self.keep_alive else b"connection: close\r\n\r\n"
            transport.write(b"".join((common, lines, end, body)))
            if not self.keep_alive:
                transport.close()
        protocol.on_quick_complete()

    def _scope(self) -> dict[str, Any]:
        """Return the scope that uvicorn would have made."""
        protocol = self._protocol
        path = Quick.PATH.decode()
        return {
            "type": "http",
            "asgi": {"version": protocol.asgi_version, "spec_version": "2.3"},
            "http_version": "1.1",
            "server": protocol.server,
            "client": protocol.client,
            "scheme": protocol.scheme,
            "root_path": protocol.root_path,
            "headers": self._headers_now(),
            "state": protocol.app_state.copy(),
            "method": "POST",
            "path": protocol.root_path + path,
            "raw_path": protocol.root_path.encode() + Quick.PATH,
            "query_string": b"",
        }

    def _headers_now(self) -> list[tuple[bytes, bytes]]:
        """Return the request's headers; those of an earlier one have its length."""
        if self.more_body:
            return self._headers
        length = b"%d" % len(self.body)
        return [
            (name, length if name == b"content-length" else value) for name, value in self._headers
        ]
