"""Sends events from a thread of its own, so that ``send`` returns at once.

In the flow: receives events from ``Client``, hands batches to ``delivery`` and what was not taken
to the program.
Guarantee: batches leave in the order of their events, one at a time; what was put in is
acknowledged, reported, or counted in the ``NotDelivered`` that ``close`` raises.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from livetally.client.delivery import Receipt
from livetally.client.failures import BufferFull, NotDelivered, RejectedEvent, undeliverable
from livetally.client.outbox import Outbox, OutboxLimits
from livetally.client.outgoing import Outgoing
from livetally.clock import Clock
from livetally.errors import LivetallyError

__all__ = ["Deliver", "OnRejected", "ThreadSender"]

Deliver = Callable[[list[bytes], Callable[[float], None]], Receipt]
"""Delivers lines, calling its second argument to wait that many seconds."""

OnRejected = Callable[[Sequence[RejectedEvent]], None]
"""Told of events that were not taken, on the thread that sends."""

_log = logging.getLogger("livetally.client")


class _Abandoned(Exception):
    """The order to stop trying: the client was closed and its time is up."""


class ThreadSender:
    """The events of one client and the thread that sends them. Safe to use from any thread."""

    def __init__(
        self, limits: OutboxLimits, deliver: Deliver, on_rejected: OnRejected | None, clock: Clock
    ) -> None:
        """Start the thread with the first event."""
        self._outbox = Outbox(limits)
        self._deliver = deliver
        self._on_rejected = on_rejected
        self._clock = clock
        self._changed = threading.Condition()
        self._abandon = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called; asks for no lock."""
        return self._closing

    def put(self, event: Outgoing, wait_s: float) -> None:
        """Take an event; while the buffer is full, wait for up to ``wait_s`` seconds.

        Raises:
            BufferFull: it still is; the event was not taken.
            LivetallyError: the client is closed.
        """
        with self._changed:
            if self._closing:
                raise LivetallyError("The client is closed.")
            if not self._outbox.offer(event, self._clock.monotonic_s()):
                if not self._changed.wait_for(lambda: self._offered(event), wait_s):
                    raise BufferFull(None)
                if self._closing:
                    raise LivetallyError("The client is closed.")
            if self._thread is None:
                # Not to be waited for by the interpreter: the client's exit handler does that.
                self._thread = threading.Thread(
                    target=self._run, name="livetally client", daemon=True
                )
                self._thread.start()
            self._changed.notify_all()

    def require_another_thread(self) -> None:
        """Do nothing, unless called by ``on_rejected``.

        Raises:
            LivetallyError: it would wait for itself.
        """
        if threading.current_thread() is self._thread:
            raise LivetallyError(
                "on_rejected runs on the thread that sends: it can't wait for that in flush or "
                "close. Do so after it has returned."
            )

    def flush(self, timeout_s: float | None) -> None:
        """Wait until everything put in so far is acknowledged or refused.

        Raises:
            NotDelivered: not within ``timeout_s`` seconds; the events stay in the buffer.
            EventsRejected: some were not taken, and there is no ``on_rejected`` to tell.
            LivetallyError: called by ``on_rejected``, for which the thread itself waits.
        """
        self.require_another_thread()
        with self._changed:
            mark = self._outbox.hurry()
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: self._outbox.reached(mark), timeout_s):
                raise NotDelivered(mark - self._outbox.settled)
            complaint = self._outbox.complaint()
        if complaint is not None:
            raise complaint

    def close(self, timeout_s: float | None) -> None:
        """Take no more events, flush, end the thread; the second time, do nothing.

        Raises:
            NotDelivered: as ``flush``; these events are given up.
            EventsRejected: as ``flush``.
        """
        with self._changed:
            if self._closing:
                return
            self._closing = True
        try:
            self.flush(timeout_s)
        finally:
            self._abandon.set()
            with self._changed:
                self._changed.notify_all()

    def _offered(self, event: Outgoing) -> bool:
        """Take an event if there is room; also end the wait, without it, when closed."""
        return self._closing or self._outbox.offer(event, self._clock.monotonic_s())

    def _run(self) -> None:
        """Send until the client is closed: the thread's whole life."""
        while (batch := self._next_batch()) is not None:
            try:
                receipt = self._deliver([event.line for event in batch], self._pause)
                with self._changed:
                    refused = self._outbox.settle(batch, receipt)
            except _Abandoned:
                return
            except Exception as error:  # noqa: BLE001 - the events that follow must be sent
                if self._abandon.is_set():
                    return
                failure = undeliverable(error)
                _log.warning(
                    "%d events were refused: %s",
                    len(batch),
                    failure.message,
                    exc_info=None if failure is error else error,
                )
                with self._changed:
                    refused = self._outbox.give_up(batch, failure)
            self._report(refused)
            with self._changed:
                self._changed.notify_all()

    def _next_batch(self) -> list[Outgoing] | None:
        with self._changed:
            while not self._abandon.is_set():
                wait_s = self._outbox.wait_s(self._clock.monotonic_s())
                if wait_s == 0:
                    return self._outbox.take()
                self._changed.wait(wait_s)
        return None

    def _pause(self, s: float) -> None:
        if self._abandon.wait(s):
            raise _Abandoned

    def _report(self, refused: list[RejectedEvent]) -> None:
        if not refused:
            return
        if self._on_rejected is None:
            with self._changed:
                self._outbox.keep_rejected(refused)
            return
        try:
            self._on_rejected(refused)
        except Exception:  # noqa: BLE001 - the program's own; sending must go on
            _log.exception("on_rejected failed; %d rejected events were not taken", len(refused))
