"""A live question: what arrives, the picture that it adds up to, and where to resume.

In the flow: the clients make its call and feed it the bytes; it hands updates back.
Guarantee: after any loss of the connection the picture equals a fresh answer at its position; an
update that arrives twice changes nothing.

Values are absolute, so that the picture is a table of rows by bucket and dimensions and nothing has
to be added up.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeAlias

import msgspec

from livetally.client.answer import Answer, Row, decode_exact
from livetally.client.exchange import Call, Lost, Reply
from livetally.client.failures import Unreachable, failure_of, retry_after_s
from livetally.client.frames import Frame, FrameParser
from livetally.client.retry import Patience
from livetally.errors import LivetallyError

__all__ = ["Update", "Watching"]

_Key: TypeAlias = tuple[Any, ...]
_TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})


class Update(NamedTuple):
    """What has changed.

    Attributes:
        kind: ``snapshot`` when ``rows`` are all there are, ``update`` when they are the changed
            ones.
        rows: with their present values, not differences.
        position: everything committed up to here is in the picture.
        answer: the whole picture, as a query at this position would answer.
    """

    kind: Literal["snapshot", "update"]
    rows: list[Row]
    position: int
    answer: Answer


class Watching:
    """One live question over as many connections as it takes."""

    def __init__(self, question: Call, patience: Patience) -> None:
        """Watch ``question``; ``patience`` decides about the waits between connections."""
        self._question = question
        self._patience = patience
        self._parser = FrameParser()
        self._about: dict[str, Any] = {}
        self._rows: dict[_Key, Row] = {}
        self._reached = False
        self._refusal: tuple[LivetallyError, float | None] | None = None

    def call(self) -> Call:
        """Return the call that opens the next connection, at the place where the last one ended."""
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
        self._parser = FrameParser(self._parser.last_event_id)
        if self._parser.last_event_id and self._about:
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

    def feed(self, chunk: bytes) -> Iterator[Update]:
        """Take the next bytes of the connection.

        Raises:
            LivetallyError: the server ended the stream for a reason that will not go away.
        """
        for frame in self._parser.feed(chunk):
            match frame.event:
                case "snapshot" | "update" as kind:
                    self._patience.succeeded()
                    yield self._changed(kind, decode_exact(frame.data))
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

    def _changed(self, kind: Literal["snapshot", "update"], members: dict[str, Any]) -> Update:
        rows: list[Row] = members.pop("rows")
        if kind == "snapshot":
            self._rows = {}
        fresh = {_key(row): row for row in rows}
        grown = not self._rows.keys() >= fresh.keys()
        self._rows.update(fresh)
        if grown:
            self._rows = dict(sorted(self._rows.items(), key=_bucket))
        self._about |= members
        answer = Answer.of(self._about | {"rows": list(self._rows.values())})
        return Update(kind, rows, answer.position, answer)

    def _ended(self, frame: Frame) -> None:
        try:
            status = int(decode_exact(frame.data)["status"])
        except (msgspec.DecodeError, KeyError, TypeError, ValueError):
            raise LivetallyError("The server ended the stream without a reason.") from None
        if status not in _TRANSIENT:
            raise failure_of(status, {}, frame.data.encode())


def _key(row: Row) -> _Key:
    """Return what tells one row of a question from another: its bucket and its dimensions.

    With their types: a dimension may hold 1 in one row and true in another.
    """
    return tuple((type(value), value) for name, value in row.items() if name != "value")


def _bucket(item: tuple[_Key, Row]) -> float:
    time = item[1].get("time")
    return 0.0 if time is None else datetime.fromisoformat(time).timestamp()
