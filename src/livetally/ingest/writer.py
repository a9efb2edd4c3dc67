"""The one writer: groups what has arrived into one commit, and only then answers.

In the flow: receives batches from ``accept``, hands commits to ``store.journal`` and then to
``applying``, identities to ``store.identities``, receipts back to the waiting requests.
Guarantee: an event is acknowledged after it is on disk and never before; the same identity is
stored once, whatever the batch or the age; positions grow by one with each commit; whoever asks
after an acknowledgement is answered with what was acknowledged.

The life of the thread, in order, for each round: take everything that waits; part new from known;
append to the journal (fsync); answer; remember the identities; hand over to the applier. It adapts
by itself: alone, an event is committed at once; under load, what arrives during one commit is the
next. A large commit goes straight into the store: for that, the journal would be a second copy.

When the journal or the store fails it is unknown what is on disk. So the writer stops for good: it
answers nothing as stored any more, and the process is to exit. The next start reads back what is
really there.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, Generic, NamedTuple, TypeVar

import structlog

from livetally.clock import Clock
from livetally.errors import BadInput, NotCommitted, NotDurable, Overloaded
from livetally.ingest.applying import Applier, Applying
from livetally.ingest.batch import Batch
from livetally.ingest.commits import (
    CAUGHT_UP_S_MAX,
    Deliver,
    Notice,
    Outcome,
    Receipt,
    WriterLimits,
)
from livetally.ingest.dedupe import Sorted, sort_out
from livetally.ingest.recovery import recover
from livetally.ingest.rows import joined_rows, plain, touched_slots
from livetally.store.events import Engine, StoredIdentity, encode_rows, read_stored
from livetally.store.identities import IdentityIndex
from livetally.store.journal import Journal
from livetally.telemetry import (
    COMMIT_EVENTS,
    COMMIT_SECONDS,
    COMMITS,
    DEFECTS,
    EVENTS,
    WAITING_EVENTS,
)
from livetally.tracing import span

__all__ = ["Writer"]

_log = structlog.get_logger("livetally.ingest")

_Result = TypeVar("_Result")
# The journal is cleared after so long without events, and so often while they come: what grows too
# old is to be nowhere else.
_IDLE_S = 5.0
_CLEAR_S = 300.0
# Listeners are told the events of commits up to this size; to ask the store is cheaper beyond it.
_TOLD_EVENTS_MAX = 1_000


class _Work(NamedTuple):
    batch: Batch
    size_bytes: int
    token: Any


class _Errand(Generic[_Result]):
    """What is to be done between two commits, and what came of it."""

    def __init__(self, errand: Callable[[], _Result]) -> None:
        self._errand = errand
        self.done: Future[_Result] = Future()

    def run(self) -> None:
        try:
            self.done.set_result(self._errand())
        except BaseException as error:  # noqa: BLE001 - it belongs to whoever asked
            self.done.set_exception(error)


class Writer:
    """Commits batches from one thread of its own. ``submit`` may be called from any thread."""

    def __init__(
        self,
        engine: Engine,
        index: IdentityIndex,
        clock: Clock,
        limits: WriterLimits,
        deliver: Deliver,
        journal: Journal,
        position_min: int = 0,
    ) -> None:
        """Recover the position and the identities, so that the first commit continues the last.

        Positions go on after ``position_min`` at least: what had it may have been erased. What the
        journal held is in the store already (``recovery.replay``).
        """
        self._deliver = deliver
        self._engine = engine
        self._index = index
        self._clock = clock
        self._limits = limits
        self._position = recover(engine, index, position_min)
        self._journal = journal
        self._applier = Applier(engine, journal, clock, self._position)
        self._applier.on_failure = lambda error: self._fail(error, [])
        # Guards everything below; notified when a batch arrives or the writer is to stop.
        self._arrived = threading.Condition()
        self._waiting: deque[_Work] = deque()
        self._errands: deque[_Errand[Any]] = deque()
        self._waiting_events = 0
        self._waiting_bytes = 0
        self._closing = False
        self._committing = False
        self._clear_at_s = clock.monotonic_s() + _CLEAR_S
        self._began_s: float | None = None
        self.failure: BaseException | None = None
        self.on_failure: Callable[[BaseException], None] = lambda _error: None
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)

    @property
    def position(self) -> int:
        """The last commit that the store has: every answer computed from now on includes it."""
        return self._applier.position

    @property
    def acknowledged(self) -> int:
        """The last commit: every answer to a question asked from now on includes it."""
        return self._position

    @property
    def busy(self) -> bool:
        """Whether a commit is under way: what is submitted now has to wait for it."""
        return self._committing or bool(self._waiting)

    @property
    def commit_s(self) -> float:
        """For how many seconds a commit or an insert has been under way; 0 without one."""
        began_s = self._began_s
        own_s = 0.0 if began_s is None else self._clock.monotonic_s() - began_s
        return max(own_s, self._applier.behind_s)

    @property
    def waiting_events(self) -> int:
        """How many events wait for a commit."""
        return self._waiting_events

    async def reached(self, position: int) -> None:
        """Go on when answers include ``position`` and all that was acknowledged before the call.

        Raises:
            BadInput: no commit has had it: on one machine it is not from this store.
            StoreFailed: the store does not have it yet, after a long wait.
        """
        # Listeners are told of a large commit a moment before it is acknowledged.
        if position > max(self._position, self._applier.position):
            raise BadInput("min_position", f"is beyond the last commit, {self._position}")
        await self.caught_up()

    async def caught_up(self, within_s: float = CAUGHT_UP_S_MAX) -> int:
        """Return the last commit when answers include it.

        Raises:
            StoreFailed: they do not, ``within_s`` seconds later.
        """
        position = self._position
        await self._applier.reached(position, within_s)
        return position

    def settled(self) -> int:
        """Return the last commit, when store and index know all of it. Blocks, as ``between``."""
        return self.between(lambda: self._position)

    def listen(self, listener: Callable[[Notice], None], *, first: bool = False) -> None:
        """Call ``listener`` from the applier's thread for every commit that the store has got.

        It must not block. ``first``: before ``position`` says so, for what makes answers right.
        """
        self._applier.listen(listener, first=first)

    def start(self) -> None:
        """Start committing."""
        self._applier.start()
        self._thread.start()

    def read_back(self, team: int, wanted: Sequence[tuple[bytes, int]]) -> list[StoredIdentity]:
        """Return a team's events by ``(id, position)``. Blocks; for any thread but the loop's."""
        last = max((position for _, position in wanted), default=0)
        self._applier.wait(last, CAUGHT_UP_S_MAX)
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

        For what must see the store at exactly one position: it has all that was acknowledged, and
        the journal holds nothing. Blocks; commits wait meanwhile, so an errand takes milliseconds.
        For any thread but the loop's and the writer's own.

        Raises:
            NotDurable: the writer has stopped.
            Exception: whatever ``errand`` raises; the writer goes on.
        """
        one: _Errand[_Result] = _Errand(errand)
        with self._arrived:
            if self.failure is not None or self._closing:
                raise NotDurable(None)
            self._errands.append(one)
            self._arrived.notify()
        return one.done.result()

    def close(self) -> None:
        """Commit what waits, have the store take it, then stop. Blocks until it has."""
        with self._arrived:
            self._closing = True
            self._arrived.notify()
        if self._thread.is_alive():
            self._thread.join()
        self._applier.close()
        if self.failure is None:
            self._journal.clear()
        self._journal.close()

    def _run(self) -> None:
        while (work := self._take()) is not None:
            try:
                if not work or self._clock.monotonic_s() >= self._clear_at_s:
                    self._applier.settle()
                    self._clear_at_s = self._clock.monotonic_s() + _CLEAR_S
                if not work:
                    self._run_errands()
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
            self._errands.popleft().run()

    def _take(self) -> list[_Work] | None:
        """Wait for work; nothing means errands, or a time without any; None, that this is the end.

        Errands come first: all that is acknowledged is in the store then.
        """
        with self._arrived:
            self._committing = False
            while not (self._waiting or self._errands or self._closing or self.failure):
                if not self._arrived.wait(None if self._journal.is_empty else _IDLE_S):
                    return []
            if self._errands:
                return []
            if not self._waiting:
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
        try:
            applying = self._made(batches, parted) if parted.new else None
        except Exception as error:  # noqa: BLE001 - whatever it was: nothing of it is anywhere yet
            self._commit_apart(work, error)
            return
        is_large = parted.new >= self._limits.straight_events_min
        if applying is not None:
            if is_large:
                self._applier.apply_now(applying)
            else:
                self._journal.append(applying.notice.position, applying.encoded)
            self._position = applying.notice.position
        outcomes: list[tuple[Any, Outcome]] = []
        duplicates = differing = 0
        for item, known in zip(work, parted.known, strict=True):
            stored = len(item.batch) - len(known.repeated) - len(known.differing)
            receipt = Receipt(self._position, stored, known.repeated, known.differing)
            outcomes.append((item.token, receipt))
            duplicates += len(known.repeated)
            differing += len(known.differing)
        self._deliver(outcomes)
        if applying is not None:
            self._index.record(parted.hashed, parted.sums, self._position)
            if not is_large:
                self._applier.put(applying)
        _count(parted.new, duplicates, differing)

    def _made(self, batches: list[Batch], parted: Sorted) -> Applying:
        """Return what is new as the journal, the store and the listeners are to have it."""
        position = self._position + 1
        rows = joined_rows(batches, parted.places)
        encoded = encode_rows(rows, position)
        touched = touched_slots(batches, parted.places)
        told = plain(rows) if parted.new <= _TOLD_EVENTS_MAX else None
        notice = Notice(position, self._clock.now_us(), parted.new, touched, told)
        return Applying(encoded, notice)

    def _commit_apart(self, work: list[_Work], error: Exception) -> None:
        """Commit one by one what can't be committed together, so that one batch fails alone."""
        if len(work) > 1:
            for item in work:
                self._commit([item])
            return
        _log.error("events can't be made into a commit", team=work[0].batch.team, exc_info=error)
        DEFECTS.labels("writer").inc()
        told = "A defect of Livetally keeps these events from being stored; its log says which."
        self._deliver([(work[0].token, NotCommitted(told))])

    def _fail(self, error: BaseException, work: list[_Work]) -> None:
        with self._arrived:
            # The store and the journal may fail of the same disk.
            is_first = self.failure is None
            self.failure = self.failure or error
            abandoned = [*work, *self._waiting]
            self._waiting.clear()
            errands = [*self._errands]
            self._errands.clear()
            self._arrived.notify()
        try:
            self._deliver([(item.token, NotDurable(None)) for item in abandoned])
            for errand in errands:
                errand.done.set_exception(NotDurable(None))
        finally:
            if is_first:
                self.on_failure(error)


def _count(stored: int, duplicates: int, differing: int) -> None:
    COMMITS.inc(bool(stored))
    COMMIT_EVENTS.observe(stored)
    for outcome, number in (("stored", stored), ("duplicate", duplicates), ("conflict", differing)):
        if number:
            EVENTS.labels(outcome).inc(number)
