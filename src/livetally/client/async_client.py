"""``AsyncClient``: ``Client`` for a program with an event loop, asyncio or trio.

In the flow: receives events and questions from a program, makes the calls of the pure core and
awaits them; what ``send`` took leaves from a task of the client's own.
Guarantee: the task ends before the ``async with`` block does; leaving the block without an error
means that every event was acknowledged or reported.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import anyio
import httpx2
from anyio.abc import TaskGroup

from livetally.client.answer import Answer
from livetally.client.connection import AsyncConnection
from livetally.client.delivery import Receipt, delivery
from livetally.client.exchange import Call, Conversation, Reply, converse_async, exchanged
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
from livetally.client.task_sender import AsyncOnRejected, TaskSender
from livetally.client.watching import Watching
from livetally.errors import LivetallyError

__all__ = ["AsyncClient"]

_log = logging.getLogger("livetally.client")
_Told = TypeVar("_Told")
_T = TypeVar("_T")


class AsyncClient:
    """Sends events to a Livetally server and asks it questions, on one event loop.

    ``send`` needs the client to be entered: ``async with AsyncClient(url, key) as client``.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8080",
        key: str | None = None,
        *,
        on_rejected: AsyncOnRejected | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        **options: Unpack[Options],
    ) -> None:
        """Connect to nothing yet; arguments as ``Client``.

        Raises:
            BadInput: names the option that can't be used, and the reason.
        """
        self._kit = kit(url, key, **options)
        self._connection = AsyncConnection(self._kit.address, transport)
        self._sender = TaskSender(self._kit.limits, self._deliver, on_rejected, self._kit.clock)
        self._tasks: TaskGroup | None = None

    async def send(
        self,
        type: str,  # noqa: A002 - what the contract calls it
        *,
        subject: str | None = None,
        data: Mapping[str, Any] | None = None,
        time: datetime | str | None = None,
        id: str | None = None,  # noqa: A002 - as above
        source: str | None = None,
    ) -> str:
        """Take an event and send it soon, in the background; return its id. See ``Client.send``.

        Raises:
            BadInput: the event can't be written; names the member.
            BufferFull: the server can't be reached or is too slow; the event was not taken.
            LivetallyError: the client was not entered, or is closed.
        """
        if self._tasks is None:
            self._connection.require_open()
            raise LivetallyError("Enter the client first: 'async with AsyncClient(...) as client'.")
        event = self._kit.event(type, subject, data, time, id, source)
        await self._sender.put(event, SEND_WAIT_S)
        return event.id

    async def send_now(
        self, events: Iterable[Mapping[str, Any]], *, timeout_s: float = SEND_NOW_S
    ) -> Receipt:
        """Send events at once and return what became of each. See ``Client.send_now``."""
        return await self.send_lines(self._kit.lines(events), timeout_s=timeout_s)

    async def send_lines(self, lines: Sequence[bytes], *, timeout_s: float = SEND_NOW_S) -> Receipt:
        """Send events that are lines of JSON already. See ``Client.send_lines``."""
        return await self._converse(delivery(lines, self._kit.patience(timeout_s)))

    async def flush(self, timeout_s: float | None = None) -> None:
        """Wait until everything sent so far is acknowledged. See ``Client.flush``."""
        await self._sender.flush(timeout_s)

    async def query(self, metric: str, **asked: Unpack[Asked]) -> Answer:
        """Ask for a metric. See ``Client.query``."""
        reply = await self.request(question(metric, **asked))
        return reply.read(Answer.read)

    def watch(self, metric: str, **asked: Unpack[Asked]) -> AsyncGenerator[Update, None]:
        """Yield the answer and then every change of it. See ``Client.watch``.

        Close the iterator when done before its end: ``contextlib.aclosing``.
        """
        return self._follow(question(metric, **asked), MetricPicture())

    def watch_entities(
        self, entity: str, **asked: Unpack[AskedEntities]
    ) -> AsyncGenerator[PageUpdate, None]:
        """Yield a page of entities and then every change of it. See ``Client.watch_entities``."""
        return self._follow(entities_question(entity, **asked), EntitiesPicture())

    def watch_events(self, **asked: Unpack[AskedEvents]) -> AsyncGenerator[PageUpdate, None]:
        """Yield the newest events and then every new one. See ``Client.watch_events``."""
        return self._follow(events_question(**asked), EventsPicture())

    async def _follow(self, asked: Call, picture: Picture[_Told]) -> AsyncGenerator[_Told, None]:
        """Yield what changes in a picture, over as many connections as it takes."""
        watching = Watching(asked, picture, self._kit.patience())
        while True:
            try:
                async with self._connection.stream(watching.call()) as (reply, chunks):
                    watching.begun(reply)
                    async for chunk in chunks:
                        for update in watching.feed(chunk):
                            yield update
                lost = self._connection.lost(None)
            except httpx2.RequestError as error:
                lost = self._connection.lost(error)
            await anyio.sleep(watching.wait_s(lost))

    async def request(self, call: Call, *, again_s: float = ASK_AGAIN_S) -> Reply:
        """Make any other call of the HTTP interface. See ``Client.request``."""
        return await self._converse(exchanged(call, self._kit.patience(again_s)))

    async def close(self, timeout_s: float | None = CLOSE_S) -> None:
        """Flush, end the task and disconnect; the second time, do nothing.

        Raises:
            NotDelivered: not within ``timeout_s`` seconds; what is left is given up.
            EventsRejected: as ``flush``.
            LivetallyError: as ``flush``.
        """
        self._sender.require_another_task()
        try:
            if self._tasks is not None:
                await self._sender.close(timeout_s)
        finally:
            await self._end(None)

    async def __aenter__(self) -> Self:
        self._connection.require_open()
        self._tasks = await anyio.create_task_group().__aenter__()
        self._tasks.start_soon(self._sender.run)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        cancelled = isinstance(error, anyio.get_cancelled_exc_class())
        try:
            if self._tasks is not None and not cancelled:
                await self._sender.close(CLOSE_S)
        except LivetallyError as failure:
            if error is None:
                raise
            # The error that is on its way out matters more.
            _log.error("at close: %s", failure.message)
        finally:
            absorbed = await self._end(error if cancelled else None)
        return absorbed if cancelled else None

    def __repr__(self) -> str:
        return f"AsyncClient({self._kit.address.url!r})"

    async def _end(self, cancellation: BaseException | None) -> bool | None:
        """End the task, then the connections; only a cancellation concerns the task group."""
        tasks, self._tasks = self._tasks, None
        try:
            if tasks is None:
                return None
            tasks.cancel_scope.cancel()
            kind = type(cancellation) if cancellation else None
            return await tasks.__aexit__(kind, cancellation, None)
        finally:
            with anyio.CancelScope(shield=True):
                await self._connection.close()

    async def _converse(self, conversation: Conversation[_T]) -> _T:
        return await converse_async(conversation, self._connection.call, anyio.sleep)

    async def _deliver(self, lines: list[bytes]) -> Receipt:
        """Deliver a batch of the buffer: for as long as it takes."""
        return await self._converse(delivery(lines, self._kit.patience()))
