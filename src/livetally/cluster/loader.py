"""From the log into the store: one partition, by one process at a time.

In the flow: reads messages from ``log``, parts new from known with ``ingest``, inserts into
``store.events``, and tells every process what answers include from now on.
Guarantee: every event of the log is in the store exactly once, whichever processes die or stop and
go on in between; a store that is down delays and loses nothing.

What makes it so, in three layers:

1. What is new in a message follows from the messages before it alone, so every process that loads
   it makes the same rows of it, at its own position (``storing``).
2. The store takes an insert once: it is named by its messages. Which messages go together is noted
   before they are inserted (``notes``), so that whoever takes over repeats the very same insert.
3. One process loads a partition at a time (``lease``). It looks before each insert whether it still
   is that one, so that a process that was stopped for an hour does not repeat an insert that the
   store has forgotten the name of.

It adapts by itself: alone, a message is inserted at once; what has come meanwhile is the next
insert. A process that does not hold the partition keeps its index of identities near, so that it
can go on within seconds.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple, TypeVar

import anyio
import structlog

from livetally.clock import Clock
from livetally.cluster.ahead import Ahead, Numbered
from livetally.cluster.copies import Copies
from livetally.cluster.frames import Told, pack_told, unpack
from livetally.cluster.lease import Lease, LeaseLost
from livetally.cluster.log import Log
from livetally.cluster.notes import Notes, Plan, PlanRefused
from livetally.cluster.reading import read
from livetally.cluster.storing import Done, Storing
from livetally.errors import LivetallyError
from livetally.store.events import Engine
from livetally.store.identities import IdentityIndex
from livetally.telemetry import COMMIT_EVENTS, COMMIT_SECONDS, LOADER_WAITING_MESSAGES

__all__ = ["LOADED", "Loader", "Place"]

_log = structlog.get_logger("livetally.cluster")

LOADED = "loaded"
"""The subject of what loaders tell."""

_BEAT_S = 1.0
_AGAIN_S_MIN = 0.2
_AGAIN_S_MAX = 5.0
_WARM_S = 5.0
_ANY = 2**63
_Made = TypeVar("_Made")


class Place(NamedTuple):
    """What a loader works with."""

    log: Log
    engine: Engine
    identities: IdentityIndex
    clock: Clock
    position_min: Callable[[], int]
    """The last position that was told although its events may be erased. Blocks."""
    copies: Copies | None = None


class Loader:
    """Loads one partition for as long as ``run`` runs. For one event loop."""

    def __init__(self, place: Place, partition: int, lease: Lease) -> None:
        """Load nothing yet."""
        self._log = place.log
        self._clock = place.clock
        self.partition = partition
        self._lease = lease
        self._notes = Notes(place.log, partition)
        self._begin_storing = partial(
            Storing,
            place.engine,
            place.identities,
            partition,
            place.log.partitions,
            place.position_min,
        )
        self._storing = self._begin_storing()
        self._copies = place.copies
        self._plan = Plan()
        # The last message that is done, and up to where nothing of this partition is missing.
        self._done = 0
        self._through = 0
        # How far others are: this partition is to say that it lacks nothing up to there.
        self._wanted = 0
        self._moved = asyncio.Event()
        self._warm_s = -math.inf
        self.trouble = ""
        """What keeps it from loading now; empty when nothing does."""

    @property
    def is_active(self) -> bool:
        """Whether this process loads the partition."""
        return self._lease.is_held

    def heard(self, told: Told) -> None:
        """Take note of what the loader of any partition tells."""
        if told.through > self._wanted:
            self._wanted = told.through
            self._moved.set()

    async def run(self) -> None:
        """Load whenever it is this process's turn, until cancelled."""
        while True:
            try:
                async with self._lease.kept(self._keep_warm):
                    await self._load()
            except* (LeaseLost, PlanRefused):
                _log.warning("another process may load now", partition=self.partition)

    async def _keep_warm(self) -> None:
        """Follow what others load, so that little is left to read when it is our turn."""
        now_s = self._clock.monotonic_s()
        if now_s - self._warm_s < _WARM_S:
            return
        self._warm_s = now_s
        try:
            await asyncio.to_thread(self._storing.recover, await self._loaded_before())
        except LivetallyError as error:
            _log.debug("index of ids not brought up to date", reason=error.message)

    async def _load(self) -> None:
        # Anew each time: a thread of the last time may still be at an insert.
        self._storing = self._begin_storing()
        self._plan = await self._tried(self._notes.take_over)
        self._done = self._through = await self._tried(self._loaded_before)
        await self._tried(partial(asyncio.to_thread, self._storing.recover, self._done))
        ahead = Ahead()
        _log.info("loading", partition=self.partition, after=self._done)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._read, ahead)
            tasks.start_soon(self._beat)
            if self._log.partitions > 1:
                tasks.start_soon(self._keep_up)
            while True:
                group = await self._next_group(ahead)
                LOADER_WAITING_MESSAGES.labels(str(self.partition)).set(len(ahead))
                self._lease.require()
                with COMMIT_SECONDS.time():
                    await self._take(group)

    async def _loaded_before(self) -> int:
        """Return up to where the partition is loaded at least; what is after that is repeated."""
        noted = await self._notes.loaded()
        return await self._log.before_first() if noted is None else noted

    async def _read(self, ahead: Ahead) -> None:
        """Read ahead, so that the next messages are unpacked while some are inserted."""
        async for position, body in read(self._log, self.partition, self._done):
            self._lease.require()
            unpacked = await self._tried(partial(asyncio.to_thread, unpack, body))
            await ahead.put(Numbered(position, unpacked))

    async def _next_group(self, ahead: Ahead) -> list[Numbered]:
        """Take what goes into the next insert."""
        if not self._storing.uncertain:
            return await ahead.group(_ANY, exactly=False)
        first = await ahead.first()
        # Who loaded before may have tried: what had been noted, or else one message alone.
        last = self._plan.last if self._plan.first == first else first
        return await ahead.group(last, exactly=True)

    async def _take(self, group: list[Numbered]) -> None:
        storing = self._storing
        if group[0].is_alone:
            message = group[0].message
            await self._tried(partial(asyncio.to_thread, storing.forget, message, self._done))
        ready = await self._tried(partial(asyncio.to_thread, storing.ready, group))
        if ready.new:
            plan = Plan(group[0].position, group[-1].position)
            if plan.first != plan.last and plan != self._plan:
                await self._tried(partial(self._notes.plan, plan))
                self._plan = plan

            def insert() -> None:
                self._lease.require()
                storing.insert(ready)

            await self._tried(partial(asyncio.to_thread, insert))
        if self._copies is not None:
            await self._tried(partial(self._copies.publish, ready))
        for done in await asyncio.to_thread(storing.record, ready):
            COMMIT_EVENTS.observe(done.stored)
            self._done = done.position
            await self._tell(done)

    async def _tried(self, step: Callable[[], Awaitable[_Made]]) -> _Made:
        """Return what ``step`` makes, however often it has to be tried.

        Raises:
            LeaseLost: another process is to try instead.
        """
        again_s = _AGAIN_S_MIN
        while True:
            self._lease.require()
            try:
                made = await step()
            except LivetallyError as error:
                if self.trouble != error.message:
                    _log.error("loading waits", partition=self.partition, reason=error.message)
                self.trouble = error.message
                await asyncio.sleep(again_s)
                again_s = min(again_s * 2, _AGAIN_S_MAX)
            else:
                self.trouble = ""
                return made

    async def _tell(self, done: Done | None = None, through: int = 0) -> None:
        since = self._through
        self._through = max(since, through, done.position if done else 0)
        self._moved.set()
        told = Told(self.partition, since, self._through)
        if done is not None:
            told = Told(
                self.partition,
                since,
                self._through,
                done.position,
                self._clock.now_us(),
                done.stored,
                done.touched,
                done.known,
            )
        await self._log.tell(LOADED, pack_told(told))

    async def _beat(self) -> None:
        """Say how far it is, also when there is nothing to load, and note it for the next one."""
        noted = -1
        while True:
            self._lease.require()
            await self._tell()
            if self._through != noted:
                noted = self._through
                await self._notes.note_loaded(noted)
            await asyncio.sleep(_BEAT_S)

    async def _keep_up(self) -> None:
        """Say that nothing is missing up to where other partitions are, once that is certain."""
        while True:
            await self._moved.wait()
            self._moved.clear()
            wanted = self._wanted
            if wanted <= self._through:
                continue
            try:
                last = await self._log.last_of(self.partition)
            except LivetallyError:
                await asyncio.sleep(_AGAIN_S_MIN)
                self._moved.set()
                continue
            # What was numbered before ``wanted`` was there when the log was asked.
            if last <= self._done:
                await self._tell(through=wanted)
