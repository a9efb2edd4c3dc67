"""Wires a process beyond one machine: the log in the writer's place, loaders, turns.

In the flow: called by ``build`` when the settings name a store and a log.
Guarantee: a log that is kept with less care than the settings ask for is refused before anything is
accepted; what only one process may do at a time is done under a lease.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import anyio

from livetally.clock import Clock
from livetally.cluster import Lease, Loader, Log, LogPlan, LogWriter, Place, Words, open_log
from livetally.cluster.care import check_sync, drop_loaded
from livetally.cluster.copies import open_copies
from livetally.cluster.frames import pack
from livetally.cluster.notes import loaded_through
from livetally.cluster.parts import partition_of
from livetally.errors import Overloaded
from livetally.ingest import Deliver, WriterLimits
from livetally.server.erasing import Rooms
from livetally.server.keeping import read_horizons
from livetally.server.sourcing import process_name
from livetally.settings import Settings
from livetally.store.events import Engine, last_position
from livetally.store.identities import IdentityIndex

__all__ = [
    "Cluster",
    "LogIdentities",
    "begun_anew",
    "beyond",
    "cluster_loops",
    "open_cluster",
    "opened_log",
]

_FORGET_AT_ONCE = 5_000
_PUBLISH_S_MAX = 30.0
_SINKS_LOOK_S = 1.0
# So many things that are to be done in turn are told apart; two of one slot wait for each other.
_TURNS = 4_096
_TURN_S = 30.0
_TURN_WAIT_S_MAX = 15.0
_TURN_LOOK_S = 0.02


class LogIdentities:
    """The identities that all loaders know, as far as erasing has to do with them.

    What is to be forgotten is said in the log: so it is between the same two commits for every
    process that ever loads it.
    """

    def __init__(self, log: Log, loop: asyncio.AbstractEventLoop) -> None:
        """Say it in ``log``, whose loop is ``loop``."""
        self._log = log
        self._loop = loop

    def forget(self, keys: Iterable[bytes]) -> None:
        """Have loaders know these keys no more. Blocks; for any thread but the loop's.

        Raises:
            NotDurable: the log does not take it.
        """
        by_partition: dict[int, list[bytes]] = {}
        for key in keys:
            partition = partition_of(key, self._log.partitions)
            by_partition.setdefault(partition, []).append(key)
        for partition, found in by_partition.items():
            for start in range(0, len(found), _FORGET_AT_ONCE):
                self._say(partition, pack(forget=found[start : start + _FORGET_AT_ONCE]))

    def forget_all(self) -> None:
        """Have loaders read anew which identities are stored. Blocks, as ``forget``."""
        for partition in range(self._log.partitions):
            self._say(partition, pack(anew=True))

    def scrub(self) -> None:
        """Nothing: the loaders' files are theirs."""

    def _say(self, partition: int, body: bytes) -> None:
        async def publish() -> None:
            deadline_s = self._loop.time() + _PUBLISH_S_MAX
            await self._log.publish(partition, body, process_name(), deadline_s)

        asyncio.run_coroutine_threadsafe(publish(), self._loop).result()


class Cluster(NamedTuple):
    """What a process has beyond one machine."""

    log: Log
    writer: LogWriter
    words: Words
    loaders: Sequence[Loader]
    identities: LogIdentities
    upkeep: Lease

    @asynccontextmanager
    async def turn(self, name: str) -> AsyncIterator[None]:
        """Keep other processes from doing what has this name; answers are up to date meanwhile.

        Raises:
            Overloaded: others are at it, or the log does not answer.
            StoreFailed: answers are far behind.
        """
        slot = f"turn.{crc32(name.encode()) % _TURNS}"
        lease = Lease(self.log.state, slot, process_name(), _TURN_S, _TURN_LOOK_S)
        with anyio.move_on_after(_TURN_WAIT_S_MAX) as waiting:
            await lease.acquire()
        if waiting.cancelled_caught:
            raise Overloaded("Others act on the same thing, or the log does not answer.")
        try:
            await self.writer.caught_up()
            yield
        finally:
            await lease.release()

    def troubles(self) -> dict[str, str]:
        """Return what keeps this process from its work, by part."""
        found: dict[str, str] = {}
        if not self.log.is_connected:
            found["log"] = "no server of the log is connected"
        if self.words.are_awaited:
            found["loader"] = "none was heard of yet"
        waiting = [one for one in self.loaders if one.is_active and one.trouble]
        if waiting:
            found["loader"] = f"partition {waiting[0].partition} waits: {waiting[0].trouble}"
        return found


def beyond(cluster: Cluster | None) -> dict[str, Any]:
    """Return what ``Services`` takes from a cluster; nothing on one machine."""
    return {} if cluster is None else {"turn": cluster.turn, "troubles": cluster.troubles}


