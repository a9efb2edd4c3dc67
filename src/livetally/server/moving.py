"""Moves an embedded store's data directory to a cluster, while the cluster takes events.

In the flow: called by ``cli move``; reads the directory, replays it through the log of ``cluster``,
has ``comparing`` look at what arrived.
Guarantee: every event that the directory holds is in the store exactly once, also when a client has
sent it to the cluster meanwhile, and however often the command is cut off and called again. The
directory is read only, but for a file that says how far the move is, and for what only its journal
has: its store takes that first.

Events go through the log and not straight into the store, so that one loader decides of each which
is first. They get new positions there, so the store is another one to everybody who kept positions.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

from livetally.clock import Clock, SystemClock
from livetally.cluster import Log, Replay, Step
from livetally.errors import BadInput, DataDirectoryLocked, SettingInvalid
from livetally.ingest import replay, steps
from livetally.server.clustering import opened_log
from livetally.server.comparing import Compared, compare
from livetally.server.directory import DataDirectory
from livetally.server.erasing import position_min
from livetally.server.logs import set_up_logs
from livetally.server.moved_catalog import bring_catalog
from livetally.server.moved_rows import groups_of
from livetally.server.moved_so_far import MovedNote, MovedSoFar
from livetally.server.registry import Registry
from livetally.server.sourcing import process_name
from livetally.settings import Settings
from livetally.store.catalog import Catalog, open_catalog
from livetally.store.events import (
    EmbeddedEngine,
    Engine,
    ServerEngine,
    count_by_position,
    create,
    last_position,
)
from livetally.store.events.history import Portion, count_after, look_at, table_id
from livetally.store.journal import Journal

__all__ = ["Move", "Moved", "Teller", "move", "replay_journal"]

_EVENTS_AT_ONCE = 10_000


class Teller(NamedTuple):
    """Takes what a person is to see: how far a stage is, and remarks."""

    show: Callable[[str, int, int], None]
    say: Callable[[str], None]


class Move(NamedTuple):
    """What is to be moved: the directory, without its catalog or with it; how long to wait."""

    source: Path
    events_only: bool
    patience_s: float


class Moved(NamedTuple):
    """What came of it: what became of the catalog, events of this call, the last position."""

    catalog: str
    events: int
    events_before: int
    position: int
    compared: Compared


def move(settings: Settings, wanted: Move, teller: Teller) -> Moved:
    """Move a data directory. Blocks.

    Args:
        settings: name the store, the log and the catalog to move to.
        wanted: what to move.
        teller: is told how far it is.

    Raises:
        LivetallyError: it can't go on; the same call later does, where this one stopped.
    """
    set_up_logs("warning", settings.log_format)
    if not settings.store:
        raise SettingInvalid(
            "Where to? Name the cluster as for its servers: LIVETALLY_STORE, LIVETALLY_LOG and"
            " LIVETALLY_CATALOG."
        )
    if not (wanted.source / "events").is_dir():
        raise BadInput("from", f"there is no store in {wanted.source}")
    try:
        with DataDirectory(wanted.source) as directory:
            return asyncio.run(_move(settings, wanted, directory, teller))
    except DataDirectoryLocked:
        raise DataDirectoryLocked(
            f"A server runs on {wanted.source}, or another move. Have clients send to the cluster"
            " from now on, stop the server (it commits what it has accepted), and run the same"
            " command again."
        ) from None


async def _move(
    settings: Settings, wanted: Move, directory: DataDirectory, teller: Teller
) -> Moved:
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        source = EmbeddedEngine(directory.events)
        stack.callback(source.close)
        await asyncio.to_thread(create, source)
        await asyncio.to_thread(replay_journal, directory, source, clock)
        target = await asyncio.to_thread(ServerEngine, settings.store)
        stack.callback(target.close)
        await asyncio.to_thread(create, target)
        so_far = MovedSoFar(directory.path / "moved", table_id(source))
        bring = partial(bring_catalog, settings.catalog, directory, source, target, so_far)
        brought = await asyncio.to_thread(bring, wanted.events_only, clock)
        catalog = open_catalog(settings.catalog, clock)
        stack.callback(catalog.close)
        registry = await asyncio.to_thread(Registry, catalog, target)
        anew = so_far.begin(registry.store_epoch)
        if anew:
            teller.say(anew)
        least = partial(position_min, catalog)
        log = await opened_log(settings, target, least, f"{process_name()} move")
        stack.push_async_callback(log.close)
        before = so_far.note
        await _replay(source, log, registry, so_far, wanted.patience_s, teller)
        compared = await _compared(source, target, catalog, teller)
        moved = so_far.note.events - before.events
        return Moved(brought, moved, before.events, await log.last_of(), compared)


def replay_journal(directory: DataDirectory, source: Engine, clock: Clock) -> None:
    """Have the directory's store take what only its journal has. Blocks."""
    least = 0
    if directory.catalog.exists():
        catalog = open_catalog(directory.catalog, clock)
        least = position_min(catalog)
        catalog.close()
    replay(Journal(directory.journal), source, least)


async def _replay(
    source: Engine,
    log: Log,
    registry: Registry,
    so_far: MovedSoFar,
    patience_s: float,
    teller: Teller,
) -> None:
    """Publish what the log does not have yet, and wait until the store has everything."""
    left = await asyncio.to_thread(count_after, source, so_far.note.position)
    done = 0

    def acknowledged(step: Step) -> None:
        nonlocal done
        done += step.events
        so_far.went_on(step.through, step.events)
        teller.show("Moving", done, left)

    def waits() -> None:
        teller.say(
            "Waiting for a loader to fill the store: 'livetally serve --role loader' is one."
        )

    replay = Replay(log, patience_s, acknowledged, waits)
    await replay.publish(_steps(source, registry, so_far.note))
    await replay.loaded(partial(teller.show, "Loading"))


async def _steps(source: Engine, registry: Registry, note: MovedNote) -> AsyncIterator[Step]:
    """Read the directory's rows in the order of their commits, a bounded number at a time."""
    after, last = note.position, await asyncio.to_thread(last_position, source)
    fields = registry.fields()
    while after < last:
        counts = await asyncio.to_thread(count_by_position, source, after)
        for first, until in steps(counts, _EVENTS_AT_ONCE):
            portion: Portion = await asyncio.to_thread(look_at, source, first, until)
            pages = groups_of(source, portion, fields)
            while (page := await asyncio.to_thread(next, pages, None)) is not None:
                yield Step(after, 0, page)
            yield Step(until, portion.events, ())
            after = until


async def _compared(source: Engine, target: Engine, catalog: Catalog, teller: Teller) -> Compared:
    return await asyncio.to_thread(
        compare, source, target, catalog, partial(teller.show, "Comparing")
    )
