"""Events that wait to be sent: how many may wait, when a batch is due, what became of each.

In the flow: the senders put events in, take batches out, and hand in what became of them.
Guarantee: bounded in events and bytes; an event leaves only when it was acknowledged, rejected or
given up, and of the last two its sender hears.

Pure arithmetic: the thread and the event loop around it only wait. Not safe for threads by itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from livetally.client.delivery import CONFLICT, Receipt
from livetally.client.failures import EventsRejected, RejectedEvent
from livetally.client.outgoing import Outgoing
from livetally.errors import LivetallyError

__all__ = ["Outbox", "OutboxLimits"]

_KEPT_MAX = 1000


class OutboxLimits(NamedTuple):
    """Bounds: events and bytes that wait; events, bytes and seconds that make a batch."""

    waiting_events_max: int = 50_000
    waiting_bytes_max: int = 64 * 1024 * 1024
    batch_events_max: int = 1_000
    batch_bytes_max: int = 1024 * 1024
    delay_s_max: float = 0.2


class Outbox:
    """The events of one client that are not acknowledged yet."""

    def __init__(self, limits: OutboxLimits) -> None:
        """Start empty."""
        self.limits = limits
        self.added = 0
        self.settled = 0
        self._taken = 0
        self._hurried = 0
        self._waiting: deque[tuple[Outgoing, float]] = deque()
        self._waiting_bytes = 0
        self._out_bytes = 0
        self._rejected: list[RejectedEvent] = []
        self._rejected_total = 0
        self._cause: LivetallyError | None = None

    @property
    def unsettled(self) -> int:
        """How many events are neither acknowledged nor refused."""
        return self.added - self.settled

    def offer(self, event: Outgoing, now_s: float) -> bool:
        """Take an event at the time ``now_s`` (monotonic seconds); False when the outbox is full.

        A single event of any size is taken when nothing else waits.
        """
        size = len(event.line)
        held = self._waiting_bytes + self._out_bytes
        if self.unsettled and (
            self.unsettled >= self.limits.waiting_events_max
            or held + size > self.limits.waiting_bytes_max
        ):
            return False
        self._waiting.append((event, now_s))
        self._waiting_bytes += size
        self.added += 1
        return True

    def hurry(self) -> int:
        """Make everything that waits due at once; return a mark for ``reached``."""
        self._hurried = self.added
        return self.added

    def reached(self, mark: int) -> bool:
        """Tell whether everything added before the ``mark`` is settled."""
        return self.settled >= mark

    def wait_s(self, now_s: float) -> float | None:
        """Return after how many seconds a batch is due: 0 for now, None while nothing waits."""
        if not self._waiting:
            return None
        if (
            self._hurried > self._taken
            or len(self._waiting) >= self.limits.batch_events_max
            or self._waiting_bytes >= self.limits.batch_bytes_max
        ):
            return 0.0
        return max(0.0, self._waiting[0][1] + self.limits.delay_s_max - now_s)

    def take(self) -> list[Outgoing]:
        """Take the next batch out; it stays counted until ``settle`` or ``give_up``."""
        batch: list[Outgoing] = []
        size = 0
        while self._waiting and len(batch) < self.limits.batch_events_max:
            event, _ = self._waiting[0]
            if batch and size + len(event.line) > self.limits.batch_bytes_max:
                break
            self._waiting.popleft()
            batch.append(event)
            size += len(event.line)
        self._waiting_bytes -= size
        self._out_bytes += size
        self._taken += len(batch)
        return batch

    def settle(self, batch: Sequence[Outgoing], receipt: Receipt) -> list[RejectedEvent]:
        """Note that the server has answered for a batch; return the events it did not take."""
        refused = [(one.index, one.field, one.error) for one in receipt.rejected]
        refused += [(index, "id", CONFLICT) for index in receipt.conflicts]
        rejected = [
            RejectedEvent(batch[index].members(), field, error)
            for index, field, error in sorted(refused)
        ]
        # Last: a receipt that makes no sense settles nothing, and the batch can be given up.
        self._done(batch)
        return rejected

    def give_up(self, batch: Sequence[Outgoing], failure: LivetallyError) -> list[RejectedEvent]:
        """Note that the server refuses a batch as a whole; return its events."""
        self._done(batch)
        self._cause = failure
        return [RejectedEvent(event.members(), "", failure.message) for event in batch]

    def keep_rejected(self, rejected: Sequence[RejectedEvent]) -> None:
        """Keep what was rejected for ``complaint``; the first thousand, and the count of all."""
        self._rejected += rejected[: _KEPT_MAX - len(self._rejected)]
        self._rejected_total += len(rejected)

    def complaint(self) -> EventsRejected | None:
        """Return the error about what was rejected since the last time, if anything was."""
        if not self._rejected:
            return None
        error = EventsRejected(self._rejected, self._rejected_total)
        error.__cause__ = self._cause
        self._rejected, self._rejected_total, self._cause = [], 0, None
        return error

    def _done(self, batch: Sequence[Outgoing]) -> None:
        self.settled += len(batch)
        self._out_bytes -= sum(len(event.line) for event in batch)
