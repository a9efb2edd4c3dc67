"""Counts the records of sources that have changed back to what they were before.

In the flow: stands around the ``Runs`` of ``server.sourcing``; hands on what a run brings and, at
its end, the records that have changed back, as events with ids of their own.
Guarantee: exactly once, whatever is killed. The event store alone says which version of a record is
its newest, and the id of the next one follows from that; so a run that is done again, or by two at
once, makes the same ids. How far a source came is told only after its changes back are durable.

What a run brings first is known by its id alone: ``KEY-CONTENT`` was stored, or is stored now. What
is left are records whose newest version is another than the one that the run has brought. They are
decided on when the run has come to its end, because a key may stand for several records at once;
those are left alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple, TypeAlias

import structlog
from anyio.to_thread import run_sync

from livetally.event import Decoded, Incoming
from livetally.sources import (
    CHANGED_MAX,
    Counts,
    Declared,
    Here,
    Known,
    Newest,
    Outcome,
    Runs,
    Seen,
    follows_versions,
)
from livetally.store.events import Engine, VersionsOf, newest_of_changed
from livetally.tenancy import TeamId

__all__ = ["Past", "Returning", "Store", "StoreOf"]

_log = structlog.get_logger("livetally.sources")

_STORED_AT_ONCE = 2_000
_MISSED = "more records changed back than fit into one run; the next one takes the others"

Store: TypeAlias = Callable[[Decoded], Awaitable[Counts]]
"""Stores events; returns once they are durable, with what became of them."""

StoreOf: TypeAlias = Callable[[Declared], Store]
"""Gives what stores the events of a source."""


class Past(NamedTuple):
    """Where to ask for what was stored, and what waits until all of it can be asked for."""

    engine: Engine
    caught_up: Callable[[], Awaitable[int]]


class _Run:
    """A source's run: what it has brought so far."""

    def __init__(self, past: Past, of: VersionsOf, newest: Newest) -> None:
        self._past = past
        self._of = of
        self._newest = newest
        self._seen: Seen | None = None

    async def note(self, events: Sequence[Incoming]) -> None:
        """See events before they are stored."""
        if self._seen is None:
            await self._learn()
            self._seen = Seen()
        self._seen.note(self._newest, events)

    async def end(self, store: Store, outcome: Outcome) -> Outcome:
        """Store what has changed back, now that the run has come to its end."""
        seen = self._seen
        if seen is None:
            return outcome
        if seen.may_have_changed_back:
            await self._learn()
            returned = seen.returned(self._newest)
            for i in range(0, len(returned), _STORED_AT_ONCE):
                events = returned[i : i + _STORED_AT_ONCE]
                stored = (await store(Decoded(events, list(range(len(events))), []))).stored
                # They were counted as duplicates when they came.
                outcome.counts.add(Counts(stored=stored, duplicates=-stored))
        return Outcome(outcome.counts, None, _MISSED) if seen.missed else outcome

    async def _learn(self) -> None:
        """Bring what is known of newest versions up to now."""
        upto = await self._past.caught_up()
        if upto > self._newest.position:
            await run_sync(partial(_learn, self._past.engine, self._of, self._newest, upto))


class Returning(Runs):
    """Has sources fetched by other ``Runs``, and counts what has changed back."""

    def __init__(self, past: Past, store_of: StoreOf) -> None:
        """Ask ``past``; ``begin`` has to be called before the first run."""
        self._past = past
        self._store_of = store_of
        self._runs: Runs | None = None
        self._newest: dict[tuple[TeamId, str], tuple[VersionsOf, Newest]] = {}
        self._doing: dict[tuple[TeamId, str], _Run] = {}

    def around(self, runs: Runs) -> Returning:
        """Have ``runs`` do the fetching."""
        self._runs = runs
        return self

    def store_of(self, declared: Declared) -> Store:
        """Return what stores the events of a run that begins, or is begun again."""
        store = self._store_of(declared)
        if not follows_versions(declared.source):
            return store
        run = self._doing[declared.key] = self._begun(declared)

        async def noted(decoded: Decoded) -> Counts:
            await run.note(decoded.events)
            return await store(decoded)

        return noted

    async def open(self) -> None:
        """Begin what runs need."""
        await self._inner.open()

    async def run(self, declared: Declared, known: Known) -> Outcome:
        """Fetch a source once; what has changed back counts when the run has come to its end."""
        try:
            outcome = await self._inner.run(declared, known)
            run = self._doing.get(declared.key)
            if run is None or outcome.known is None or outcome.unchanged:
                return outcome
            return await run.end(self._store_of(declared), outcome)
        finally:
            self._doing.pop(declared.key, None)

    async def close(self) -> None:
        """End what was opened."""
        await self._inner.close()

    @property
    def workers(self) -> Sequence[Here]:
        """The workers that were heard of lately."""
        return self._inner.workers

    @property
    def _inner(self) -> Runs:
        assert self._runs is not None, "around() says who fetches"
        return self._runs

    def _begun(self, declared: Declared) -> _Run:
        """Begin a run; what is known from earlier ones stays, while they are of the same events."""
        source = declared.source
        kind = source.mapping.constant_type or ""
        of = VersionsOf(declared.team, f"source/{source.name}", kind)
        known_of, newest = self._newest.get(declared.key, (of, Newest()))
        if known_of != of:
            newest = Newest()
        self._newest[declared.key] = (of, newest)
        return _Run(self._past, of, newest)


def _learn(engine: Engine, of: VersionsOf, newest: Newest, upto: int) -> None:
    """Learn what was stored up to a position. Blocks."""
    for ids in newest_of_changed(engine, of, newest.position, upto):
        if not newest.learn(ids):
            _log.warning(
                "of further records that change back nothing is counted",
                source=of.source,
                records_max=CHANGED_MAX,
            )
            break
    newest.position = upto
