"""Retention: takes away events, or what was sent in them, when their type keeps them no longer.

In the flow: run beside the server by ``run``; reads the definitions of every team, tells the store
and ``query.horizons``.
Guarantee: whole days of UTC go, after their horizon is in the catalog; an answer that would have
needed them says so. Tables of sinks are left as they are: what they hold of old days stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec
import structlog

from livetally.clock import US_PER_S
from livetally.definitions import EventType
from livetally.errors import LivetallyError
from livetally.query.horizons import Horizons, Thinned
from livetally.server.erasing import Erasing, Rooms, note_position
from livetally.store.catalog import Catalog
from livetally.store.events import Engine
from livetally.store.events.erase import count_old, erase_old
from livetally.store.events.size import row_bytes, rows_by_day
from livetally.store.events.thin import columns_in_every_part, count_with_data, drop_data
from livetally.telemetry import RETIRED_EVENTS, THINNED_EVENTS

__all__ = ["Keeping", "read_horizons"]

_log = structlog.get_logger("livetally.keeping")

_DAY_US = 86_400 * US_PER_S
_HORIZONS = "horizons"
_THINNED = "horizons_of_data"
_NEVER = -(2**63)

_Kind = tuple[int, str]


class _Due(NamedTuple):
    team: int
    kind: str
    before_us: int


class _Noted(NamedTuple):
    team: int
    kind: str
    thinned: Thinned


class Keeping:
    """Looks after what is too old."""

    def __init__(self, rooms: Rooms, erasing: Erasing, horizons: Horizons, look_s: int) -> None:
        """Look every ``look_s`` seconds."""
        self._rooms = rooms
        self._erasing = erasing
        self._horizons = horizons
        self._look_s = look_s

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            try:
                await asyncio.to_thread(self.look)
            except LivetallyError as error:
                _log.warning("retention: trying again later", error=error.message)
            await asyncio.sleep(self._look_s)

    def look(self) -> None:
        """Take away what has grown too old since the last look. Blocks."""
        known, thinned = self._horizons.known, self._horizons.thinned
        old = [one for one in self._old() if known.get(one[:2], _NEVER) < one.before_us]
        if old:
            self._erase(old)
        stale = [one for one in self._stale() if _horizon(thinned, one[:2]) < one.before_us]
        if stale:
            self._thin(stale)

    def _erase(self, due: list[_Due]) -> None:
        rooms = self._rooms
        with self._erasing.turn:
            gone = {one: count_old(rooms.engine, *one) for one in due}
            known = {**self._horizons.known}
            for one, count in gone.items():
                if count or one[:2] in known:
                    known[one[:2]] = one.before_us
            if any(gone.values()):
                # The journal holds nothing of them either then.
                note_position(rooms.catalog, rooms.writer.settled())
            self._note(known, self._horizons.thinned)
            for one, count in gone.items():
                if count:
                    erase_old(rooms.engine, *one)
                    RETIRED_EVENTS.inc(count)
                    _log.info("events have grown too old", type=one.kind, events=count)
            if any(gone.values()):
                note_position(rooms.catalog, rooms.writer.settled())  # what came meanwhile
                self._erasing.begin_anew()

    def _thin(self, due: list[_Due]) -> None:
        rooms = self._rooms
        with self._erasing.turn:
            columns = columns_in_every_part(rooms.engine)
            if columns is None:
                _log.info("retention of data waits until declared fields are worked out")
                return
            whole = {one: count_with_data(rooms.engine, *one) for one in due}
            if not any(whole.values()):
                return
            thinned = {**self._horizons.thinned}
            for one, count in whole.items():
                before = thinned.get(one[:2])
                if before is not None:
                    thinned[one[:2]] = before.moved(one.before_us, columns)
                elif count:
                    thinned[one[:2]] = Thinned.first(one.before_us, columns)
            rooms.writer.settled()  # the journal has what was sent as well
            self._note(self._horizons.known, thinned)
            for one, count in whole.items():
                if count:
                    drop_data(rooms.engine, *one)
                    THINNED_EVENTS.inc(count)
                    _log.info("what was sent is kept no longer", type=one.kind, events=count)
            self._erasing.begin_anew()

    def _note(self, known: Mapping[_Kind, int], thinned: Mapping[_Kind, Thinned]) -> None:
        """Have the catalog and every answer know of the horizons before anything goes."""
        rows = [_Due(*of, at_us) for of, at_us in known.items()]
        noted = [_Noted(*of, one) for of, one in thinned.items()]
        catalog = self._rooms.catalog
        catalog.set_meta(_HORIZONS, msgspec.json.encode(rows).decode())
        catalog.set_meta(_THINNED, msgspec.json.encode(noted).decode())
        self._horizons.replace(known, thinned)

    def _old(self) -> Iterator[_Due]:
        """Yield the first instant that is kept, of each type that does not keep all for ever."""
        today = self._rooms.clock.now_us() // _DAY_US
        for team, event in self._kept():
            days = [today - event.keep_days] if event.keep_days is not None else []
            if event.keep_bytes is not None:
                days.append(_first_that_fits(self._rooms.engine, team, event, today))
            if days:
                yield _Due(team, event.name, max(days) * _DAY_US)

    def _stale(self) -> Iterator[_Due]:
        """Yield the first instant from which on data is kept, of each type that says so."""
        today = self._rooms.clock.now_us() // _DAY_US
        for team, event in self._kept():
            if event.keep_data_days is not None:
                yield _Due(team, event.name, (today - event.keep_data_days) * _DAY_US)

    def _kept(self) -> Iterator[tuple[int, EventType]]:
        for team in self._rooms.catalog.list_teams():
            for event in self._rooms.registry.declared(team.id).events.values():
                yield team.id, event


def _first_that_fits(engine: Engine, team: int, event: EventType, today: int) -> int:
    """Return the first day of the newest ones that fit; what has happened today always does."""
    assert event.keep_bytes is not None
    room = event.keep_bytes / max(row_bytes(engine), 1.0)
    first = today
    for day, rows in rows_by_day(engine, team, event.name):
        room -= rows
        if room < 0:
            return min(day + 1, today)
        first = day
    return min(first, today)


def _horizon(thinned: Mapping[_Kind, Thinned], of: _Kind) -> int:
    known = thinned.get(of)
    return _NEVER if known is None else known.before_us


def read_horizons(catalog: Catalog) -> tuple[dict[_Kind, int], dict[_Kind, Thinned]]:
    """Return the horizons that were noted, of rows and of what was sent in them. Blocks."""
    rows = msgspec.json.decode(catalog.get_meta(_HORIZONS) or "[]", type=list[_Due])
    noted = msgspec.json.decode(catalog.get_meta(_THINNED) or "[]", type=list[_Noted])
    known = {(one.team, one.kind): one.before_us for one in rows}
    return known, {(one.team, one.kind): one.thinned for one in noted}
