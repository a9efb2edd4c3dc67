"""``Client``: sending events and asking questions from a program without an event loop.

In the flow: receives events and questions from a program, makes the calls of the pure core and
waits for them on the calling thread, or for ``send`` on a thread of its own.
Guarantee: what ``send`` took is sent before the process ends in order, for up to half a minute.
"""

from __future__ import annotations

import atexit
import logging
import math
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import httpx2

from livetally.client.answer import Answer
from livetally.client.connection import SyncConnection
from livetally.client.delivery import Receipt, delivery
from livetally.client.exchange import Call, Reply, converse, exchanged
from livetally.client.failures import Unreachable, failure_of
from livetally.client.forks import AtExit, in_forked_children
from livetally.client.options import (
    ASK_AGAIN_S,
    CLOSE_S,
    SEND_NOW_S,
    SEND_WAIT_S,
    Options,
    kit,
)
from livetally.client.pictures import (
    EntitiesPicture,
    EventsPicture,
    MetricPicture,
    PageUpdate,
    Picture,
    Update,
)
from livetally.client.question import (
    Asked,
    AskedEntities,
    AskedEvents,
    entities_question,
    events_question,
    question,
)
from livetally.client.thread_sender import OnRejected, ThreadSender
from livetally.client.watching import Watching
from livetally.errors import LivetallyError

__all__ = ["Client"]

_log = logging.getLogger("livetally.client")
_Told = TypeVar("_Told")


