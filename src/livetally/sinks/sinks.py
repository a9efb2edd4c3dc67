"""All sinks of the process: who keeps which table, and what becomes of them when they change.

In the flow: given the declared sinks by ``server``, told of every commit by the writer, asked by
``api``.
Guarantee: no two keepers of this process write to one table; a commit never waits for a database.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import structlog

from livetally.definitions import Sink
from livetally.errors import SettingInvalid, UnknownName
from livetally.ingest import Notice
from livetally.query import Declared
from livetally.sinks.columns import shape_of
from livetally.sinks.keeper import Keeper, Standing, Store, edition_of
from livetally.sinks.reading import Subject
from livetally.telemetry import SINK_LAG_POSITIONS, SINK_LAG_SECONDS

__all__ = ["Declaration", "Sinks"]

_log = structlog.get_logger("livetally.sinks")

_STOP_S_MAX = 3.0
_Key = tuple[int, str]


class Declaration(NamedTuple):
    """A sink, whose events it keeps, and under which definitions."""

    team: int
    declared: Declared
    sink: Sink


class Sinks:
    """The keepers of all tables. Safe for any thread."""

    def __init__(
        self, store: Store, variable: Callable[[str], str | None], directory: Path
    ) -> None:
        """Keep nothing yet.

        Args:
            store: where rows come from.
            variable: returns what a variable of the environment holds.
            directory: where the files of ``sqlite:FILE`` are.
        """
        self._store = store
        self._variable = variable
        self._directory = directory
        self._lock = threading.Lock()
        self._keepers: Mapping[_Key, Keeper] = {}
        # By database and table, once it was reached: which sink keeps it.
        self._held: dict[tuple[str, str], _Key] = {}

    def declare(self, declarations: Iterable[Declaration]) -> None:
        """Keep exactly these: what is new begins, what is gone ends, what is the same goes on."""
        with self._lock:
            before = self._keepers
            after: dict[_Key, Keeper] = {}
            for one in declarations:
                key = (one.team, one.sink.name)
                if key in after:
                    _log.warning("sink declared twice", sink=one.sink.name)
                    continue
                after[key] = self._kept(one, before.get(key))
            for key, keeper in before.items():
                if after.get(key) is not keeper:
                    keeper.stop()
                if key not in after:
                    _forget(key)
            self._keepers = after
            for key, keeper in after.items():
                if before.get(key) is not keeper:
                    self._measure(key)
                    keeper.start()

    def notice(self, notice: Notice) -> None:
        """Take note of a commit; from the writer's thread."""
        for keeper in self._keepers.values():
            keeper.notice(notice)

    def of(self, team: int) -> list[tuple[Sink, Standing]]:
        """Return a team's sinks and how they are, by name."""
        kept = sorted(self._keepers.items(), key=lambda item: item[0])
        return [(one.subject.sink, one.standing()) for key, one in kept if key[0] == team]

    def rebuild(self, team: int, name: str) -> None:
        """Have a sink's table filled anew; returns at once.

        Raises:
            UnknownName: the team has no such sink.
        """
        keeper = self._keepers.get((team, name))
        if keeper is None:
            raise UnknownName("name", "sink", name[:64])
        keeper.fill_anew()

    def rebuild_all(self) -> None:
        """Have every table filled anew; returns at once."""
        for keeper in self._keepers.values():
            keeper.fill_anew()

    def close(self) -> None:
        """End all of them; a transaction that does not end soon is cut off, and undone."""
        with self._lock:
            keepers, self._keepers = self._keepers, {}
        for keeper in keepers.values():
            keeper.stop()
        for key, keeper in keepers.items():
            keeper.join(_STOP_S_MAX)
            _forget(key)

    def _kept(self, one: Declaration, before: Keeper | None) -> Keeper:
        subject = Subject(one.sink, one.declared, one.team, shape_of(one.sink, one.declared))
        edition = edition_of(subject)
        if before is not None and before.edition == edition:
            return before
        key = (one.team, one.sink.name)
        return Keeper(subject, edition, self._store, partial(self._place, key, one.sink))

    def _place(self, key: _Key, sink: Sink) -> tuple[str, str | Path]:
        """Return what to call the place of a sink's table, and its URL or path.

        Raises:
            SettingInvalid: there is none, or another sink keeps this table.
        """
        shown, place = self._found(sink)
        with self._lock:
            table = (str(place), sink.table.lower())
            holder = self._held.get(table, key)
            if holder != key and holder in self._keepers:
                raise SettingInvalid(f"Sink '{holder[1]}' keeps the table '{sink.table}' already.")
            self._held[table] = key
        return shown, place

    def _found(self, sink: Sink) -> tuple[str, str | Path]:
        for place in sink.to:
            kind, _, name = place.partition(":")
            if kind == "sqlite":
                self._directory.mkdir(mode=0o700, exist_ok=True)
                return place, self._directory / name
            if url := self._variable(name):
                return place, url
        names = " or ".join(place.partition(":")[2] for place in sink.to)
        raise SettingInvalid(f"The variable {names} is not set: it is to hold the database's URL.")

    def _measure(self, key: _Key) -> None:
        labels = (str(key[0]), key[1])
        SINK_LAG_POSITIONS.labels(*labels).set_function(partial(self._lag, key, "lag_positions"))
        SINK_LAG_SECONDS.labels(*labels).set_function(partial(self._lag, key, "lag_s"))

    def _lag(self, key: _Key, unit: str) -> float:
        keeper = self._keepers.get(key)
        return float(getattr(keeper.standing(), unit)) if keeper is not None else 0.0


def _forget(key: _Key) -> None:
    for gauge in (SINK_LAG_POSITIONS, SINK_LAG_SECONDS):
        gauge.remove(str(key[0]), key[1])
