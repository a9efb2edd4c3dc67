"""Brings what the journal holds into the event store, a few milliseconds after it was acknowledged.

In the flow: receives commits from the writer, in order; hands groups of them to ``store.events``,
and tells listeners and waiting readers how far the store is.
Guarantee: every commit is applied once, in order; what was applied is in every later answer; when
the store fails, the journal keeps what it does not have.

An insert costs the engine the same few milliseconds for one event as for a thousand. So commits
that come while one is under way share the next, and after it there is a pause that is proportional
to what it took: unless somebody waits for an answer, or much has come together.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from livetally.clock import Clock
from livetally.errors import StoreFailed
from livetally.ingest.commits import Notice
from livetally.store.events import Encoded, Engine, insert_encoded
from livetally.store.journal import Journal
from livetally.telemetry import POSITION, STORE_INSERT_SECONDS, UNSTORED_EVENTS

__all__ = ["Applier", "ApplierLimits", "Applying"]


# What a commit that waits takes beside its values: the notice of it, above all.
_COMMIT_BYTES = 2_500


class ApplierLimits(NamedTuple):
    """Bounds of the applier: what one insert takes, what may wait for it, and its pauses.

    Commits of different columns share an insert while it has at most ``mixed_events_max`` events.
    Nothing more is put while what waits has waited for ``waiting_s_max``.
    """

    insert_events_max: int = 100_000
    mixed_events_max: int = 5_000
    waiting_events_max: int = 100_000
    waiting_bytes_max: int = 64 * 1024 * 1024
    waiting_s_max: float = 0.5
    pause_factor: float = 2.0
    pause_s_max: float = 0.05
    no_pause_events: int = 10_000


class Applying(NamedTuple):
    """A commit that is in the journal, and what listeners are told when the store has it."""

    encoded: Encoded
    notice: Notice

    @property
    def size_bytes(self) -> int:
        """How much memory it takes, about."""
        return self.encoded.size_bytes + _COMMIT_BYTES


class _Waiting(NamedTuple):
    """A commit that waits, and since when."""

    one: Applying
    since_s: float


class _Waiter(NamedTuple):
    position: int
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[None]


class Applier:
    """Applies commits on a thread of its own.

    ``put``, ``apply_now`` and ``settle`` are for one thread, the writer's.
    """

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        clock: Clock,
        position: int,
        limits: ApplierLimits | None = None,
    ) -> None:
        """Begin after ``position``, which the store has, with a journal that holds nothing."""
        self._engine = engine
        self._journal = journal
        self._clock = clock
        self._limits = limits or ApplierLimits()
        self._position = position
        self._first_told: list[Callable[[Notice], None]] = []
        self._listeners: list[Callable[[Notice], None]] = []
        # Guards everything below; notified when there is something to do, and when it is done.
        self._changed = threading.Condition()
        self._waiting: deque[_Waiting] = deque()
        self._waiting_events = self._waiting_bytes = 0
        self._applying = False
        self._wanted = position
        self._waiters: dict[int, _Waiter] = {}
        self._pause_until_s = 0.0
        self._closing = False
        self._failure: BaseException | None = None
        self._began_s: float | None = None
        self.on_failure: Callable[[BaseException], None] = lambda _error: None
        self._thread = threading.Thread(target=self._run, name="applier", daemon=True)

    @property
    def position(self) -> int:
        """The last commit that the store has."""
        return self._position

    @property
    def behind_s(self) -> float:
        """For how many seconds a commit has been waiting, or its insert been under way."""
        with self._changed:
            since_s = self._waiting[0].since_s if self._waiting else None
        since_s = since_s if self._began_s is None else self._began_s
        return 0.0 if since_s is None else self._clock.monotonic_s() - since_s

    def listen(self, listener: Callable[[Notice], None], *, first: bool = False) -> None:
        """Call ``listener`` from the applier's thread for every commit that the store has got.

        It must not block. ``first``: before ``position`` says so, for what makes answers right.
        """
        (self._first_told if first else self._listeners).append(listener)

    def start(self) -> None:
        """Start applying."""
        self._thread.start()

    def put(self, one: Applying) -> None:
        """Have a commit applied soon. Blocks while too much waits.

        Raises:
            StoreFailed: the store has failed.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._failure is not None or not self._is_full())
            if self._failure is not None:
                raise StoreFailed(f"The event store has failed: {self._failure}")
            self._waiting.append(_Waiting(one, self._clock.monotonic_s()))
            self._waiting_events += one.notice.events
            self._waiting_bytes += one.size_bytes
            UNSTORED_EVENTS.set(self._waiting_events)
            # Not for each: to wake a thread that goes on pausing costs as much as an event.
            if len(self._waiting) == 1 or self._is_due():
                self._changed.notify_all()

    def apply_now(self, one: Applying) -> None:
        """Have the store take a commit that is not in the journal, after all that was put. Blocks.

        The caller's thread does it: it is the one that puts, so nothing comes in between.

        Raises:
            StoreFailed: it is not certain that the store has it.
        """
        self._wait_for_all()
        self._apply([one])

    def wait(self, position: int, within_s: float | None = None) -> None:
        """Return when the store has ``position``. Blocks.

        Raises:
            StoreFailed: it does not, ``within_s`` seconds later, or ever.
        """
        with self._changed:
            self._want(position)
            self._changed.wait_for(
                lambda: self._position >= position or self._failure is not None, within_s
            )
            if self._position < position:
                raise _behind(self._failure)

    async def reached(self, position: int, within_s: float) -> None:
        """As ``wait``, for an event loop's thread."""
        if self._position >= position:
            return
        loop = asyncio.get_running_loop()
        waiter = _Waiter(position, loop, loop.create_future())
        with self._changed:
            if self._position >= position:
                return
            if self._failure is not None:
                raise _behind(self._failure)
            self._waiters[id(waiter)] = waiter
            self._want(position)
        try:
            async with asyncio.timeout(within_s):
                await waiter.future
        except TimeoutError:
            raise _behind(None) from None
        finally:
            with self._changed:
                self._waiters.pop(id(waiter), None)
        if self._position < position:
            raise _behind(self._failure)

    def settle(self) -> None:
        """Have everything applied that was put, and nothing be left in the journal. Blocks.

        Raises:
            StoreFailed: the store or the journal has failed.
        """
        self._wait_for_all()
        self._journal.clear()

    def close(self) -> None:
        """Apply what waits, then stop. Blocks until it has."""
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def _wait_for_all(self) -> None:
        with self._changed:
            if self._waiting:
                self._want(self._waiting[-1].one.notice.position)
            self._changed.wait_for(
                lambda: not (self._waiting or self._applying) or self._failure is not None
            )
            if self._failure is not None:
                raise _behind(self._failure)

    def _want(self, position: int) -> None:
        if position > self._wanted:
            self._wanted = position
            self._changed.notify_all()

    def _is_full(self) -> bool:
        limits = self._limits
        return bool(self._waiting) and (
            self._waiting_events >= limits.waiting_events_max
            or self._waiting_bytes >= limits.waiting_bytes_max
            or self._clock.monotonic_s() - self._waiting[0].since_s > limits.waiting_s_max
        )

    def _is_due(self) -> bool:
        return bool(self._waiting) and (
            self._wanted > self._position
            or self._closing
            or self._waiting_events >= self._limits.no_pause_events
            or self._is_full()
            or self._clock.monotonic_s() >= self._pause_until_s
        )

    def _run(self) -> None:
        while group := self._take():
            try:
                self._apply(group)
            except BaseException as error:  # noqa: BLE001 - whatever it was: the journal keeps it
                self._fail(error)
                return

    def _take(self) -> list[Applying]:
        """Wait for what is due; an empty list means that it is closed and nothing waits."""
        with self._changed:
            while not self._is_due():
                if self._closing:
                    return []
                left_s = self._pause_until_s - self._clock.monotonic_s()
                self._changed.wait(max(left_s, 0) if self._waiting else None)
            group: list[Applying] = []
            events = 0
            names = {self._waiting[0].one.encoded.names}
            while self._waiting:
                one = self._waiting[0].one
                events += one.notice.events
                names.add(one.encoded.names)
                limits = self._limits
                most = limits.insert_events_max if len(names) == 1 else limits.mixed_events_max
                if group and events > most:
                    break
                group.append(self._waiting.popleft().one)
                self._waiting_events -= one.notice.events
                self._waiting_bytes -= one.size_bytes
            UNSTORED_EVENTS.set(self._waiting_events)
            self._applying = True
            self._changed.notify_all()  # there is room again
            return group

    def _apply(self, group: list[Applying]) -> None:
        began_s = self._began_s = self._clock.monotonic_s()
        insert_encoded(self._engine, [one.encoded for one in group])
        self._began_s = None
        ended_s = self._clock.monotonic_s()
        STORE_INSERT_SECONDS.observe(ended_s - began_s)
        limits = self._limits
        pause_s = min(limits.pause_s_max, (ended_s - began_s) * limits.pause_factor)
        # What an answer is made of first: whoever sees the position may ask at once.
        for one in group:
            for listener in self._first_told:
                listener(one.notice)
        self._position = group[-1].notice.position
        for one in group:
            for listener in self._listeners:
                listener(one.notice)
        POSITION.set(self._position)
        self._journal.let_go(self._position)
        with self._changed:
            # What did not fit comes at once.
            left = self._waiting and self._waiting[0].since_s < began_s
            self._pause_until_s = ended_s + (0 if left else pause_s)
            self._applying = False
            self._tell()

    def _fail(self, error: BaseException) -> None:
        with self._changed:
            self._failure = error
            self._began_s = None
            self._tell()
        self.on_failure(error)

    def _tell(self) -> None:
        """Wake all who wait for what is so by now."""
        self._changed.notify_all()
        told: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
        left: dict[int, _Waiter] = {}
        for number, one in self._waiters.items():
            if self._failure is not None or one.position <= self._position:
                told.setdefault(one.loop, []).append(one.future)
            else:
                left[number] = one
        self._waiters = left
        for loop, futures in told.items():
            with contextlib.suppress(RuntimeError):  # it has ended, and those who waited with it
                loop.call_soon_threadsafe(_resolve, futures)


def _resolve(futures: list[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


def _behind(failure: BaseException | None) -> StoreFailed:
    reason = "" if failure is None else f": {failure}"
    return StoreFailed(f"What is acknowledged is not in the event store yet{reason}.")
