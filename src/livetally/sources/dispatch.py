"""Has sources fetched by workers: processes of their own, on any host, reached over a broker.

In the flow: is the ``Runs`` of ``keeper`` where workers fetch the sources; hands the lines that a
worker sends to ``deliver``.
Guarantee: a message of events is answered when they are durable; a worker that is silent for
``silence_s`` has lost its run, nothing that it says later is taken, and another one gets the run,
which counts once because the ids follow from the records.

The broker keeps nothing: what has to outlive a crash is in the catalog (how far a source came, who
holds it) and in the event store. A run whose messages are lost is done again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

import anyio
import msgspec
import structlog

from livetally.errors import LivetallyError, UnreadableBody
from livetally.sources.broker import Answering, Broker, Unanswered
from livetally.sources.failures import SourceFailed
from livetally.sources.keeper import Declared, Runs
from livetally.sources.pull import Counts, Deliver, Known, Outcome
from livetally.sources.wire import (
    PROTOCOL,
    Beat,
    Busy,
    Ended,
    Events,
    Going,
    Gone,
    Here,
    Left,
    Offer,
    Stop,
    Stored,
    Subjects,
    Taken,
    packed,
    read_from_worker,
    written_source,
)
from livetally.telemetry import SOURCE_WORKERS, SOURCE_WORKERS_LOST

__all__ = ["RunsOnWorkers", "WorkerPatience"]

_log = structlog.get_logger("livetally.sources")

_WORKERS_MAX = 3
_OFFER_S = 2.0
_OFFER_AGAIN_S = 0.5
_GOING = packed(Going())
_GONE = packed(Gone())


class WorkerPatience(NamedTuple):
    """Seconds that a worker may be silent, and that a run waits for one that is free."""

    silence_s: float = 10.0
    free_s: float = 30.0

    @property
    def beat_s(self) -> float:
        """How often a worker says that a run goes on."""
        return self.silence_s / 5


class _Run:
    """A run that one worker does: what it has told so far."""

    def __init__(self, deliver: Deliver) -> None:
        self.id = secrets.token_hex(8)
        self.worker = ""
        self.counts = Counts()
        self.outcome: Outcome | None = None
        self.failed: LivetallyError | None = None
        self.gone = False
        self.ended = anyio.Event()
        self.heard_s = monotonic()
        self._deliver = deliver
        self._number = 0
        self._last = Counts()
        self._delivering = False

    @property
    def silent_s(self) -> float:
        """For how long nothing was heard of it, while nothing of it was being stored."""
        return 0.0 if self._delivering else monotonic() - self.heard_s

    async def beat(self, body: bytes) -> bytes:
        """Hear that it goes on."""
        said = _heard(body)
        return _GOING if isinstance(said, Beat) and self._is_from_ours(said.worker) else _GONE

    async def told(self, body: bytes) -> bytes:
        """Hear of events, or of its end."""
        said = _heard(body)
        if not isinstance(said, Events | Ended | Left) or not self._is_from_ours(said.worker):
            return _GONE
        if isinstance(said, Events):
            return await self._store(said)
        if isinstance(said, Ended):
            self.outcome = said.outcome
        self.ended.set()
        return _GOING

    def _is_from_ours(self, worker: str) -> bool:
        """Whether the run is this worker's: the first one that is heard of has it.

        When the answer to an offer is lost, a second worker may have taken it as well.
        """
        if self.gone:
            return False
        self.worker = self.worker or worker
        if self.worker != worker:
            return False
        self.heard_s = monotonic()
        return True

    async def _store(self, events: Events) -> bytes:
        """Store events, unless it is the message before once more: its answer was lost."""
        if events.number > self._number:
            self._delivering = True
            try:
                self._last = await self._deliver(events.lines)
            except LivetallyError as error:
                self.failed = error
                self.ended.set()
                return _GONE
            finally:
                self._delivering = False
                self.heard_s = monotonic()
            self._number = events.number
            self.counts.add(self._last)
        return packed(Stored(self._last))


class RunsOnWorkers(Runs):
    """Has sources fetched by whichever worker is free. For one event loop."""

    def __init__(
        self,
        broker: Broker,
        subjects: Subjects,
        deliver_of: Callable[[Declared], Deliver],
        patience: WorkerPatience | None = None,
    ) -> None:
        """Offer runs on ``subjects``; what a worker sends goes where ``deliver_of`` says."""
        self._broker = broker
        self._subjects = subjects
        self._deliver_of = deliver_of
        self._patience = patience or WorkerPatience()
        self._heard: dict[str, tuple[float, Here]] = {}
        self._opening = anyio.Lock()
        SOURCE_WORKERS.set_function(lambda: len(self.workers))

    async def open(self) -> None:
        """Listen to who is there.

        Raises:
            BrokerFailed: the broker can't be reached.
        """
        async with self._opening:
            if await self._broker.open():
                await self._broker.answer(self._subjects.workers, self._note_worker)

    @property
    def workers(self) -> list[Here]:
        """The workers that were heard of lately, by name."""
        since = monotonic() - 2 * self._patience.silence_s
        return [here for _, (at, here) in sorted(self._heard.items()) if at >= since]

    async def run(self, declared: Declared, known: Known) -> Outcome:
        """Have a source fetched once; by another worker when one is lost.

        Raises:
            BrokerFailed: the broker can't be reached.
            SourceFailed: there is no worker, or none that can.
            NotDurable: events can't be stored.
        """
        await self.open()
        lost = Counts()
        for _ in range(_WORKERS_MAX):
            run = _Run(self._deliver_of(declared))
            outcome = await self._done(run, declared, known)
            if outcome is not None:
                lost.add(outcome.counts)
                return msgspec.structs.replace(outcome, counts=lost)
            lost.add(run.counts)
            _note_lost(run, declared)
        error = f"{_WORKERS_MAX} workers in turn were lost in the middle of this run."
        return Outcome(lost, None, error)

    async def close(self) -> None:
        """End the connection."""
        await self._broker.close()

    async def _done(self, run: _Run, declared: Declared, known: Known) -> Outcome | None:
        """Have one worker do a run; None when the worker was lost."""
        to = self._subjects.to(run.id)
        answering: list[Answering] = []
        try:
            answering.append(await self._broker.answer(f"{to}.beat", run.beat))
            answering.append(await self._broker.answer(f"{to}.told", run.told))
            await self._offered(run, self._offer(run, to, declared, known))
            await self._awaited(run)
        finally:
            run.gone = True
            with anyio.CancelScope(shield=True):
                for one in answering:
                    await one.end()
                if run.worker and run.outcome is None:
                    await self._stop(run)
        if run.failed is not None:
            raise run.failed
        return run.outcome

    def _offer(self, run: _Run, to: str, declared: Declared, known: Known) -> bytes:
        source = written_source(declared.source)
        patience = self._patience
        offer = Offer(PROTOCOL, run.id, to, source, known, patience.beat_s, patience.silence_s)
        body = packed(offer)
        if len(body) > self._broker.payload_bytes_max:
            raise SourceFailed(
                f"The source and its look-up tables are {len(body):,} bytes; the broker takes"
                f" {self._broker.payload_bytes_max:,} (max_payload)."
            )
        return body

    async def _offered(self, run: _Run, offer: bytes) -> None:
        """Offer a run until a worker takes it.

        Raises:
            SourceFailed: nobody did in time.
        """
        reason = "no worker is connected; start one with 'livetally worker'"
        end_s = monotonic() + self._patience.free_s
        while monotonic() < end_s:
            try:
                said = _heard(await self._broker.request(self._subjects.run, offer, _OFFER_S))
            except Unanswered:
                said = None
            if isinstance(said, Taken):
                run.worker = run.worker or said.worker
            elif isinstance(said, Busy):
                reason = f"worker {said.worker} can't: {said.reason}"
            if run.worker:  # also when only the answer was lost
                run.heard_s = monotonic()
                return
            await anyio.sleep(_OFFER_AGAIN_S)
        raise SourceFailed(f"Nobody fetched it within {self._patience.free_s:g} s: {reason}.")

    async def _awaited(self, run: _Run) -> None:
        """Wait until a run has ended, or its worker is silent for too long."""
        while not run.ended.is_set():
            left_s = self._patience.silence_s - run.silent_s
            if left_s <= 0:
                return
            with anyio.move_on_after(left_s):
                await run.ended.wait()

    async def _stop(self, run: _Run) -> None:
        try:
            await self._broker.publish(self._subjects.stop, packed(Stop(run.id)))
        except LivetallyError as error:
            _log.debug("a worker was not told to stop", error=error.message)

    async def _note_worker(self, body: bytes) -> None:
        here = _heard(body)
        if isinstance(here, Here):
            self._heard[here.name] = (monotonic(), here)


def _note_lost(run: _Run, declared: Declared) -> None:
    if run.ended.is_set():
        _log.info("worker left", worker=run.worker, source=declared.source.name)
        return
    SOURCE_WORKERS_LOST.inc()
    _log.warning("worker lost", worker=run.worker, source=declared.source.name)


def _heard(body: bytes) -> object:
    """Read a message; what is none is a message that nothing follows from."""
    try:
        return read_from_worker(body)
    except UnreadableBody as error:
        _log.warning("a worker can't be understood", error=error.message)
        return None
