"""Plain requests are answered without an ASGI task: uvicorn's protocol, with a shorter way.

In the flow: stands between ``reading`` and ``lending``; offers each request to ``api.quick`` before
it starts a task for it.
Guarantee: a request that is not taken is served exactly as uvicorn serves it, and from the same
state; one that is taken keeps its place among those that came before and after it on its
connection, and the server waits for its answer before it ends.
"""

from __future__ import annotations

from typing import Any, cast

from starlette.types import ASGIApp, Scope
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

    def on_message_complete(self) -> None:
        """End the reading of a request, and have it answered if that has waited for its body."""
        super().on_message_complete()
        if self._awaited is not None:
            awaited, self._awaited = self._awaited, None
            awaited.go()

    def start_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Have a request answered by ``app``, in a task."""
        super()._start_asgi_task(cycle, app)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Answer the request whose turn it is: uvicorn calls this once for each."""
        exchange = None if self._quick is None else self._quick.admit(cast("Scope", cycle.scope))
        if exchange is None:
            self.start_task(cycle, app)
            return
        turn = _Turn(self, cycle, app, exchange)
        if cycle.more_body:
            self._awaited = turn
        else:
            turn.go()


class _Turn:
    """A request that was admitted; where its answer goes."""

    __slots__ = ("_app", "_cycle", "_exchange", "_protocol")

    # What is in every answer for a second, and the lines that it makes.
    _common: tuple[list[tuple[bytes, bytes]], bytes] = ([], b"")

    def __init__(
        self, protocol: QuickProtocol, cycle: RequestResponseCycle, app: Any, exchange: Exchange
    ) -> None:
        self._protocol = protocol
        self._cycle = cycle
        self._app = app
        self._exchange = exchange

    def go(self) -> None:
        """Offer the body, which is whole; have ``app`` answer if it is declined."""
        cycle = self._cycle
        if cycle.disconnected:
            return  # refused meanwhile: nothing that comes late is taken
        if self._exchange.take(bytes(cycle.body), self):
            cycle.body.clear()
        else:
            self.run(self._app)

    @property
    def is_held_up(self) -> bool:
        return self._cycle.flow.write_paused

    def run(self, app: ASGIApp) -> None:
        self._protocol.start_task(self._cycle, app)

    def send(self, lines: bytes, body: bytes) -> None:
        cycle, protocol = self._cycle, self._protocol
        if cycle.disconnected:
            return
        cycle.response_started = cycle.response_complete = True
        cycle.on_response = _nothing  # they refer to each other no longer
        transport = cycle.transport
        if not transport.is_closing():
            headers, common = _Turn._common
            if headers is not protocol.server_state.default_headers:
                headers = protocol.server_state.default_headers
                common = _OK + b"".join([b"%s: %s\r\n" % line for line in headers])
                _Turn._common = (headers, common)
            end = b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n"
            transport.write(b"".join((common, lines, end, body)))
            if not cycle.keep_alive:
                transport.close()
        protocol.on_response_complete()


def _nothing() -> None:
    """Be told of an answer that is complete."""
