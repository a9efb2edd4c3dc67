"""Sinks over an event store in this process, and the table they keep, read by plain SQL.

In the flow: used by the contract and unit tests of ``sinks``.
Guarantee: ``settled`` returns when every sink has written everything; what is read comes through
a connection of its own, so that only committed rows are seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from sqlalchemy import create_engine, inspect, text

from livetally.ingest import Notice
from livetally.sinks import Declaration, Sinks, Standing, Store
from tests.event_store import EventStore
from tests.query_model import Told
from tests.waiting import until

__all__ = ["Room", "Table", "driver_url"]

_DRIVERS = {"postgresql": "postgresql+psycopg", "mariadb": "mariadb+pymysql"}


def driver_url(place: str) -> str:
    """Return what SQLAlchemy takes for the URL or path that a variable holds."""
    scheme, colon, rest = place.partition("://")
    return f"{_DRIVERS[scheme]}://{rest}" if colon else f"sqlite:///{place}"


class Table(NamedTuple):
    """A table in another database, as a program of its own sees it."""

    place: str
    name: str

    def rows(self, order: str = "1") -> list[dict[str, Any]]:
        """Return the rows."""
        return self.ask(f"SELECT * FROM {self.name} ORDER BY {order}")  # noqa: S608 - of a test

    def ask(self, sql: str) -> list[dict[str, Any]]:
        """Ask anything."""
        engine = create_engine(driver_url(self.place))
        with engine.connect() as connection:
            found = [dict(row) for row in connection.execute(text(sql)).mappings()]
        engine.dispose()
        return found

    def do(self, *statements: str) -> None:
        """Do something behind the sink's back."""
        engine = create_engine(driver_url(self.place))
        with engine.begin() as connection:
            for sql in statements:
                connection.execute(text(sql))
        engine.dispose()

    def types(self) -> dict[str, str]:
        """Return each column's type as the database names it."""
        engine = create_engine(driver_url(self.place))
        columns = inspect(engine).get_columns(self.name)
        engine.dispose()
        return {one["name"]: str(one["type"]).split(" COLLATE")[0] for one in columns}

    def primary_key(self) -> list[str]:
        """Return the primary key's columns."""
        engine = create_engine(driver_url(self.place))
        key = inspect(engine).get_pk_constraint(self.name)["constrained_columns"]
        engine.dispose()
        return list(key)


class Room:
    """A store and the sinks of one team. A context manager."""

    def __init__(
        self, store: EventStore, place: str, directory: Path, name: str = "one", team: int = 0
    ) -> None:
        """Keep what the store's definitions declare; ``name`` is that of the store."""
        self.store = store
        self.team = team or next(store.teams)
        self.variables = {"DATABASE": place}
        # Moves after the insert, as the writer's does; the store's own moves before it.
        self.position = store.position
        source = Store(store.runner, store.clock, lambda: self.position, name)
        self.sinks = Sinks(source, self.variables.get, directory)

    def __enter__(self) -> Self:
        self.declare()
        return self

    def __exit__(self, *_: object) -> None:
        self.sinks.close()

    def declare(self, *texts: str) -> None:
        """Apply definitions, and have the sinks follow them."""
        if texts:
            self.store.define(*texts)
        self.sinks.declare(
            Declaration(self.team, self.store.declared, sink)
            for application in self.store.applications
            for sink in application.sinks.values()
        )

    def commit(self, events: Sequence[Told]) -> int:
        """Store the events as one commit and tell the sinks."""
        position = self.position = self.store.commit(self.team, events)
        touched = {(self.team, event.type): frozenset({0}) for event in events}
        now_us = self.store.clock.now_us()
        self.sinks.notice(Notice(position, now_us, len(events), touched))
        return position

    def standing(self, name: str) -> Standing:
        """Return how a sink is."""
        return next(how for sink, how in self.sinks.of(self.team) if sink.name == name)

    def settled(self, within_s: float = 20.0) -> None:
        """Return when every sink has written all there is."""

        def all_done() -> bool:
            standings = [how for _, how in self.sinks.of(self.team)]
            return all(
                how.state == "following" and not how.lag_positions and not how.rebuilding
                for how in standings
            )

        until(all_done, "every sink to follow", within_s)
