"""A server's sources without a network: pages are handed in, events go into a real event store.

In the flow: used by the tests of records that change back.
Guarantee: an event is stored once for each id, as by ingest; a process that is begun knows nothing
but what the store holds, as after a kill.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from livetally.definitions import read_toml
from livetally.errors import NotDurable
from livetally.event import Decoded
from livetally.server.sourcing import delivery_of
from livetally.server.versions import Past, Returning
from livetally.sources import Counts, Declared, Known, Outcome, Runs, mapped_lines
from livetally.store.events.expressions import Binder
from livetally.store.events.scope import of_team
from livetally.tenancy import TeamId
from tests.event_store import EventStore
from tests.query_model import Told

__all__ = ["SHELF", "Fetch", "Shelf"]

SHELF = """
application = "shelf"

[event.item]
data.colour = "string"

[source.shelf]
url = "https://shelf.example/items"
every = "1 minute"
map.each = "items"
map.type = "'item'"
map.id = "id"
map.data.colour = "colour"
"""
"""A source of items that have a key and a colour."""

_AT_US = 1_767_225_600_000_000

Page = Sequence[tuple[str, str]]


class Fetch(Runs):
    """A process: fetches what a test hands in."""

    def __init__(self, shelf: Shelf) -> None:
        """Know nothing but the store."""
        self.returning = Returning(Past(shelf.store.engine, shelf.caught_up), shelf.store_of)
        self._shelf = shelf
        self.returning.around(self)
        self._pages: Sequence[Page] = ()
        self._fails = False
        self.lost: Sequence[Page] = ()
        """Pages that a worker brings before it is lost, and another one begins the run again."""

    async def open(self) -> None:
        """Nothing is needed."""

    async def close(self) -> None:
        """Nothing was opened."""

    async def run(self, declared: Declared, known: Known) -> Outcome:
        """Hand the pages on."""
        counts = Counts()
        if self.lost:
            counts.add(await self._handed(declared, self.lost))
        counts.add(await self._handed(declared, self._pages))
        return Outcome(counts, None, "cut off") if self._fails else Outcome(counts, known)

    async def fetch(self, *pages: Page, fails: bool = False) -> Outcome:
        """Do a run that brings ``pages``, as ``(key, colour)``, and fails after them or not."""
        self._pages, self._fails = pages, fails
        return await self.returning.run(self._shelf.declared, Known("1"))

    async def _handed(self, declared: Declared, pages: Sequence[Page]) -> Counts:
        counts = Counts()
        deliver = delivery_of(self.returning.store_of(declared))
        for page in pages:
            items = [{"id": key, "colour": colour} for key, colour in page]
            _, lines = mapped_lines(declared.source, {"items": items})
            counts.add(await deliver(lines))
        return counts


class Shelf:
    """An event store, and a source whose events it keeps."""

    def __init__(self, store: EventStore, text: str = SHELF) -> None:
        """Keep the events of ``text``'s one source, in a team of its own."""
        self.store = store
        self.team = TeamId(next(store.teams))
        (self.source,) = read_toml(text, "shelf.toml").sources.values()
        self.ids: set[str] = set()
        self.fails = False
        """Whether storing fails from now on."""

    @property
    def declared(self) -> Declared:
        """The source, and the team."""
        return Declared(self.team, self.source)

    async def caught_up(self) -> int:
        """Return the last commit: nothing has to be waited for."""
        return self.store.position

    def store_of(self, declared: Declared) -> Any:
        """Return what stores events, each id once."""

        async def store(decoded: Decoded) -> Counts:
            if self.fails:
                raise NotDurable("the disk is full")
            new: dict[str, Told] = {}
            for event in decoded.events:
                assert event.id is not None
                if event.id not in self.ids:
                    data = msgspec.json.decode(event.data)
                    new[event.id] = Told("item", _AT_US, event.id, None, event.source, data)
            if new:
                self.store.commit(declared.team, list(new.values()))
                self.ids |= new.keys()
            return Counts(stored=len(new), duplicates=len(decoded.events) - len(new))

        return store

    def keep(self, *versions: tuple[str, str]) -> None:
        """Store events of ``(id, colour)``, each in a commit of its own."""
        for event_id, colour in versions:
            told = Told("item", _AT_US, event_id, None, "source/shelf", {"colour": colour})
            self.store.commit(self.team, [told])
            self.ids.add(event_id)

    def told(self, key: str) -> list[str]:
        """Return the colours that a key has had, in the order of the commits."""
        binder = Binder()
        rows = self.store.engine.read(
            f"SELECT data {of_team(self.team, binder)} AND startsWith(id, {{key:String}})"
            " ORDER BY position",
            {**binder.parameters, "key": f"{key}-"},
        )
        return [msgspec.json.decode(data)["colour"] for (data,) in rows]
