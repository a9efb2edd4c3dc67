"""Sources: what runs, when next, how far it came, and who is at it now.

In the flow: receives what ``livetally.sources`` did and what a person wants of it, hands it back
after a restart, to any process.
Guarantee: of several processes one at a time holds a source; one that does not say again in time
that it does has lost it, and can't write down how its run ended.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, or_, select, update

from livetally.errors import UnknownName
from livetally.store.catalog.audit import storable, write_entry
from livetally.store.catalog.part import SYSTEM, CatalogPart
from livetally.store.catalog.rows import SourceEnd, SourceState
from livetally.store.catalog.tables import sources
from livetally.tenancy import TeamId

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Row

__all__ = ["Sources"]

_ERROR_CHARS_MAX = 2_000
_COUNTED = ("stored", "duplicates", "rejected")


class Sources(CatalogPart):
    """The part of the catalog that knows the sources."""

    def source_states(self) -> list[SourceState]:
        """Return every source that was ever seen."""
        wanted = select(sources).order_by(sources.c.team_id, sources.c.name)
        with self._database.reading() as connection:
            return [_state(row) for row in connection.execute(wanted)]

    def add_source(self, team: TeamId, name: str, *, running: bool, next_us: int) -> SourceState:
        """Begin to know a source; one that is known stays as it is. Returns its state."""
        values: dict[str, Any] = {
            "team_id": team,
            "name": name,
            "running": running,
            "wanted": False,
            "next_us": next_us,
            "last_error": "",
            "failures": 0,
            "runs": 0,
            **dict.fromkeys(_COUNTED, 0),
        }
        # The change's lock keeps two processes from adding it at once.
        with self._changes.making() as connection:
            found = connection.execute(select(sources).where(_is(team, name))).first()
            if found is None:
                connection.execute(insert(sources), values)
                found = connection.execute(select(sources).where(_is(team, name))).one()
        return _state(found)

    def set_source(
        self,
        team: TeamId,
        name: str,
        *,
        running: bool | None = None,
        wanted: bool | None = None,
        schedule: str | None = None,
        next_us: int | None = None,
        action: str,
        by: str = SYSTEM,
    ) -> SourceState:
        """Change what a person may: None leaves a value; a ``schedule`` of "" takes it away.

        Raises:
            UnknownName: there is no such source.
            StoreFailed: it could not be stored.
        """
        given = {"running": running, "wanted": wanted, "next_us": next_us}
        values: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
        if schedule is not None:
            values["schedule"] = schedule or None
        with self._changes.making() as connection:
            connection.execute(update(sources).where(_is(team, name)).values(**values))
            found = connection.execute(select(sources).where(_is(team, name))).first()
            if found is None:
                raise UnknownName("name", "source", name)
            write_entry(
                connection, self._clock.now_us(), by, team, action, name, detail=schedule or ""
            )
        return _state(found)

    def take_source(self, team: TeamId, name: str, holder: str, until_us: int) -> bool:
        """Try to hold a source until an instant; False when another one holds it now."""
        free = or_(
            sources.c.holder.is_(None),
            sources.c.holder == holder,
            sources.c.held_until_us < self._clock.now_us(),
        )
        mine = update(sources).where(_is(team, name), free)
        with self._database.writing() as connection:
            taken = connection.execute(mine.values(holder=holder, held_until_us=until_us))
            return bool(taken.rowcount)

    def free_sources(self) -> None:
        """Let go of every source, whoever holds it: for a process that knows to be the only one."""
        with self._database.writing() as connection:
            connection.execute(update(sources).values(holder=None, held_until_us=None))

    def hold_source(
        self,
        team: TeamId,
        name: str,
        holder: str,
        until_us: int,
        so_far: SourceEnd | None = None,
    ) -> bool:
        """Go on holding a source; False when it was taken over.

        ``so_far`` is what became of it since it was last held; None adds nothing.
        """
        values: dict[str, Any] = {"held_until_us": until_us}
        if so_far is not None:
            values |= _added(so_far, self._clock.now_us())
        mine = update(sources).where(_is(team, name), sources.c.holder == holder)
        with self._database.writing() as connection:
            held = connection.execute(mine.values(**values))
            # A row that has the value already counts as found on every database but MariaDB.
            return bool(held.rowcount) or _holder(connection, team, name) == holder

    def end_source(self, team: TeamId, name: str, holder: str, end: SourceEnd) -> bool:
        """Write down how a run ended, and let go; False when the source was taken over."""
        now_us = self._clock.now_us()
        values: dict[str, Any] = {
            "holder": None,
            "held_until_us": None,
            "wanted": False,
            "failures": sources.c.failures + 1 if end.error else 0,
            "runs": sources.c.runs + 1,
            **_added(end, now_us),
        }
        if end.next_us is not None:
            values["next_us"] = end.next_us
        if end.known is not None:
            values["known"] = end.known
        mine = update(sources).where(_is(team, name), sources.c.holder == holder)
        with self._database.writing() as connection:
            return bool(connection.execute(mine.values(**values)).rowcount)


def _added(end: SourceEnd, now_us: int) -> dict[str, Any]:
    """Return what changes by records that came, and by what is wrong with others."""
    values: dict[str, Any] = {
        "last_us": now_us,
        "last_error": storable(end.error, _ERROR_CHARS_MAX),
        **{name: getattr(sources.c, name) + getattr(end, name) for name in _COUNTED},
    }
    return values if end.error else values | {"last_ok_us": now_us}


def _is(team: TeamId, name: str) -> ColumnElement[bool]:
    return (sources.c.team_id == team) & (sources.c.name == name)


def _holder(connection: Any, team: TeamId, name: str) -> str | None:
    found = connection.execute(select(sources.c.holder).where(_is(team, name))).scalar()
    return None if found is None else str(found)


def _state(row: Row[*tuple[Any, ...]]) -> SourceState:
    return SourceState(
        team=TeamId(row.team_id),
        name=row.name,
        running=row.running,
        wanted=row.wanted,
        schedule=row.schedule,
        next_us=row.next_us,
        known=row.known,
        last_us=row.last_us,
        last_ok_us=row.last_ok_us,
        last_error=row.last_error,
        failures=row.failures,
        runs=row.runs,
        stored=row.stored,
        duplicates=row.duplicates,
        rejected=row.rejected,
        holder=row.holder,
        held_until_us=row.held_until_us,
    )
