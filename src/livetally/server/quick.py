"""Plain requests are answered without an ASGI task: uvicorn's protocol, with a shorter way.

In the flow: stands between ``reading`` and ``lending``; offers each request to ``api.quick`` before
it starts a task for it.
Guarantee: a request that is not taken is served exactly as uvicorn serves it, and from the same
state; one that is taken keeps its place among those that came before and after it on its
connection, and the server waits for its answer before it ends.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from livetally.api import Exchange, Quick
from livetally.server.reading import BoundedProtocol

__all__ = ["QuickProtocol"]

_OK = STATUS_LINE[200]


class _Awaited(NamedTuple):
    """A request that was admitted, and whose body is not whole yet."""

    cycle: RequestResponseCycle
    app: Any
    exchange: Exchange


class QuickProtocol(BoundedProtocol):
    """uvicorn's own protocol, with a shorter way for what ``Quick`` takes."""

    def __init__(self, *rest: Any, quick: Quick | None, **more: Any) -> None:
        """Offer requests to ``quick``, if there is one; the rest is uvicorn's."""
        super().__init__(*rest, **more)
        self._quick = quick
        self._awaited: _Awaited | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """End; nobody waits for a body that does not come."""
        self._awaited = None
        super().connection_lost(exc)

    def on_message_complete(self) -> None:
        """End the reading of a request, and have it answered if that has waited for its body."""
        super().on_message_complete()
        if self._awaited is not None:
            awaited, self._awaited = self._awaited, None
            self._take(*awaited)

    def run(self, cycle: RequestResponseCycle, app: ASGIApp) -> None:
        """Have a request answered by ``app``, in a task."""
        super()._start_asgi_task(cycle, app)  # type: ignore[arg-type] # one protocol, two spellings

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Answer the request whose turn it is: uvicorn calls this once for each."""
        exchange = None if self._quick is None else self._quick.admit(cycle.scope)  # type: ignore[arg-type]
        if exchange is None:
            super()._start_asgi_task(cycle, app)
        elif cycle.more_body:
            self._awaited = _Awaited(cycle, app, exchange)
        else:
            self._take(cycle, app, exchange)

    def _take(self, cycle: RequestResponseCycle, app: Any, exchange: Exchange) -> None:
        if exchange.take(bytes(cycle.body), _WayOut(self, cycle)):
            cycle.body.clear()
        else:
            super()._start_asgi_task(cycle, app)


class _WayOut:
    """Where the answer to one request goes."""

    __slots__ = ("_cycle", "_protocol")

    def __init__(self, protocol: QuickProtocol, cycle: RequestResponseCycle) -> None:
        self._protocol = protocol
        self._cycle = cycle

    @property
    def is_held_up(self) -> bool:
        return self._cycle.flow.write_paused

    def send(self, lines: bytes, body: bytes) -> None:
        cycle = self._cycle
        if cycle.disconnected:
            return
        cycle.response_started = cycle.response_complete = True
        transport = cycle.transport
        if not transport.is_closing():
            parts = [_OK]
            parts += [b"%s: %s\r\n" % line for line in self._protocol.server_state.default_headers]
            parts += (lines, b"\r\n" if cycle.keep_alive else b"connection: close\r\n\r\n", body)
            transport.write(b"".join(parts))
            if not cycle.keep_alive:
                transport.close()
        cycle.on_response = _nothing  # they refer to each other no longer
        self._protocol.on_response_complete()

    def run(self, app: ASGIApp) -> None:
        self._protocol.run(self._cycle, app)


def _nothing() -> None:
    """Be told of an answer that is complete."""
