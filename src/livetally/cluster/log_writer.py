"""The writer of a process beyond one machine: events are durable once the log has them.

In the flow: stands where the ``Writer`` stands on one machine; receives batches from ``accept``,
publishes them to ``log``, hears from loaders what became of them, and tells the same listeners.
Guarantee: a receipt is given only for what the log has acknowledged; answers of this process
include everything up to ``position``, and no commit is passed over in what listeners are told.

It adapts like the other one: alone, a batch is published at once; under load, what arrives while
messages are under way is the next message.

A receipt waits, after the acknowledgement, for the loader's word, which tells what was known
before and makes answers include it. It does so only while loaders keep up: with the store away,
everything is told as stored that is new as far as this process can know.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple, TypeVar

from livetally.clock import Clock
from livetally.cluster.frames import Known, pack
from livetally.cluster.log import Log
from livetally.cluster.parts import Part, Work, cut, halves
from livetally.cluster.words import Words
from livetally.errors import BadInput, NotDurable, Overloaded, StoreFailed
from livetally.ingest import (
    CAUGHT_UP_S_MAX,
    Batch,
    Deliver,
    Notice,
    Outcome,
    Receipt,
    WriterLimits,
)
from livetally.store.events import Engine, StoredIdentity, read_stored
from livetally.telemetry import COMMIT_SECONDS, COMMITS, EVENTS, WAITING_EVENTS

__all__ = ["LogWriter"]

_Result = TypeVar("_Result")

_INLINE_EVENTS_MAX = 100
_UNDER_WAY_MAX = 4
_PUBLISH_S_MAX = 10.0
_WORD_S_MAX = 2.0
_LOOK_S = 0.05
_REACHED_S_MAX = 10.0


class _Acknowledged(NamedTuple):
    """A message that the log has, whose loader has not said anything yet."""

    parts: list[Part]
    until_s: float


class LogWriter:
    """Publishes batches. For one event loop's thread, where nothing else is said."""

    failure: BaseException | None = None

    def __init__(
        self,
        log: Log,
        engine: Engine,
        words: Words,
        clock: Clock,
        limits: WriterLimits,
        deliver: Deliver,
    ) -> None:
        """Publish nothing yet.

        Args:
            log: where to.
            engine: the store that loaders fill.
            words: what they say.
            clock: of this process.
            limits: how much may wait.
            deliver: takes the outcomes.
        """
        self.on_failure: Callable[[BaseException], None] = lambda _error: None
        self._log = log
        self._engine = engine
        self._words = words
        self._clock = clock
        self._limits = limits
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting: deque[Work] = deque()
        self._arrived = asyncio.Event()
        self._room = asyncio.Semaphore(_UNDER_WAY_MAX)
        self._under_way: dict[int, float] = {}
        self._waiting_events = 0
        self._waiting_bytes = 0
        self._closing = False
        self._acknowledged: dict[int, _Acknowledged] = {}
        self._late_at = 0
        self._asking = asyncio.Lock()
        self._end, self._end_asked_s = 0, -math.inf
        self._count = 0
        words.on_advance = self._settle_told

    @property
    def position(self) -> int:
        """Everything up to it is in the answers that are computed from now on."""
        return self._words.position

    @property
    def acknowledged(self) -> int:
        """As ``position``: what is acknowledged and not in answers yet has no place here."""
        return self.position

    @property
    def busy(self) -> bool:
        """Whether a message is under way."""
        return bool(self._under_way or self._waiting)

    @property
    def commit_s(self) -> float:
        """For how many seconds the oldest message has been under way."""
        began_s = min(self._under_way.values(), default=None)
        return 0.0 if began_s is None else self._clock.monotonic_s() - began_s

    @property
    def waiting_events(self) -> int:
        """How many events the log does not have yet."""
        return self._waiting_events

    def listen(self, listener: Callable[[Notice], None], *, first: bool = False) -> None:  # noqa: ARG002 - all are told before an answer can be asked for
        """Call ``listener`` on the loop's thread when answers include more; it must not block."""
        self._words.listen(listener)

    def start(self) -> None:
        """Start publishing."""
        for name, life in (("log writer", self._publish_all()), ("late words", self._look())):
            self._begin(name, life)

    def read_back(self, team: int, wanted: Sequence[tuple[bytes, int]]) -> list[StoredIdentity]:
        """Return a team's events by ``(id, position)``. Blocks; for any thread but the loop's."""
        return read_stored(self._engine, team, wanted)

    def between(self, errand: Callable[[], _Result]) -> _Result:
        """Run ``errand``: commits are made elsewhere, and wait for nobody here."""
        return errand()

    def submit(self, batch: Batch, size_bytes: int, token: Any, *, admitted: bool = False) -> None:
        """Queue a batch; ``deliver`` gets ``token`` with the outcome when the log has it.

        Raises:
            Overloaded: too much waits already; nothing of the batch was taken.
            NotDurable: the process is about to stop.
        """
        if self._closing:
            raise NotDurable(None)
        limits = self._limits
        if (
            self._waiting
            and not admitted
            and (
                self._waiting_events + len(batch) > limits.waiting_events_max
                or self._waiting_bytes + size_bytes > limits.waiting_bytes_max
            )
        ):
            raise Overloaded(None)
        self._waiting.append(Work(batch, size_bytes, token))
        self._waiting_events += len(batch)
        self._waiting_bytes += size_bytes
        WAITING_EVENTS.set(self._waiting_events)
        self._arrived.set()

    async def reached(self, position: int) -> None:
        """Return when answers include ``position``.

        Raises:
            BadInput: the log has no such message.
            Overloaded: the store does not have it yet, after a long wait.
        """
        if position <= self.position:
            return
        last = await self._log_end()
        if position > last:
            raise BadInput("min_position", f"is beyond the last commit, {last}")
        await self._words.wait_for(position, _REACHED_S_MAX)

    async def caught_up(self, within_s: float = CAUGHT_UP_S_MAX) -> int:
        """Return a position that includes everything acknowledged so far, once answers do.

        Raises:
            StoreFailed: they do not, after a long wait.
        """
        last = await self._log_end()
        try:
            await self._words.wait_for(last, within_s)
        except Overloaded:
            raise StoreFailed(
                "What was acknowledged is not in the store yet; try again when loaders have caught"
                " up."
            ) from None
        return last

    async def _log_end(self) -> int:
        """Return the last acknowledged position; many who ask together ask the log once."""
        called_s = self._loop.time()
        async with self._asking:
            # What was asked before this call may lack what was acknowledged before it.
            if self._end_asked_s <= called_s:
                asked_s = self._loop.time()
                self._end = await self._log.last_of()
                self._end_asked_s = asked_s
            return self._end

    def settled(self) -> int:
        """As ``caught_up``. Blocks; for any thread but the loop's."""
        return asyncio.run_coroutine_threadsafe(self.caught_up(), self._loop).result()

    def close(self) -> None:
        """Take nothing any more; what was not acknowledged is told so."""
        self._closing = True
        self._words.close()
        for task in self._tasks:
            task.cancel()
        self._deliver([(work.token, NotDurable(None)) for work in self._waiting])
        self._waiting.clear()

    def _begin(self, name: str, life: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(life, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _publish_all(self) -> None:
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self._waiting:
                await self._room.acquire()
                messages = cut(self._waiting, self._log.partitions)
                for number, (partition, parts) in enumerate(messages):
                    if number:
                        await self._room.acquire()
                    self._begin("log message", self._send(partition, parts))

    async def _send(self, partition: int, parts: list[Part]) -> None:
        self._count += 1
        number = self._count
        self._under_way[number] = self._clock.monotonic_s()
        try:
            with COMMIT_SECONDS.time():
                await self._publish(partition, parts)
        finally:
            del self._under_way[number]
            self._room.release()
            self._take_off(parts)

    def _take_off(self, parts: list[Part]) -> None:
        """Count what waits no more; of a batch in parts, its share of the bytes."""
        for part in parts:
            self._waiting_events -= part.events
            self._waiting_bytes -= part.work.size_bytes * part.events // len(part.work.batch)
        WAITING_EVENTS.set(self._waiting_events)

    async def _publish(self, partition: int, parts: list[Part]) -> None:
        try:
            chosen = [(part.work.batch, part.places) for part in parts]
            if sum(part.events for part in parts) <= _INLINE_EVENTS_MAX:
                body = pack(chosen)
            else:
                body = await asyncio.to_thread(pack, chosen)
            if len(body) > self._log.message_bytes_max:
                both = halves(parts)
            else:
                deadline_s = self._loop.time() + _PUBLISH_S_MAX
                name = secrets.token_hex(16)
                position = await self._log.publish(partition, body, name, deadline_s)
                self._await_word(position, parts)
                return
        except NotDurable as error:
            self._fail(parts, error)
            return
        except BaseException:
            self._fail(parts, NotDurable(None))
            raise
        for half in both:
            await self._publish(partition, half)

    def _await_word(self, position: int, parts: list[Part]) -> None:
        """Give the receipts when answers include the message; now, when loaders are behind."""
        if position <= self.position:
            self._settle(parts, position, self._words.known_of(position))
        elif self._words.are_fresh and self._late_at <= self.position:
            until_s = self._loop.time() + _WORD_S_MAX
            self._acknowledged[position] = _Acknowledged(parts, until_s)
        else:
            self._settle(parts, position, None)

    def _settle_told(self) -> None:
        """Give the receipts of what answers include by now."""
        for position in [one for one in self._acknowledged if one <= self.position]:
            parts = self._acknowledged.pop(position).parts
            self._settle(parts, position, self._words.known_of(position))

    async def _look(self) -> None:
        """Give receipts without the loader's word when it takes too long."""
        while True:
            await asyncio.sleep(_LOOK_S)
            now_s = self._loop.time()
            late = [one for one, item in self._acknowledged.items() if item.until_s < now_s]
            for position in late:
                self._late_at = max(self._late_at, position)
                self._settle(self._acknowledged.pop(position).parts, position, None)

    def _settle(self, parts: list[Part], position: int, known: list[Known] | None) -> None:
        words: Sequence[Known | None] = known or [None] * len(parts)
        done = [
            part.work
            for part, word in zip(parts, words, strict=True)
            if part.work.done(part, position, word)
        ]
        self._hand_over(done)

    def _fail(self, parts: list[Part], error: NotDurable) -> None:
        self._hand_over([part.work for part in parts if part.work.failed(error)])

    def _hand_over(self, done: list[Work]) -> None:
        """Give the receipts of batches of which nothing is under way any more."""
        outcomes = [(work.token, work.outcome()) for work in done]
        for _, outcome in outcomes:
            _note(outcome)
        if outcomes:
            self._deliver(outcomes)


def _note(outcome: Outcome) -> None:
    if not isinstance(outcome, Receipt):
        return
    COMMITS.inc(bool(outcome.stored))
    for word, number in (
        ("stored", outcome.stored),
        ("duplicate", outcome.duplicates),
        ("conflict", len(outcome.differing)),
    ):
        if number:
            EVENTS.labels(word).inc(number)
