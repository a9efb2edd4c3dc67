"""An event store for tests: events go in as ingest would put them, questions come out.

In the flow: used by the tests of ``query`` and ``store.events``.
Guarantee: one engine at a time in the process; every example has a team of its own, so that none
sees another's events.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

import msgspec

from livetally.definitions import Application, read_toml
from livetally.event import EventLimits, Incoming, check_limits
from livetally.ingest import Schema
from livetally.ingest.batch import prepare
from livetally.ingest.rows import joined_rows, touched_slots
from livetally.query import (
    Answer,
    Declared,
    Extents,
    QueryLimits,
    Runner,
    declared_fields,
    parse_query,
    projections,
)
from livetally.store.events import EmbeddedEngine, Engine, ServerEngine, create, insert_rows, keep
from livetally.store.events.schema import existing_projections
from livetally.testing.clock import ManualClock
from tests.clickhouse_server import CLUSTER, ClickHouseServer
from tests.query_model import EPOCH, Told

_json = msgspec.json.Encoder(decimal_format="number")

__all__ = ["KINDS", "EventStore", "event_store", "incoming", "opened_engine"]

KINDS = ("embedded", "server", "cluster")
"""The engines that every contract is kept by."""


def incoming(told: Told) -> Incoming:
    """Return the event as the decoder would."""
    return Incoming(
        type=told.type,
        id=told.id,
        source=told.source or "",
        time=EPOCH + timedelta(microseconds=told.at_us),
        subject=told.subject or "",
        data=msgspec.Raw(_json.encode(told.data)),
    )


class EventStore:
    """A store, its definitions, and a runner with and one without projections."""

    def __init__(self, engine: Engine, *texts: str) -> None:
        """Keep what the definitions need."""
        self.engine = engine
        self.clock = ManualClock()
        self.position = 0
        self.teams = itertools.count(2)
        self.applications: list[Application] = []
        create(engine)
        self.define(*texts)
        extents = Extents(engine)
        at = lambda: self.position  # noqa: E731
        self.runner = Runner(engine, extents, self.clock, at, threads=2)
        plain = QueryLimits(projections=False)
        self.raw = Runner(engine, extents, self.clock, at, threads=1, limits=plain)

    def define(self, *texts: str) -> None:
        """Apply definitions, replacing those before."""
        self.applications = [read_toml(text, "test.toml") for text in texts]
        keep(self.engine, declared_fields(self.applications), projections(self.applications))
        self.declared = Declared(self.applications)
        self.schema = Schema(self.declared.events.values())

    def commit(self, team: int, events: Sequence[Told]) -> int:
        """Store the events as one commit; every one must be storable."""
        items = [incoming(event) for event in events]
        limits = EventLimits(future_days_max=100_000)
        within = check_limits(items, list(range(len(items))), limits, self.clock.now_us())
        batch, rejected = prepare(team, within, self.schema, self.clock.now_us())
        assert not within.rejected, within.rejected
        assert not rejected, rejected
        self.position += 1
        self.rows = joined_rows([batch], [None])
        insert_rows(self.engine, self.rows, self.position)
        touched = touched_slots([batch], [None])
        for runner in (self.runner, self.raw):
            runner.note(self.position, touched)
        return self.position

    def ask(self, team: int, metric: str, *, raw: bool = False, **parameters: object) -> Answer:
        """Ask a question by the parameters of its request."""
        texts = {
            name.removesuffix("_"): [str(one) for one in value]
            if isinstance(value, (list, tuple))
            else [str(value)]
            for name, value in parameters.items()
        }
        runner = self.raw if raw else self.runner
        return runner.answer_now(parse_query(metric, texts), self.declared, team)

    def merge(self) -> None:
        """Merge all parts, each with its projections, and wait for it."""
        layout = self.engine.layout
        wanted = [f"MATERIALIZE PROJECTION {name}" for name in existing_projections(self.engine)]
        if wanted:
            self.engine.execute(
                f"{layout.altering} {', '.join(wanted)} SETTINGS mutations_sync = 1"
            )
        self.engine.execute(f"OPTIMIZE TABLE {layout.local}{layout.on_cluster} FINAL")

    def close(self) -> None:
        """Let the engine go."""
        self.runner.close()
        self.raw.close()


@contextmanager
def opened_engine(directory: Path, kind: str = "embedded") -> Iterator[Engine]:
    """Open an engine of a kind with its files in ``directory``."""
    with ExitStack() as stack:
        engine: Engine
        if kind == "embedded":
            engine = EmbeddedEngine(directory)
        else:
            server = ClickHouseServer(directory)
            stack.callback(server.close)
            engine = ServerEngine(server.url, CLUSTER if kind == "cluster" else "")
        stack.callback(engine.close)
        yield engine


@contextmanager
def event_store(directory: Path, *texts: str, kind: str = "embedded") -> Iterator[EventStore]:
    """Open a store in ``directory`` with these definitions, in an engine of a kind."""
    with opened_engine(directory, kind) as engine:
        store = EventStore(engine, *texts)
        try:
            yield store
        finally:
            store.close()
