"""From the log into the store: one partition, by one process at a time.

In the flow: reads messages from ``log``, parts new from known with ``ingest``, inserts into
``store.events``, and tells every process what answers include from now on.
Guarantee: every event of the log is in the store exactly once, whichever processes die or stop and
go on in between; a store that is down delays and loses nothing.

What makes it so, in three layers:

1. A message is one insert, at its own position. What is new in it follows from the messages before
   it alone, so every process that loads it makes the same rows of it.
2. The store takes an insert once: it is named by its message. Who loads a message that another has
   just loaded, or is still loading, adds nothing.
3. One process loads a partition at a time (``lease``). It looks before each insert whether it still
   is that one, so that a process that was stopped for an hour does not repeat an insert that the
   store has forgotten the name of.

A process that does not hold the partition keeps its index of identities near, so that it can go on
within seconds.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeVar
from zlib import crc32

import anyio
import structlog
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from livetally.clock import Clock
from livetally.cluster.frames import Known, Message, Told, pack_told, unpack
from livetally.cluster.lease import Lease, LeaseLost
from livetally.cluster.log import Log
from livetally.errors import LivetallyError
from livetally.ingest import Batch, Sorted, joined_rows, recover, sort_out, touched_slots
from livetally.store.events import Engine, existing_columns, insert_rows
from livetally.store.identities import IdentityIndex
from livetally.telemetry import COMMIT_EVENTS, COMMIT_SECONDS, LOADER_WAITING_MESSAGES

__all__ = ["LOADED", "Loader", "Place", "partition_of"]

_log = structlog.get_logger("livetally.cluster")

LOADED = "loaded"
"""The subject of what loaders tell."""

_BEAT_S = 1.0
_READ_AHEAD = 2
_AGAIN_S_MIN = 0.2
_AGAIN_S_MAX = 5.0
_WARM_S = 5.0
_Made = TypeVar("_Made")


def partition_of(key: bytes, partitions: int) -> int:
    """Return where an identity belongs: the same place on every machine and in every version."""
    return crc32(key) % partitions


class Place(NamedTuple):
    """What a loader works with."""

    log: Log
    engine: Engine
    identities: IdentityIndex
    clock: Clock
    position_min: Callable[[], int]
    """The last position that was told although its events may be erased. Blocks."""


class Loader:
    """Loads one partition for as long as ``run`` runs. For one event loop."""

    def __init__(self, place: Place, partition: int, lease: Lease) -> None:
        """Load nothing yet."""
        self._place = place
        self.partition = partition
        self._lease = lease
        self._columns: frozenset[str] = frozenset()
        # The last message that is done, and up to where nothing of this partition is missing.
        self._done = 0
        self._through = 0
        # Messages up to here may be in the store already.
        self._repeats_until = 0
        # How far others are: this partition is to say that it lacks nothing up to there.
        self._wanted = 0
        self._moved = asyncio.Event()
        # Whether an insert of the next message may have been tried: by us, or by who loaded before.
        self._again = True
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
            except* LeaseLost:
                _log.warning("another process may load now", partition=self.partition)

    async def _keep_warm(self) -> None:
        """Follow what others load, so that little is left to read when it is our turn."""
        now_s = self._place.clock.monotonic_s()
        if now_s - self._warm_s < _WARM_S:
            return
        self._warm_s = now_s
        try:
            await asyncio.to_thread(self._recover)
        except LivetallyError as error:
            _log.debug("index of ids not brought up to date", reason=error.message)

    def _recover(self) -> int:
        place = self._place
        count = place.log.partitions
        is_ours = None
        if count > 1:
            is_ours = lambda key: partition_of(key, count) == self.partition  # noqa: E731
        return recover(place.engine, place.identities, place.position_min(), is_ours)

    async def _load(self) -> None:
        await self._tried(self._recovered)
        self._done = self._through = await self._known_done()
        sender, receiver = anyio.create_memory_object_stream[tuple[int, Message]](_READ_AHEAD)
        _log.info("loading", partition=self.partition, after=self._done)
        async with receiver, anyio.create_task_group() as tasks:
            tasks.start_soon(self._read, sender)
            tasks.start_soon(self._beat)
            if self._place.log.partitions > 1:
                tasks.start_soon(self._keep_up)
            await self._take_all(receiver)

    async def _recovered(self) -> None:
        self._again = True
        self._repeats_until = await asyncio.to_thread(self._recover)
        await asyncio.to_thread(self._look_at_columns)

    async def _take_all(self, receiver: MemoryObjectReceiveStream[tuple[int, Message]]) -> None:
        async for position, message in receiver:
            self._lease.require()
            with COMMIT_SECONDS.time():
                await self._take(position, message)
            LOADER_WAITING_MESSAGES.labels(str(self.partition)).set(
                receiver.statistics().current_buffer_used
            )

    async def _read(self, sender: MemoryObjectSendStream[tuple[int, Message]]) -> None:
        """Read ahead, so that the next message is unpacked while one is inserted."""
        async with sender:
            async for found in self._place.log.read(self.partition, self._done):
                self._lease.require()
                if found is None:
                    continue
                position, body = found

                async def unpacked(body: bytes = body) -> Message:
                    return await asyncio.to_thread(unpack, body)

                await sender.send((position, await self._tried(unpacked)))

    async def _take(self, position: int, message: Message) -> None:
        index = self._place.identities
        if message.forget or message.anew:
            await self._tried(lambda: self._forget(message))
        known: list[Known] = []
        touched: list[tuple[int, str, list[int]]] = []
        stored = 0
        if message.batches:
            batches = await asyncio.to_thread(self._restored, message)
            parted = await self._tried(lambda: self._parted(batches, position))
            stored = parted.new
            if stored:
                await self._tried(lambda: self._inserted(batches, parted, position))
                index.record(parted.keys, parted.sums, position)
            if stored or position <= self._repeats_until:
                # Who has stored it before may not have said so: then all of it counts as touched.
                repeated = position <= self._repeats_until
                places = [None] * len(batches) if repeated else parted.places
                found = touched_slots(batches, places)
                touched = [(team, kind, sorted(slots)) for (team, kind), slots in found.items()]
            if any(one.repeated or one.differing for one in parted.known):
                known = [
                    Known(list(one.repeated), [(d.place, d.position) for d in one.differing])
                    for one in parted.known
                ]
            COMMIT_EVENTS.observe(stored)
        self._done = position
        await self._tell(position, stored, touched, known)

    async def _parted(self, batches: list[Batch], position: int) -> Sorted:
        return await asyncio.to_thread(sort_out, batches, self._place.identities, position)

    def _restored(self, message: Message) -> list[Batch]:
        """Return the batches with those columns only that the store has by now."""
        batches = [Batch.restored(kept) for kept in message.batches]
        mentioned = {name for batch in batches for name in batch.declared}
        if not mentioned <= self._columns:
            self._look_at_columns()
        for batch in batches:
            batch.declared = {
                name: field for name, field in batch.declared.items() if name in self._columns
            }
            batch.fields = {
                name: values for name, values in batch.fields.items() if name in self._columns
            }
        return batches

    def _look_at_columns(self) -> None:
        self._columns = frozenset(existing_columns(self._place.engine))

    async def _inserted(self, batches: list[Batch], parted: Sorted, position: int) -> None:
        def insert() -> None:
            rows = joined_rows(batches, parted.places)
            self._lease.require()
            again, self._again = self._again, True
            token = f"{self.partition}-{position}"
            insert_rows(self._place.engine, rows, position, token, again=again)
            self._again = False

        await asyncio.to_thread(insert)

    async def _forget(self, message: Message) -> None:
        def forget() -> None:
            if message.anew:
                self._place.identities.forget_all()
                self._recover()
            self._place.identities.forget(message.forget)

        await asyncio.to_thread(forget)

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

    async def _tell(
        self,
        position: int = 0,
        stored: int = 0,
        touched: list[tuple[int, str, list[int]]] | None = None,
        known: list[Known] | None = None,
        through: int = 0,
    ) -> None:
        since = self._through
        self._through = max(since, position, through)
        self._moved.set()
        told = Told(
            self.partition,
            since,
            self._through,
            position,
            self._place.clock.now_us(),
            stored,
            touched or [],
            known or [],
        )
        await self._place.log.tell(LOADED, pack_told(told))

    async def _beat(self) -> None:
        """Say how far it is, also when there is nothing to load, and note it for the next one."""
        noted = -1
        while True:
            self._lease.require()
            await self._tell()
            if self._through != noted:
                noted = self._through
                await self._place.log.note_loaded(self.partition, noted)
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
                last = await self._place.log.last_of(self.partition)
            except LivetallyError:
                await asyncio.sleep(_AGAIN_S_MIN)
                self._moved.set()
                continue
            # What was numbered before ``wanted`` was there when the log was asked.
            if last <= self._done:
                await self._tell(through=wanted)

    async def _known_done(self) -> int:
        """Return up to where the partition was loaded when it was last noted; later is repeated."""
        return await self._tried(lambda: self._place.log.noted_loaded(self.partition))
