"""How long and how large a request may be before it is one: uvicorn's protocol, with bounds.

In the flow: stands under ``quick`` and ``lending``; reads requests for uvicorn, is looked at by
``run`` once a second.
Guarantee: whoever sends slowly, without end, or many requests at once holds a connection, its
memory and its task for a bounded time; whoever keeps to HTTP and to the bounds notices nothing.

A body's time is counted only while the server would read: a sender whom the server holds back,
because the disk does not keep up, is not slow. And it grows with what has come, so that a large
body over a thin line is taken, and a byte now and then is not.
Source: Apache's mod_reqtimeout, for a bound that grows with the body.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from enum import Enum
from http import HTTPStatus
from itertools import chain
from typing import Any, NamedTuple

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from livetally.server.crowd import Crowd
from livetally.server.refusals import refusal

__all__ = ["BoundedProtocol", "ReadingBounds", "watch_readers"]

_LOOK_S = 1.0
# Browsers and clients don't send the next request before an answer; a few are kept for who does.
_PIPELINED_MAX = 64


class ReadingBounds(NamedTuple):
    """What a request may take; seconds are counted to the next look."""

    header_bytes_max: int = 64 * 1024
    header_s_max: int = 20
    body_stall_s_max: int = 30
    body_bytes_per_second_min: int = 1_000


class _Part(Enum):
    """What of a request is read next."""

    HEADER = 1
    BODY = 2
    NOTHING = 3


# Looked up once: each request asks for them ten times.
_HEADER, _BODY, _NOTHING = _Part


class _Refused(Exception):
    """Raised within the parser to end it."""


class BoundedProtocol(HttpToolsProtocol):
    """uvicorn's own protocol, refusing with a problem what is too slow or too large."""

    def __init__(self, *rest: Any, bounds: ReadingBounds, crowd: Crowd, **more: Any) -> None:
        """Read within ``bounds``, if ``crowd`` has a place; the rest is uvicorn's."""
        super().__init__(*rest, **more)
        self._bounds = bounds
        self._crowd = crowd
        self._refusal = HTTPStatus.BAD_REQUEST
        self._begin(_HEADER)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, or let somebody else send the connection away: then nothing here is called."""
        if self._crowd.enter():
            super().connection_made(transport)
        else:
            self._crowd.refuse(transport, https=self.config.is_ssl)

    def connection_lost(self, exc: Exception | None) -> None:
        """End, and give the place to another one."""
        self._crowd.leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._part is _NOTHING and self._unanswered() is None:
            self._begin(_HEADER)  # also when it is only the line ends before a request
        self._begun = False
        super().data_received(data)
        if self._part is _HEADER and not self._begun and not self.transport.is_closing():
            self._part_bytes += len(data)
            if self._part_bytes > self._bounds.header_bytes_max:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.begin_request()
        if self._part is not _HEADER:
            self._begin(_HEADER)

    def on_headers_complete(self) -> None:
        """Have the request answered, if it is within the bounds."""
        size = len(self.url) + sum(map(len, chain.from_iterable(self.headers)))
        if size > self._bounds.header_bytes_max:
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise _Refused
        if len(self.pipeline) >= _PIPELINED_MAX:
            raise _Refused
        self.on_request()
        self._begin(_BODY)

    def begin_request(self) -> None:
        """Make what a request needs from its first byte on."""
        super().on_message_begin()

    def on_request(self) -> None:
        """Have the request answered whose head was read, when it is its turn."""
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Take a piece of a body."""
        super().on_body(body)
        self._part_bytes += len(body)

    def on_message_complete(self) -> None:
        """End the reading of a request."""
        super().on_message_complete()
        self._begin(_NOTHING)

    @property
    def is_between(self) -> bool:
        """Whether a request was read to its end, and nothing of another one has come."""
        return self._part is _NOTHING

    def look(self, s: float) -> None:
        """Take note that ``s`` seconds have passed, and end what takes too long."""
        if self._part is _NOTHING or self.flow.read_paused or self.transport.is_closing():
            return
        if self._part is _BODY and self.cycle.waiting_for_100_continue:
            return
        self._waited_s += s
        bounds = self._bounds
        if self._part is _BODY:
            earned_s = self._part_bytes / bounds.body_bytes_per_second_min
            if self._waited_s >= bounds.body_stall_s_max + earned_s:
                self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        elif self._waited_s >= bounds.header_s_max:
            if self._part_bytes:
                self._refuse(HTTPStatus.REQUEST_TIMEOUT)
            else:
                self.transport.close()  # nothing was asked, so there is nothing to answer

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - the protocol's form
        """Answer what the parser would not read on."""
        self._refuse(self._refusal)

    def _begin(self, part: _Part) -> None:
        self._part = part
        self._part_bytes = 0
        self._waited_s = 0.0
        self._begun = True

    def _refuse(self, status: HTTPStatus) -> None:
        """End the connection, with an answer unless another one has begun."""
        cycle = self._unanswered()
        if cycle is not None:
            # What its route still says must not follow, and it must not wait for more.
            cycle.disconnected = True
            cycle.message_event.set()
        if cycle is None or not cycle.response_started:
            self.transport.write(refusal(status, https=self.scheme == "https"))
        self.transport.close()

    def _unanswered(self) -> RequestResponseCycle | None:
        """Return the newest request, if its answer is not complete."""
        cycle: RequestResponseCycle | None = self.cycle  # none before the first
        return None if cycle is None or cycle.response_complete else cycle


async def watch_readers(connections: Iterable[object]) -> None:
    """Look at every connection once a second, until cancelled."""
    while True:
        await asyncio.sleep(_LOOK_S)
        for connection in tuple(connections):
            if isinstance(connection, BoundedProtocol):
                connection.look(_LOOK_S)
