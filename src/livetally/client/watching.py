"""A live question: what arrives, and where to resume.

In the flow: the clients make its call and feed it the bytes; it hands frames to a picture and the
picture's updates back.
Guarantee: after any loss of the connection the picture equals a fresh answer at its position.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Generic, TypeVar

import msgspec

from livetally.client.answer import decode_exact
from livetally.client.exchange import Call, Lost, Reply
from livetally.client.failures import Unreachable, failure_of, retry_after_s
from livetally.client.frames import Frame, FrameParser
from livetally.client.pictures import Picture
from livetally.client.retry import Patience
from livetally.errors import LivetallyError

__all__ = ["Watching"]

_Told = TypeVar("_Told")
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


class Watching(Generic[_Told]):
    """One live question over as many connections as it takes."""

    def __init__(self, question: Call, picture: Picture[_Told], patience: Patience) -> None:
        """Watch ``question``; ``patience`` decides about the waits between connections."""
        self._question = question
        self._picture = picture
        self._patience = patience
        self._parser = FrameParser()
        self._begun = False
        self._reached = False
        self._refusal: tuple[LivetallyError, float | None] | None = None

    def call(self) -> Call:
        """Return the call that opens the next connection, at the place where the last one ended."""
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
        self._parser = FrameParser(self._parser.last_event_id)
        if self._parser.last_event_id and self._begun:
            headers["Last-Event-ID"] = self._parser.last_event_id
        return self._question._replace(headers=headers)

    def begun(self, reply: Reply) -> None:
        """Note that the server has answered: with a stream, or with why there is none.

        Raises:
            LivetallyError: what the server said, when asking again is no use.
        """
        self._reached = True
        if not reply.refused:
            return
        failure = failure_of(reply.status, reply.headers, reply.body)
        if reply.status not in _TRANSIENT:
            raise failure
        self._refusal = failure, retry_after_s(reply.headers, self._patience.now_us())

    def feed(self, chunk: bytes) -> Iterator[_Told]:
        """Take the next bytes of the connection.

        Raises:
            LivetallyError: the server ended the stream for a reason that will not go away.
        """
        for frame in self._parser.feed(chunk):
            match frame.event:
                case "snapshot" | "update" as kind:
                    self._patience.succeeded()
                    self._begun = True
                    yield self._picture.changed(kind, decode_exact(frame.data))
                case "problem":
                    self._ended(frame)
                case _:
                    # Also "reset", which says that the next snapshot is of another epoch: every
                    # snapshot is all there is.
                    pass

    def wait_s(self, lost: Lost) -> float:
        """Return how many seconds to wait before the next connection.

        Raises:
            Unreachable: the server has never answered: the address is probably wrong.
        """
        if self._refusal is not None:
            failure, asked_s = self._refusal
            self._refusal = None
            return self._patience.pause_s(failure, asked_s)
        unreachable = Unreachable(lost.url, lost.reason)
        if not self._reached:
            raise unreachable
        retry_ms = self._parser.retry_ms
        return self._patience.pause_s(unreachable, None if retry_ms is None else retry_ms / 1000)

    def _ended(self, frame: Frame) -> None:
        try:
            status = int(decode_exact(frame.data)["status"])
        except (msgspec.DecodeError, KeyError, TypeError, ValueError):
            raise LivetallyError("The server ended the stream without a reason.") from None
        if status not in _TRANSIENT:
            raise failure_of(status, {}, frame.data.encode())