def cluster_loops(
    settings: Settings,
    cluster: Cluster,
    rooms: Rooms,
    retention: Callable[[], Coroutine[Any, Any, None]],
) -> dict[str, Callable[[], Awaitable[None]]]:
    """Return what runs beside a server beyond one machine; some of it in one process at a time."""
    loops: dict[str, Callable[[], Awaitable[None]]] = {
        f"loader {one.partition}": one.run for one in cluster.loaders
    }
    changed = asyncio.Event()
    loop = asyncio.get_running_loop()

    def note(_teams: object) -> None:
        loop.call_soon_threadsafe(changed.set)

    rooms.registry.listen(note)

    async def in_turn() -> None:
        while True:
            try:
                async with cluster.upkeep.kept(), anyio.create_task_group() as tasks:
                    tasks.start_soon(retention)
                    tasks.start_soon(drop_loaded, cluster.log, cluster.words, settings.log_keep_h)
                    await _keep_sinks(cluster, rooms, changed)
                    tasks.cancel_scope.cancel()
            finally:
                rooms.sinks.declare(())

    if cluster.loaders:
        loops["turn"] = in_turn
    return loops


async def _keep_sinks(cluster: Cluster, rooms: Rooms, changed: asyncio.Event) -> None:
    """Keep the declared tables for as long as it is this process's turn."""
    changed.set()
    while cluster.upkeep.is_held:
        with anyio.move_on_after(_SINKS_LOOK_S):
            await changed.wait()
            changed.clear()
            await asyncio.to_thread(rooms.sinks.declare, rooms.registry.sinks())


def begun_anew(rooms: Rooms) -> None:
    """Forget what was worked out from rows that another process has taken away."""
    rooms.runner.horizons.replace(*read_horizons(rooms.catalog))
    rooms.runner.cache.clear()
    rooms.forget_streams()
    rooms.sinks.rebuild_all()


async def open_cluster(
    stack: AsyncExitStack,
    settings: Settings,
    engine: Engine,
    clock: Clock,
    limits: WriterLimits,
    deliver: Deliver,
    index_at: Callable[[int], Path],
    position_min: Callable[[], int],
) -> Cluster:
    """Open the log and everything that goes with it; ``stack`` closes it.

    Args:
        stack: closes what is opened.
        settings: the process's settings.
        engine: the store.
        clock: of this process.
        limits: how much may wait.
        deliver: takes what becomes of batches.
        index_at: where a partition's index of identities is.
        position_min: the last position that was told although its events may be erased.

    Raises:
        SettingInvalid: the log is not kept as the settings want it.
        BrokerFailed: it can't be reached.
    """
    name = process_name()
    log = await opened_log(settings, engine, position_min, name)
    stack.push_async_callback(log.close)
    words = Words(log, engine, clock, await loaded_through(log))
    loaders: list[Loader] = []
    if settings.role != "api":
        copies = await open_copies(log, settings.log_keep_h) if settings.log_copies else None
        for partition in range(log.partitions):
            index = IdentityIndex(index_at(partition))
            stack.callback(index.close)
            lease = Lease(log.state, f"partition.{partition}", name, settings.lease_s)
            place = Place(log, engine, index, clock, position_min, copies)
            loaders.append(Loader(place, partition, lease))
    words.pass_on_to(loaders)
    await words.hear()
    writer = LogWriter(log, engine, words, clock, limits, deliver)
    identities = LogIdentities(log, asyncio.get_running_loop())
    upkeep = Lease(log.state, "upkeep", name, settings.lease_s)
    return Cluster(log, writer, words, loaders, identities, upkeep)


async def opened_log(
    settings: Settings, engine: Engine, position_min: Callable[[], int], name: str
) -> Log:
    """Open the log that the settings name, made if it is missing, after a look at how it is kept.

    Args:
        settings: the process's settings.
        engine: the store: the first position of a new log is beyond those that it has.
        position_min: the last position that was told although its events may be erased.
        name: how the log's servers show this process.

    Raises:
        SettingInvalid: the log is not kept as the settings want it.
        BrokerFailed: it can't be reached.
    """
    if settings.log_sync == "check":
        await check_sync(settings.log_monitors, settings.log_replicas)
    last = max(await asyncio.to_thread(last_position, engine), position_min())
    plan = LogPlan(
        servers=settings.log,
        prefix=settings.nats_prefix,
        replicas=settings.log_replicas,
        partitions=settings.log_partitions,
        first_position=last + 1,
        name=f"livetally {name}",
        ca=settings.nats_ca,
    )
    return await open_log(plan)
