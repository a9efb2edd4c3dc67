"""How many connections may be open, and a short answer for whoever comes when all places are taken.

In the flow: asked by ``reading`` for each connection that comes, told when one is gone; ``run``
makes room for them among the process's files.
Guarantee: every open connection counts, streams among them; the store always has files left to
open; who is refused is answered 503, costs no task, and is gone after a moment.
"""

from __future__ import annotations

import asyncio
import resource
from http import HTTPStatus

import structlog

from livetally.server.refusals import refusal
from livetally.telemetry import CONNECTIONS, CONNECTIONS_REFUSED

__all__ = ["Crowd", "Refused", "places"]

_log = structlog.get_logger("livetally")

# Files of the store, the catalog, sources and sinks: a commit must never lack one.
_FILES_KEPT = 1_000
# Who is refused keeps the connection only until the answer is read.
_REFUSED_MAX = 200
_REFUSED_S_MAX = 2.0
_STATUS = HTTPStatus.SERVICE_UNAVAILABLE


class Crowd:
    """Counts the open connections. Used on the event loop's thread only."""

    def __init__(self, connections_max: int) -> None:
        """Let ``connections_max`` be open at a time."""
        self._connections_max = connections_max
        self._open = 0
        self._refused = 0

    def enter(self) -> bool:
        """Count a connection that has come; False when there is no place for it."""
        if self._open >= self._connections_max:
            CONNECTIONS_REFUSED.inc()
            return False
        self._open += 1
        CONNECTIONS.set(self._open)
        return True

    def leave(self) -> None:
        """Count one that had a place no longer."""
        self._open -= 1
        CONNECTIONS.set(self._open)

    def refuse(self, transport: asyncio.Transport, *, https: bool) -> None:
        """Send away who has no place: with an answer, unless very many are sent away at once."""
        if self._refused >= _REFUSED_MAX:
            transport.set_protocol(asyncio.Protocol())  # its end is no end of one with a place
            transport.abort()
            return
        self._refused += 1
        transport.set_protocol(Refused(self, transport, refusal(_STATUS, https=https)))

    def forget(self) -> None:
        """Take note that somebody who was refused is gone."""
        self._refused -= 1


class Refused(asyncio.Protocol):
    """A connection without a place: its request is answered unread, and it ends."""

    def __init__(self, crowd: Crowd, transport: asyncio.Transport, answer: bytes) -> None:
        """Give ``answer`` to whatever is sent on ``transport``; ``crowd`` hears of the end."""
        self._crowd = crowd
        self._transport = transport
        self._answer = answer
        loop = asyncio.get_running_loop()
        self._end = loop.call_later(_REFUSED_S_MAX, transport.abort)

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 - read, so that it is not reset
        """Answer the first bytes. The rest is thrown away until the other side has the answer."""
        answer, self._answer = self._answer, b""
        if not answer:
            return
        self._transport.write(answer)
        if self._transport.can_write_eof():
            self._transport.write_eof()  # to close now could take the answer back
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol's form
        """Be gone."""
        self._end.cancel()
        self._crowd.forget()


def places(connections_max: int) -> int:
    """Let this process open files for so many connections; return for how many it may.

    That is fewer where the system allows fewer files: a connection too many is then refused, where
    otherwise the store could not open its own.
    """
    needed = connections_max + _REFUSED_MAX + _FILES_KEPT
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _reaches(soft, needed):
        return connections_max
    soft = needed if _reaches(hard, needed) else hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == needed:
        return connections_max
    allowed = max(soft // 2, soft - _REFUSED_MAX - _FILES_KEPT)
    _log.warning(
        "fewer connections than set: the system allows too few open files",
        files=soft,
        connections=allowed,
        wanted=connections_max,
    )
    return allowed


def _reaches(limit: int, needed: int) -> bool:
    return limit == resource.RLIM_INFINITY or limit >= needed
