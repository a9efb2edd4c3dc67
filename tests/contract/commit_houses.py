"""Whoever makes events durable, with what it needs: alone on a disk, or by a log and a loader.

In the flow: opened by the tests of what every writer promises.
Guarantee: both write to the same kind of table; ``again`` ends everything and begins on the same
files.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Protocol

import anyio

from livetally.clock import SystemClock
from livetally.cluster import Lease, Loader, LogPlan, LogWriter, Place, Words, open_log
from livetally.event import EventLimits, check_limits, decode_lines
from livetally.ingest import (
    Batch,
    Commits,
    Notice,
    Outcome,
    Receipt,
    Schema,
    Writer,
    WriterLimits,
    deliver_to,
    replay,
)
from livetally.ingest.batch import prepare
from livetally.store.events import EmbeddedEngine, Engine, create
from livetally.store.identities import IdentityIndex
from livetally.store.journal import Journal
from tests.brokers import Broker

__all__ = ["House", "Open", "alone", "batch_of", "by_log"]

# Of leases that are let go at the end of a house: no slow machine is to lose them before.
_TERM_S = 10.0


class Open(Protocol):
    """Opens a house on a folder."""

    def __call__(
        self, folder: Path, limits: WriterLimits | None = None
    ) -> AbstractAsyncContextManager[House]:
        """Return a context manager of it."""
        ...


class House:
    """A writer, its store, and what its listeners were told."""

    def __init__(self, writer: Commits, engine: Engine) -> None:
        """Listen to ``writer``, and start it."""
        self.writer = writer
        self.engine = engine
        self.notices: list[Notice] = []
        writer.listen(self.notices.append)
        writer.start()

    def submit(self, lines: bytes, team: int = 1) -> asyncio.Future[Outcome]:
        """Hand a batch over; return what will tell what became of it."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.writer.submit(batch_of(lines, team), len(lines), future)
        return future

    async def send(self, lines: bytes, team: int = 1) -> Receipt:
        """Store a batch; return its receipt."""
        outcome = await asyncio.wait_for(self.submit(lines, team), 20)
        assert isinstance(outcome, Receipt), outcome
        return outcome

    async def count(self) -> int:
        """Return how many events are stored, everything acknowledged among them."""
        await self.writer.caught_up()
        rows = await asyncio.to_thread(self.engine.read, "SELECT count() FROM livetally.events")
        return int(rows[0][0])


def batch_of(lines: bytes, team: int = 1) -> Batch:
    """Return a batch as ingest would make it."""
    decoded, now_us = decode_lines(lines), SystemClock().now_us()
    within = check_limits(decoded.events, decoded.indexes, EventLimits(), now_us)
    batch, rejected = prepare(team, within, Schema(), now_us)
    assert not rejected
    return batch


@asynccontextmanager
async def _store(folder: Path) -> AsyncIterator[tuple[Engine, IdentityIndex]]:
    (folder / "events").mkdir(exist_ok=True)
    engine = EmbeddedEngine(folder / "events")
    create(engine)
    index = IdentityIndex(folder / "identities")
    try:
        yield engine, index
    finally:
        index.close()
        engine.close()


@asynccontextmanager
async def alone(
    folder: Path, limits: WriterLimits | None = None, lost: int = 0
) -> AsyncIterator[House]:
    """Open the writer of one machine, as the server does; ``lost`` commits are nowhere."""
    deliver = deliver_to(asyncio.get_running_loop())
    async with _store(folder) as (engine, index):
        journal = Journal(folder / "journal")
        replayed = replay(journal, engine, 0)
        assert replayed.missing == lost
        if replayed.missing:
            index.forget_all()
        writer = Writer(engine, index, SystemClock(), limits or WriterLimits(), deliver, journal)
        house = House(writer, engine)
        try:
            yield house
        finally:
            await asyncio.to_thread(writer.close)


def by_log(broker: Broker, partitions: int) -> Open:
    """Return what opens a writer by a log of this broker, with a loader for each partition."""

    @asynccontextmanager
    async def opened(folder: Path, limits: WriterLimits | None = None) -> AsyncIterator[House]:
        clock = SystemClock()
        async with AsyncExitStack() as stack:
            engine, index = await stack.enter_async_context(_store(folder))
            indexes = [index]
            for number in range(1, partitions):
                more = IdentityIndex(folder / f"identities{number}")
                stack.callback(more.close)
                indexes.append(more)
            prefix = folder.name.replace("_", "-")
            servers = f"nats://127.0.0.1:{broker.port}"
            log = await open_log(LogPlan(servers, prefix, 1, partitions, 1, "tests"))
            stack.push_async_callback(log.close)
            loaders = [
                Loader(
                    Place(log, engine, one, clock, lambda: 0),
                    number,
                    Lease(log.state, f"partition.{number}", "tests", _TERM_S),
                )
                for number, one in enumerate(indexes)
            ]
            words = Words(log, engine, clock, [await log.before_first()] * partitions)
            words.pass_on_to(loaders)
            await words.hear()
            deliver = deliver_to(asyncio.get_running_loop())
            writer = LogWriter(log, engine, words, clock, limits or WriterLimits(), deliver)
            tasks = await stack.enter_async_context(anyio.create_task_group())
            for loader in loaders:
                tasks.start_soon(loader.run)
            house = House(writer, engine)
            while not (words.are_fresh and all(one.is_active for one in loaders)):  # noqa: ASYNC110 - nobody tells
                await asyncio.sleep(0.01)  # sleeps: between two looks at who loads
            yield house
            writer.close()
            tasks.cancel_scope.cancel()

    return opened
