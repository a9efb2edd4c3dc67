"""Sends events from a task of its own: ``thread_sender`` for programs with an event loop.

In the flow: receives events from ``AsyncClient``, hands batches to ``delivery`` and what was not
taken to the program.
Guarantee: as ``thread_sender``; the task lives inside the client's task group, so that no error in
it is lost.
"""

from __future__ import annotations

import inspect
import logging
import math
from collections.abc import Awaitable, Callable, Sequence

import anyio

from livetally.client.delivery import Receipt
from livetally.client.failures import BufferFull, NotDelivered, RejectedEvent, undeliverable
from livetally.client.outbox import Outbox, OutboxLimits
from livetally.client.outgoing import Outgoing
from livetally.clock import Clock
from livetally.errors import LivetallyError

__all__ = ["AsyncDeliver", "AsyncOnRejected", "TaskSender"]

AsyncDeliver = Callable[[list[bytes]], Awaitable[Receipt]]
AsyncOnRejected = Callable[[Sequence[RejectedEvent]], Awaitable[None] | None]
"""Told of events that were not taken, on the event loop; may be a coroutine function."""

_log = logging.getLogger("livetally.client")


class TaskSender:
    """The events of one client. To be used on its event loop; every method is cancel-safe."""

    def __init__(
        self,
        limits: OutboxLimits,
        deliver: AsyncDeliver,
        on_rejected: AsyncOnRejected | None,
        clock: Clock,
    ) -> None:
        """Send nothing until ``run`` runs."""
        self._outbox = Outbox(limits)
        self._deliver = deliver
        self._on_rejected = on_rejected
        self._clock = clock
        self._changed = anyio.Event()
        self._closing = False
        self._task_id: int | None = None

    async def put(self, event: Outgoing, wait_s: float) -> None:
        """Take an event; see ``ThreadSender.put``."""
        with anyio.move_on_after(wait_s):
            while not self._closing:
                if self._outbox.offer(event, self._clock.monotonic_s()):
                    self._notify()
                    return
                await self._changed.wait()
        if self._closing:
            raise LivetallyError("The client is closed.")
        raise BufferFull(None)

    def require_another_task(self) -> None:
        """Do nothing, unless called by ``on_rejected``.

        Raises:
            LivetallyError: it would wait for itself.
        """
        if anyio.get_current_task().id == self._task_id:
            raise LivetallyError(
                "on_rejected runs in the task that sends: it can't wait for that in flush or "
                "close. Do so after it has returned."
            )

    async def flush(self, timeout_s: float | None) -> None:
        """Wait until everything put in so far is settled; see ``ThreadSender.flush``."""
        self.require_another_task()
        mark = self._outbox.hurry()
        self._notify()
        with anyio.move_on_after(timeout_s):
            while not self._outbox.reached(mark):
                await self._changed.wait()
        if not self._outbox.reached(mark):
            raise NotDelivered(mark - self._outbox.settled)
        complaint = self._outbox.complaint()
        if complaint is not None:
            raise complaint

    async def close(self, timeout_s: float | None) -> None:
        """Take no more events, and flush; the second time, do nothing."""
        if self._closing:
            return
        self._closing = True
        await self.flush(timeout_s)

    async def run(self) -> None:
        """Send until cancelled."""
        self._task_id = anyio.get_current_task().id
        while True:
            wait_s = self._outbox.wait_s(self._clock.monotonic_s())
            if wait_s != 0:
                changed = self._changed
                with anyio.move_on_after(math.inf if wait_s is None else wait_s):
                    await changed.wait()
                continue
            batch = self._outbox.take()
            await self._report(await self._settled(batch))
            self._notify()

    async def _settled(self, batch: list[Outgoing]) -> list[RejectedEvent]:
        try:
            receipt = await self._deliver([event.line for event in batch])
            return self._outbox.settle(batch, receipt)
        except Exception as error:  # noqa: BLE001 - the events that follow must be sent
            failure = undeliverable(error)
            _log.warning(
                "%d events were refused: %s",
                len(batch),
                failure.message,
                exc_info=None if failure is error else error,
            )
            return self._outbox.give_up(batch, failure)

    async def _report(self, refused: list[RejectedEvent]) -> None:
        if not refused:
            return
        if self._on_rejected is None:
            self._outbox.keep_rejected(refused)
            return
        try:
            told = self._on_rejected(refused)
            if inspect.isawaitable(told):
                await told
        except Exception:  # noqa: BLE001 - the program's own; sending must go on
            _log.exception("on_rejected failed; %d rejected events were not taken", len(refused))

    def _notify(self) -> None:
        """Wake everyone who waits for a change; each looks again."""
        self._changed.set()
        self._changed = anyio.Event()
