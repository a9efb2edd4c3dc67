"""Retention: takes away events that are older than their type's ``keep`` says.

In the flow: run beside the server by ``run``; reads the definitions of every team, tells the store
and ``query.horizons``.
Guarantee: whole days of UTC go, after their horizon is in the catalog; an answer that would have
needed them says so. Tables of sinks are left as they are: what they hold of old days stays.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import NamedTuple

import msgspec
import structlog

from livetally.clock import US_PER_S
from livetally.errors import LivetallyError
from livetally.query.horizons import Horizons
from livetally.server.erasing import Erasing, Rooms, note_position
from livetally.store.catalog import Catalog
from livetally.store.events.erase import count_old, erase_old
from livetally.telemetry import RETIRED_EVENTS

__all__ = ["Keeping", "read_horizons"]

_log = structlog.get_logger("livetally.keeping")

_DAY_US = 86_400 * US_PER_S
_HORIZONS = "horizons"


class _Due(NamedTuple):
    team: int
    kind: str
    before_us: int


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
        due = [one for one in self._due() if self._is_new(one)]
        if not due:
            return
        rooms = self._rooms
        with self._erasing.turn:
            gone = {one: count_old(rooms.engine, one.team, one.kind, one.before_us) for one in due}
            known = {**self._horizons.known}
            for one, count in gone.items():
                if count or (one.team, one.kind) in known:
                    known[one.team, one.kind] = one.before_us
            if any(gone.values()):
                note_position(rooms.catalog, rooms.writer.position)
            _write_horizons(rooms.catalog, known)
            self._horizons.replace(known)
            for one, count in gone.items():
                if count:
                    erase_old(rooms.engine, one.team, one.kind, one.before_us)
                    RETIRED_EVENTS.inc(count)
                    _log.info("events have grown too old", type=one.kind, events=count)
            if any(gone.values()):
                self._erasing.begin_anew()

    def _is_new(self, one: _Due) -> bool:
        return self._horizons.known.get((one.team, one.kind), -(2**63)) < one.before_us

    def _due(self) -> Iterator[_Due]:
        """Yield the first instant that is kept, of each type that does not keep for ever."""
        today_us = self._rooms.clock.now_us() // _DAY_US * _DAY_US
        for team in self._rooms.catalog.list_teams():
            for event in self._rooms.registry.declared(team.id).events.values():
                if event.keep_days is not None:
                    yield _Due(team.id, event.name, today_us - event.keep_days * _DAY_US)


def read_horizons(catalog: Catalog) -> dict[tuple[int, str], int]:
    """Return the horizons that were noted. Blocks."""
    rows = msgspec.json.decode(catalog.get_meta(_HORIZONS) or "[]", type=list[_Due])
    return {(one.team, one.kind): one.before_us for one in rows}


def _write_horizons(catalog: Catalog, known: dict[tuple[int, str], int]) -> None:
    rows = [_Due(team, kind, at_us) for (team, kind), at_us in known.items()]
    catalog.set_meta(_HORIZONS, msgspec.json.encode(rows).decode())