class Client:
    """Sends events to a Livetally server and asks it questions. Safe to use from any thread.

    Use it as a context manager, or call ``close`` when done; a process that ends without that still
    sends what is left. After a fork, the child starts with an empty buffer and connections of its
    own.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8080",
        key: str | None = None,
        *,
        on_rejected: OnRejected | None = None,
        transport: httpx2.BaseTransport | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Connect to nothing yet.

        Args:
            url: the server's address.
            key: ``lt_…``, with the scopes of what will be done.
            on_rejected: told of events that the server did not take, on another thread; without
                it, ``flush`` and ``close`` raise ``EventsRejected``.
            transport: replaces the network in tests.
            options: see ``Options``: team, source, max_batch, max_delay_s, max_buffer, timeout_s,
                retry.

        Raises:
            BadInput: names the option that can't be used, and the reason.
        """
        self._kit = kit(url, key, **options)
        self._transport = transport
        self._on_rejected = on_rejected
        self._begin()
        self._exit: AtExit | None = AtExit(self._at_exit)
        in_forked_children(self, Client._begin_again)

    def _begin(self) -> None:
        """Make what a forked child can't share with its parent: sockets, locks, the thread."""
        self._connection = SyncConnection(self._kit.address, self._transport)
        self._sender = ThreadSender(
            self._kit.limits, self._deliver, self._on_rejected, self._kit.clock
        )

    def _begin_again(self) -> None:
        """Begin in a forked child. A client that was closed stays closed."""
        closed = self._sender.closed
        self._kit = self._kit.forked()
        self._begin()
        # Registered with the first event: what is registered now multiprocessing would forget.
        self._exit = None
        if closed:
            self.close()

    def send(
        self,
        type: str,  # noqa: A002 - what the contract calls it
        *,
        subject: str | None = None,
        data: Mapping[str, Any] | None = None,
        time: datetime | str | None = None,
        id: str | None = None,  # noqa: A002 - as above
        source: str | None = None,
    ) -> str:
        """Take an event and send it soon, in the background; return its id.

        Retries carry the same id, so that it counts once. While the buffer is full this waits, for
        up to ten seconds.

        Args:
            type: what happened.
            subject: what or whom it happened to.
            data: further values by name; decimals keep every digit.
            time: when, as a datetime with a zone or an RFC 3339 text; the time of arrival if None.
            id: the event's own id, if it has one: the same one from the same source counts once.
            source: who reports it.

        Raises:
            BadInput: the event can't be written; names the member.
            BufferFull: the server can't be reached or is too slow; the event was not taken.
        """
        event = self._kit.event(type, subject, data, time, id, source)
        self._sender.put(event, SEND_WAIT_S)
        if self._exit is None:
            self._exit = AtExit(self._at_exit)
        return event.id

    def send_now(
        self, events: Iterable[Mapping[str, Any]], *, timeout_s: float = SEND_NOW_S
    ) -> Receipt:
        """Send events at once and return what became of each.

        Args:
            events: mappings with the members of an event; ids are made where there are none.
            timeout_s: for how long to try again when the server can't be reached or is busy.

        Raises:
            BadInput: an event can't be written; nothing was sent.
            LivetallyError: the server could not be reached or took nothing.
        """
        return self.send_lines(self._kit.lines(events), timeout_s=timeout_s)

    def send_lines(
        self,
        lines: Sequence[bytes],
        *,
        timeout_s: float = SEND_NOW_S,
        pause: Callable[[float], object] = time.sleep,
    ) -> Receipt:
        """Send events that are lines of JSON already; as ``send_now``.

        Args:
            lines: each an event with an ``id``: without one, a retry counts the event twice.
            timeout_s: as ``send_now``.
            pause: waits that many seconds before a retry; raises to give up.
        """
        return self._deliver(lines, pause, timeout_s)

    def flush(self, timeout_s: float | None = None) -> None:
        """Wait until everything sent so far is acknowledged: durable and counted.

        Raises:
            NotDelivered: not within ``timeout_s`` seconds (None waits for ever); still being sent.
            EventsRejected: some were not taken, and there is no ``on_rejected``.
            LivetallyError: called by ``on_rejected``, which what it waits for is waiting for.
        """
        self._sender.flush(timeout_s)

    def query(self, metric: str, **asked: Unpack[Asked]) -> Answer:
        """Ask for a metric.

        Args:
            metric: its name.
            asked: see ``Asked``: interval, start, end, tz, by, where, fill, order, limit,
                top, compare, min_position.

        Raises:
            UnknownName: no such metric; names the nearest one.
            BadInput: names the parameter and the reason.
            LivetallyError: anything else that the server said, or that it can't be reached.
        """
        return self.request(question(metric, **asked)).read(Answer.read)

    def watch(self, metric: str, **asked: Unpack[Asked]) -> Generator[Update, None, None]:
        """Yield the answer and then every change of it, as it happens; arguments as ``query``.

        Lost connections are opened again where they ended. Ends only by an error, or when the
        caller stops.

        Raises:
            LivetallyError: the question can't be answered, the key is no longer good, or the first
                attempt reached no server.
        """
        return self._follow(question(metric, **asked), MetricPicture())

    def watch_entities(
        self, entity: str, **asked: Unpack[AskedEntities]
    ) -> Generator[PageUpdate, None, None]:
        """Yield a page of entities and then every change of it, as ``watch``.

        Args:
            entity: the entity's name in the definitions.
            asked: see ``AskedEntities``: key, where, sort, limit.

        Raises:
            LivetallyError: as ``watch``.
        """
        return self._follow(entities_question(entity, **asked), EntitiesPicture())

    def watch_events(self, **asked: Unpack[AskedEvents]) -> Generator[PageUpdate, None, None]:
        """Yield the newest events and then every new one, as ``watch``.

        Args:
            asked: see ``AskedEvents``: type, subject, start, end, tz, where, limit.

        Raises:
            LivetallyError: as ``watch``.
        """
        return self._follow(events_question(**asked), EventsPicture())

    def _follow(self, asked: Call, picture: Picture[_Told]) -> Generator[_Told, None, None]:
        """Yield what changes in a picture, over as many connections as it takes."""
        watching = Watching(asked, picture, self._kit.patience())
        while True:
            try:
                with self._connection.stream(watching.call()) as (reply, chunks):
                    watching.begun(reply)
                    for chunk in chunks:
                        yield from watching.feed(chunk)
                lost = self._connection.lost(None)
            except httpx2.RequestError as error:
                lost = self._connection.lost(error)
            time.sleep(watching.wait_s(lost))

    def request(self, call: Call, *, again_s: float = ASK_AGAIN_S) -> Reply:
        """Make any other call of the HTTP interface.

        Args:
            call: what to ask.
            again_s: for how many seconds to try again; 0 for a call that may not be made twice.

        Raises:
            LivetallyError: what the server said, or that it can't be reached.
        """
        conversation = exchanged(call, self._kit.patience(again_s))
        return converse(conversation, self._connection.call, time.sleep)

    def lines(self, call: Call) -> Generator[bytes, None, None]:
        """Yield the lines of a long answer as they come; the call is made once.

        Raises:
            LivetallyError: what the server said, or that it can't be reached any more.
        """
        pending = b""
        try:
            with self._connection.stream(call) as (reply, chunks):
                if reply.refused:
                    raise failure_of(reply.status, reply.headers, reply.body)
                for chunk in chunks:
                    *lines, pending = (pending + chunk).split(b"\n")
                    yield from lines
        except httpx2.RequestError as error:
            lost = self._connection.lost(error)
            raise Unreachable(lost.url, lost.reason) from None
        if pending:
            yield pending

    def close(self, timeout_s: float | None = CLOSE_S) -> None:
        """Flush and disconnect; the second time, do nothing.

        Raises:
            NotDelivered: not within ``timeout_s`` seconds; what is left is given up.
            EventsRejected: as ``flush``.
            LivetallyError: as ``flush``.
        """
        self._sender.require_another_thread()
        # Also what a child has inherited.
        atexit.unregister(self._at_exit)
        if self._exit is not None:
            self._exit.cancel()
        try:
            self._sender.close(timeout_s)
        finally:
            self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except LivetallyError as failure:
            if error is None:
                raise
            # The error that is on its way out matters more.
            _log.error("at close: %s", failure.message)

    def __repr__(self) -> str:
        return f"Client({self._kit.address.url!r})"

    def _deliver(
        self,
        lines: Sequence[bytes],
        pause: Callable[[float], object],
        timeout_s: float = math.inf,
    ) -> Receipt:
        """Deliver a batch; one of the buffer for as long as it takes."""
        patience = self._kit.patience(timeout_s)
        return converse(delivery(lines, patience), self._connection.call, pause)

    def _at_exit(self) -> None:
        try:
            self.close()
        except LivetallyError as error:
            _log.error("at exit: %s", error.message)
