"""A process with sources, driven by a manual clock: what tests of sources share.

In the flow: started by the fixture ``begin`` of ``source_fixtures``.
Guarantee: nothing here depends on how fast the machine is; the store is a set of identities, so
that each test sees what arrived and what arrived again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import msgspec

from livetally.definitions import read_toml
from livetally.sources import (
    Counts,
    Declared,
    Keeper,
    Known,
    Outcome,
    Patience,
    Puller,
    Runs,
    client,
)
from livetally.store.catalog import Catalog, SourceState
from livetally.tenancy import DEFAULT_TEAM
from livetally.testing.clock import ManualClock

__all__ = ["AT_ONCE", "MINUTE", "Begin", "Process"]

MINUTE = 60_000_000
AT_ONCE = Patience(attempts=3, wait_s=0, wait_s_max=0)


class Process(Runs):
    """What a server process is to its sources: a store, and the way to fetch."""

    def __init__(self, catalog: Catalog, clock: ManualClock, toml: str, name: str = "one") -> None:
        """Know the sources of a definition."""
        self.events: dict[str, dict[str, Any]] = {}
        self.clock = clock
        self.catalog = catalog
        self.variables: dict[str, str] = {}
        self.allow_private = True
        self._puller = Puller(self._client, self.variables.get, clock.now_us, AT_ONCE)
        self._sources = read_toml(toml, "nobel.toml").sources.values()
        self.keeper = Keeper(catalog, self.declared, self, clock, name)

    def _client(self) -> Any:
        return client(allow_private=self.allow_private, version="test")

    def declared(self) -> list[Declared]:
        """Return the sources."""
        return [Declared(DEFAULT_TEAM, one) for one in self._sources]

    async def open(self) -> None:
        """Nothing is needed before."""

    async def run(self, declared: Declared, known: Known) -> Outcome:
        """Fetch into the set of identities."""
        return await self._puller.run(declared.source, known, self.deliver)

    async def close(self) -> None:
        """End the connections."""
        await self._puller.close()

    async def deliver(self, lines: bytes) -> Counts:
        """Count each identity once."""
        events = [msgspec.json.decode(line) for line in lines.splitlines()]
        new = {event["id"]: event for event in events if event["id"] not in self.events}
        self.events |= new
        return Counts(stored=len(new), duplicates=len(events) - len(new))

    async def look(self) -> SourceState:
        """Look once, wait for what that began, and return the state."""
        async with anyio.create_task_group() as tasks:
            await self.keeper.tick(tasks)
        (state,) = self.catalog.source_states()
        return state


Begin = Callable[..., Process]
