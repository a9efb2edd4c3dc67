"""What the house stands on: the catalog, the store, and who makes events durable.

In the flow: opened by ``build`` before everything else.
Guarantee: on one machine all of it is in the data directory; beyond it, in the engines that the
settings name. What is opened here is closed by the stack, in the opposite order.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import NamedTuple

from livetally.clock import Clock
from livetally.ingest import Commits, Writer, WriterLimits, deliver_to, replay
from livetally.query import QueryLimits
from livetally.server.clustering import Cluster, open_cluster
from livetally.server.directory import DataDirectory
from livetally.server.erasing import Identities, position_min
from livetally.server.memory import memory_bounds
from livetally.server.registry import Registry
from livetally.server.upkeep import Found, cleared, left_over
from livetally.settings import Settings
from livetally.store.catalog import Catalog, open_catalog
from livetally.store.events import EmbeddedEngine, Engine, ServerEngine, create
from livetally.store.identities import IdentityIndex
from livetally.store.journal import Journal
from livetally.tenancy import SecretText

__all__ = ["Ground", "query_limits", "stood_on"]


class Ground(NamedTuple):
    """What everything else is built on; ``cluster`` is None on one machine."""

    catalog: Catalog
    engine: Engine
    registry: Registry
    identities: Identities
    writer: Commits
    found: Found
    cluster: Cluster | None


async def stood_on(
    stack: AsyncExitStack, settings: Settings, directory: DataDirectory, clock: Clock
) -> Ground:
    """Open it, and finish what a process that was killed has left; ``stack`` closes it.

    Raises:
        LivetallyError: a part can't be opened.
    """
    catalog = open_catalog(settings.catalog or directory.catalog, clock)
    stack.callback(catalog.close)
    catalog.set_root_key(SecretText(settings.root_key) if settings.root_key else None)
    engine: Engine
    engine = ServerEngine(settings.store) if settings.store else EmbeddedEngine(directory.events)
    stack.callback(engine.close)
    engine.bounds.update(query_limits(settings).page_settings)
    create(engine)
    registry = Registry(catalog, engine)
    limits = WriterLimits(
        commit_events_max=settings.commit_events_max,
        waiting_events_max=settings.waiting_events_max,
        waiting_bytes_max=memory_bounds(settings).waiting,
    )
    deliver = deliver_to(asyncio.get_running_loop())
    if not settings.store:
        journal = Journal(directory.journal)
        replayed = replay(journal, engine, position_min(catalog))
        index = IdentityIndex(directory.identities)
        stack.callback(index.close)
        if replayed.missing:
            index.forget_all()  # it may know of them: sent again, they are new
        found = cleared(directory, catalog, engine, index)
        writer = Writer(engine, index, clock, limits, deliver, journal, found.position_min)
        return Ground(catalog, engine, registry, index, writer, found, None)
    cluster = await open_cluster(
        stack,
        settings,
        engine,
        clock,
        limits,
        deliver,
        partial(directory.identities_of, registry.store_epoch),
        partial(position_min, catalog),
    )
    found = await asyncio.to_thread(
        left_over, directory, catalog, engine, cluster.identities, clock
    )
    return Ground(catalog, engine, registry, cluster.identities, cluster.writer, found, cluster)


def query_limits(settings: Settings) -> QueryLimits:
    """Return what one question may take."""
    return QueryLimits(memory_bytes_max=memory_bounds(settings).query)
