"""Erasing a subject: its rows, what was worked out from them, and every file that holds them.

In the flow: asked by ``api.erasures``; tells the store, the index of identities, caches, live views
and sinks.
Guarantee: an erasure is noted before the first row goes and ended when nothing is left, so that one
that was cut off is finished after the next start. When ``erase`` returns, no answer counts the
subject any more; its bytes leave the disk within the next minute, and ``waiting_for`` says what is
still on the way.

What is noted is a fingerprint: a restored backup that is older is put right by it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

import structlog

from livetally.clock import Clock
from livetally.event import identity_keys
from livetally.ingest import Commits
from livetally.query import Runner
from livetally.server.registry import Registry
from livetally.sinks import Sinks
from livetally.store.catalog import Catalog, ErasureRecord
from livetally.store.events import Engine
from livetally.store.events.erase import (
    Subject,
    count_rows,
    erase_rows,
    fingerprint_of,
    identities_of,
    old_parts,
)

__all__ = ["Begun", "Erasing", "Identities", "Rooms", "mend", "note_position", "position_min"]

_log = structlog.get_logger("livetally.erasing")

# The fact that says which positions were told: those of erased events are never told again.
_POSITION_MIN = "position_min"

_LOOK_S = 0.5
_SLOW_S = 30.0


class Identities(Protocol):
    """Which identities are known, as far as erasing has to do with them."""

    def forget(self, keys: Iterable[bytes]) -> None:
        """Know these keys no more. Blocks."""
        ...

    def forget_all(self) -> None:
        """Begin anew. Blocks."""
        ...

    def scrub(self) -> None:
        """Write those files anew that hold keys which are known no more. Blocks."""
        ...


class Rooms(NamedTuple):
    """Everything that may hold something of a subject."""

    engine: Engine
    identities: Identities
    catalog: Catalog
    writer: Commits
    runner: Runner
    registry: Registry
    sinks: Sinks
    clock: Clock
    forget_streams: Callable[[], object]


class Begun(NamedTuple):
    """An erasure whose rows are gone: its number, fingerprint, position, and how many rows."""

    number: int
    fingerprint: str
    position: int
    rows: int


class Erasing:
    """Erases. Safe for any thread; one erasure at a time."""

    def __init__(self, rooms: Rooms, turn: threading.Lock) -> None:
        """Erase from ``rooms``; ``turn`` keeps backups from seeing half of it."""
        self._rooms = rooms
        self.turn = turn
        self._waiting: dict[int, list[str]] = {}
        self._stopping = threading.Event()

    def erase(self, team: int, subject: str) -> Begun:
        """Erase every event of a subject that is stored by now. Blocks until no answer counts one.

        Raises:
            LivetallyError: it could not be finished; it will be after the next start.
        """
        rooms = self._rooms
        with self.turn:
            of = Subject(team, fingerprint_of(team, subject), rooms.writer.settled())
            note_position(rooms.catalog, of.position)
            number = rooms.catalog.note_erasure(team, of.fingerprint, of.position)
            rows = count_rows(rooms.engine, of)
            for page in identities_of(rooms.engine, of):
                ids = [one.id.encode() for one in page]
                keys = identity_keys(team, [one.source for one in page], ids)
                rooms.identities.forget(keys)
            old: set[str] = set()
            if rows:
                erase_rows(rooms.engine, of)
                old = old_parts(rooms.engine)
            self.settle(team)
        self._follow(number, team, old)
        return Begun(number, of.fingerprint, of.position, rows)

    def settle(self, team: int) -> None:
        """Have everything begin anew that was worked out from rows that are gone."""
        self.begin_anew()
        for sink, _ in self._rooms.sinks.of(team):
            self._rooms.sinks.rebuild(team, sink.name)

    def begin_anew(self) -> None:
        """Forget the answers that were kept, and have open views come back for new ones."""
        self._rooms.runner.cache.clear()
        self._rooms.registry.begin_anew()
        self._rooms.forget_streams()

    def resume(self, pending: Sequence[ErasureRecord]) -> None:
        """Go on with what ``mend`` has found; returns at once."""
        for one in pending:
            for sink, _ in self._rooms.sinks.of(one.team):
                self._rooms.sinks.rebuild(one.team, sink.name)
            self._follow(one.id, one.team, old_parts(self._rooms.engine))

    def waiting_for(self, number: int) -> list[str]:
        """Return what may still hold something: of an erasure that is done, nothing."""
        return self._waiting.get(number, [])

    def close(self) -> None:
        """Stop waiting; what is not done is gone on with after the next start."""
        self._stopping.set()

    def _follow(self, number: int, team: int, old: set[str]) -> None:
        self._waiting[number] = ["files of replaced parts", "files of the index of ids"]
        name = f"erasure {number}"
        threading.Thread(
            target=self._wait, args=(number, team, old), name=name, daemon=True
        ).start()

    def _wait(self, number: int, team: int, old: set[str]) -> None:
        """Wait until the files are gone, then note that the erasure is done."""
        rooms = self._rooms
        scrubbed = False
        while not self._stopping.is_set():
            try:
                if not scrubbed:
                    rooms.identities.scrub()
                    scrubbed = True
                left = ["files of replaced parts"] if old & old_parts(rooms.engine) else []
                left += [
                    f"sink {sink.name}"
                    for sink, standing in rooms.sinks.of(team)
                    if standing.rebuilding
                ]
                self._waiting[number] = left
                if not left:
                    rooms.catalog.end_erasure(number)
                    del self._waiting[number]
                    return
            except Exception as error:  # noqa: BLE001 - whatever it is, it is told and tried again
                _log.warning("erasure not finished, trying again", error=str(error))
                self._stopping.wait(_SLOW_S)
            self._stopping.wait(_LOOK_S)


def note_position(catalog: Catalog, position: int) -> None:
    """Remember that ``position`` was told, before the events that had it go."""
    catalog.set_meta(_POSITION_MIN, str(max(position, position_min(catalog))))


def position_min(catalog: Catalog) -> int:
    """Return the last position that was told although its events may be gone."""
    return int(catalog.get_meta(_POSITION_MIN) or 0)


def mend(
    catalog: Catalog, engine: Engine, index: Identities, before_us: int | None = None
) -> list[ErasureRecord]:
    """Finish the rows of erasures that were cut off; before the writer starts. Blocks.

    Their identities can't be found any more once rows are gone, so the index is made anew. With
    ``before_us`` only older ones: another process may be at the others.
    """
    pending = [
        one
        for one in catalog.list_erasures(None)
        if one.done_us is None and (before_us is None or one.at_us < before_us)
    ]
    for one in pending:
        erase_rows(engine, Subject(one.team, one.fingerprint, one.position))
    if pending:
        index.forget_all()
    return pending
