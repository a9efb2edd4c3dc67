"""The one writer: groups what has arrived into one commit, and only then answers.

In the flow: receives batches from ``accept``, hands rows to ``store.events``, identities to
``store.identities``, receipts back to the waiting requests and a ``Notice`` to whoever listens.
Guarantee: an event is acknowledged after it is on disk and never before; the same identity is
stored once, whatever the batch or the age; positions grow by one with each commit.

The life of the thread, in order, for each round: take everything that waits; part new from known;
insert (fsync); tell the listeners; answer; remember the identities. It adapts by itself: alone, an
event is committed at once; under load, what arrives during one commit is the next.

When an insert fails it is unknown what is on disk. So the writer stops for good: it answers nothing
as stored any more, and the process is to exit. The next start reads back what is really there.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar

from livetally.clock import Clock
from livetally.errors import BadInput, NotDurable, Overloaded
from livetally.ingest.batch import Batch
from livetally.ingest.commits import Deliver, Notice, Outcome, Receipt, WriterLimits
from livetally.ingest.dedupe import Sorted, sort_out
from livetally.ingest.recovery import recover
from livetally.ingest.rows import joined_rows, plain, touched_slots
from livetally.store.events import Engine, StoredIdentity, insert_rows, read_stored
from livetally.store.identities import IdentityIndex
from livetally.telemetry import (
    COMMIT_EVENTS,
    COMMIT_SECONDS,
    COMMITS,
    EVENTS,
    POSITION,
    WAITING_EVENTS,
)
from livetally.tracing import span

__all__ = ["Writer"]

_Result = TypeVar("_Result")
# Listeners are told the events of commits up to this size; to ask the store is cheaper beyond it.
_TOLD_EVENTS_MAX = 1_000


class _Work(NamedTuple):
    batch: Batch
    size_bytes: int
    token: Any


class Writer:
    """Commits batches from one thread of its own. ``submit`` may be called from any thread."""

    def __init__(
        self,
        engine: Engine,
        index: IdentityIndex,
        clock: Clock,
        limits: WriterLimits,
        deliver: Deliver,
        position_min: int = 0,
    ) -> None:
        """Recover the position and the identities, so that the first commit continues the last.

        Positions go on after ``position_min`` at least: what had it may have been erased.
        """
        self._deliver = deliver
        self._engine = engine
        self._index = index
        self._clock = clock
        self._limits = limits
        self._position = recover(engine, index, position_min)
        self._listeners: list[Callable[[Notice], None]] = []
        # Guards everything below; notified when a batch arrives or the writer is to stop.
        self._arrived = threading.Condition()
        self._waiting: deque[_Work] = deque()
        self._errands: deque[Callable[[], None]] = deque()
        self._waiting_events = 0
        self._waiting_bytes = 0
        self._closing = False
        self._committing = False
        self._began_s: float | None = None
        self.failure: BaseException | None = None
        self.on_failure: Callable[[BaseException], None] = lambda _error: None
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    @property
    def position(self) -> int:
        """The last durable commit; every answer computed after reading it includes it."""
        return self._position

    @property
    def busy(self) -> bool:
        """Whether a commit is under way: what is submitted now has to wait for it."""
        return self._committing or bool(self._waiting)

    @property
    def commit_s(self) -> float:
        """For how many seconds the commit has been under way that is; 0 without one."""
        began_s = self._began_s
        return 0.0 if began_s is None else self._clock.monotonic_s() - began_s

    @property
    def waiting_events(self) -> int:
        """How many events wait for a commit."""
        return self._waiting_events

    async def reached(self, position: int) -> None:
        """Go on only when ``position`` is committed.

        Raises:
            BadInput: no commit has had it: on one machine it is not from this store.
        """
        if position > self._position:
            raise BadInput("min_position", f"is beyond the last commit, {self._position}")

    async def caught_up(self, within_s: float = 0) -> int:  # noqa: ARG002 - nothing is waited for
        """Return the last commit: on one machine nothing else is acknowledged."""
        return self._position

    def settled(self) -> int:
        """Return the last commit, when the index knows all of it. Blocks, as ``between``."""
        return self.between(lambda: self._position)

    def listen(self, listener: Callable[[Notice], None]) -> None:
        """Call ``listener`` from the writer's thread after every commit, before it is acknowledged.

        It must not block.
        """
        self._listeners.append(listener)

    def start(self) -> None:
        """Start committing."""
        self._thread.start()

    def read_back(self, team: int, wanted: Sequence[tuple[bytes, int]]) -> list[StoredIdentity]:
        """Return a team's events by ``(id, position)``. Blocks; for any thread but the loop's."""
        return read_stored(self._engine, team, wanted)

    def submit(self, batch: Batch, size_bytes: int, token: Any, *, admitted: bool = False) -> None:
        """Queue a batch; ``deliver`` gets ``token`` with the outcome when its fate is on disk.

        Args:
            batch: what to store.
            size_bytes: how much memory it takes, about.
            token: comes back with the outcome.
            admitted: take it however much waits: it continues a request that was let in, and whose
                sender has nothing else waiting.

        Raises:
            Overloaded: too much waits already; nothing of the batch was taken.
            NotDurable: the writer has stopped.
        """
        with self._arrived:
            if self.failure is not None or self._closing:
                raise NotDurable(None)
            if (
                self._waiting
                and not admitted
                and (
                    self._waiting_events + len(batch) > self._limits.waiting_events_max
                    or self._waiting_bytes + size_bytes > self._limits.waiting_bytes_max
                )
            ):
                raise Overloaded(None)
            self._waiting.append(_Work(batch, size_bytes, token))
            self._waiting_events += len(batch)
            self._waiting_bytes += size_bytes
            self._arrived.notify()

    def between(self, errand: Callable[[], _Result]) -> _Result:
        """Run ``errand`` on the writer's thread between two commits; return what it returns.

        For what must see the store at exactly one position. Blocks; commits wait meanwhile, so an
        errand takes milliseconds. For any thread but the loop's and the writer's own.

        Raises:
            NotDurable: the writer has stopped.
            Exception: whatever ``errand`` raises; the writer goes on.
        """
        done: Future[_Result] = Future()

        def run() -> None:
            try:
                done.set_result(errand())
            except BaseException as error:  # noqa: BLE001 - it belongs to whoever asked
                done.set_exception(error)

        with self._arrived:
            if self.failure is not None or self._closing:
                raise NotDurable(None)
            self._errands.append(run)
            self._arrived.notify()
        return done.result()

    def close(self) -> None:
        """Commit what waits, then stop. Blocks until it has."""
        with self._arrived:
            self._closing = True
            self._arrived.notify()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while (work := self._take()) is not None:
            try:
                self._run_errands()
                if not work:
                    continue
                self._began_s = self._clock.monotonic_s()
                with COMMIT_SECONDS.time(), span("commit") as told:
                    self._commit(work)
                    told.set_attribute("livetally.position", self._position)
                    told.set_attribute("livetally.batches", len(work))
                self._began_s = None
            except BaseException as error:  # noqa: BLE001 - whatever it was: nothing is acknowledged
                self._fail(error, work)
                return

    def _run_errands(self) -> None:
        while self._errands:
            self._errands.popleft()()

    def _take(self) -> list[_Work] | None:
        """Wait for work or errands; None means that the writer is closed and nothing waits."""
        with self._arrived:
            self._committing = False
            while not self._waiting and not self._errands and not self._closing:
                self._arrived.wait()
            if not self._waiting and not self._errands:
                return None
            self._committing = bool(self._waiting)
            taken: list[_Work] = []
            events = 0
            while self._waiting and (
                not taken or events + len(self._waiting[0].batch) <= self._limits.commit_events_max
            ):
                work = self._waiting.popleft()
                taken.append(work)
                events += len(work.batch)
                self._waiting_bytes -= work.size_bytes
            self._waiting_events -= events
            WAITING_EVENTS.set(self._waiting_events)
            return taken

    def _commit(self, work: list[_Work]) -> None:
        batches = [item.batch for item in work]
        parted = sort_out(batches, self._index)
        if parted.new:
            self._store(batches, parted)
        outcomes: list[tuple[Any, Outcome]] = []
        duplicates = differing = 0
        for item, known in zip(work, parted.known, strict=True):
            stored = len(item.batch) - len(known.repeated) - len(known.differing)
            receipt = Receipt(self._position, stored, known.repeated, known.differing)
            outcomes.append((item.token, receipt))
            duplicates += len(known.repeated)
            differing += len(known.differing)
        self._deliver(outcomes)
        if parted.new:
            self._index.record(parted.hashed, parted.sums, self._position)
        _count(parted.new, duplicates, differing)

    def _store(self, batches: list[Batch], parted: Sorted) -> None:
        """Insert what is new and tell the listeners; after it, every question includes it."""
        position = self._position + 1
        rows = joined_rows(batches, parted.places)
        insert_rows(self._engine, rows, position)
        self._position = position
        POSITION.set(position)
        touched = touched_slots(batches, parted.places)
        told = plain(rows) if parted.new <= _TOLD_EVENTS_MAX else None
        notice = Notice(position, self._clock.now_us(), parted.new, touched, told)
        for listener in self._listeners:
            listener(notice)

    def _fail(self, error: BaseException, work: list[_Work]) -> None:
        with self._arrived:
            self.failure = error
            abandoned = [*work, *self._waiting]
            self._waiting.clear()
            errands = [*self._errands]
            self._errands.clear()
        self._deliver([(item.token, NotDurable(None)) for item in abandoned])
        for errand in errands:
            errand()  # what it asks of the store is as good as before; nobody waits for ever
        self.on_failure(error)


def _count(stored: int, duplicates: int, differing: int) -> None:
    COMMITS.inc(bool(stored))
    COMMIT_EVENTS.observe(stored)
    for outcome, number in (("stored", stored), ("duplicate", duplicates), ("conflict", differing)):
        if number:
            EVENTS.labels(outcome).inc(number)
