"""Plain requests are answered without an ASGI task: uvicorn's protocol, with a shorter way.

In the flow: stands between ``reading`` and ``lending``; offers each plain request to ``api.quick``
before it starts a task for it.
Guarantee: a request that is not taken is served exactly as uvicorn serves it, and from the same
state; one that is taken keeps its place among those that came before and after it on its
connection, and the server waits for its answer before it ends.

What uvicorn makes for each request, a scope and a cycle with an event, is for a task. It is made
only when it is known that there will be one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from livetally.api import Exchange, Quick
from livetally.server.reading import BoundedProtocol

__all__ = ["QuickProtocol"]

_OK = STATUS_LINE[200]


class QuickProtocol(BoundedProtocol):
    """uvicorn's own protocol, with a shorter way for what ``Quick`` takes."""

    def __init__(self, *rest: Any, quick: Quick | None, **more: Any) -> None:
        """Offer requests to ``quick``, if there is one; the rest is uvicorn's."""
        super().__init__(*rest, **more)
        self._quick = quick
        self._awaited: _Turn | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """End; nobody waits for a body that does not come."""
        self._awaited = None
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
        quick, named = self._quick, None
        if quick is not None and self.url == Quick.PATH:
            parser = self.parser
            if parser.get_method() == b"POST" and parser.get_http_version() == "1.1":
                named = quick.plain(self.headers)
        if quick is None or named is None:
            url, headers, expect = self.url, self.headers, self.expect_100_continue
            super().begin_request()
            self.url, self.expect_100_continue = url, expect
            self.headers += headers
            super().on_request()
            return
        # As in uvicorn's own on_headers_complete.
        before: RequestResponseCycle | None = self.cycle
        self.cycle = turn = _Turn(self, quick, named)
        if before is None or before.response_complete:
            self._start_asgi_task(turn, self.app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((turn, self.app))

    def start_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Have a request answered by ``app``, in a task."""
        super()._start_asgi_task(cycle, app)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Answer the request whose turn it is: this is called once for each."""
        if not isinstance(cycle, _Turn):
            self.start_task(cycle, app)
        elif not cycle.admitted():
            cycle.run(app)
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

    def __init__(self, protocol: QuickProtocol, quick: Quick, named: Mapping[bytes, bytes]) -> None:
        self.keep_alive = protocol.parser.should_keep_alive()
        self.body = bytearray()
        self._protocol = protocol
        self._quick = quick
        self._headers = protocol.headers
        self._named = named
        self._exchange: Exchange | None = None

    def admitted(self) -> bool:
        """Tell whether the sender is known, and may send."""
        self._exchange = self._quick.admit(self._named, https=self._protocol.scheme == "https")
        return self._exchange is not None

    def go(self) -> None:
        """Offer the body, which is whole; have the application answer if it is declined."""
        assert self._exchange is not None
        if self.disconnected:
            return  # refused meanwhile: nothing that comes late is taken
        if self._exchange.take(bytes(self.body), self):
            self.body.clear()
        else:
            self.run(self._protocol.app)

    @property
    def is_held_up(self) -> bool:
        """As ``WayOut`` says."""
        return self._protocol.flow.write_paused

    def run(self, app: ASGIApp) -> None:
        """As ``WayOut`` says."""
        body, more_body, disconnected = self.body, self.more_body, self.disconnected
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
        self._exchange = None  # they refer to each other no longer
        protocol.on_response_complete()

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
            "headers": self._headers,
            "state": protocol.app_state.copy(),
            "method": "POST",
            "path": protocol.root_path + path,
            "raw_path": protocol.root_path.encode() + Quick.PATH,
            "query_string": b"",
        }
