"""Definition files: every version of every application, and which one is active.

In the flow: receives TOML that ``livetally.definitions`` has accepted, hands texts back to it.
Guarantee: versions of one application are 1, 2, 3 … without a gap; at most one is active; a
version's text never changes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import case, func, insert, select, update

from livetally.definitions import check_application_name, is_application_name
from livetally.errors import UnknownName
from livetally.store.catalog.audit import WHO_CHARS_MAX, storable, write_entry
from livetally.store.catalog.part import CatalogPart
from livetally.store.catalog.rows import Definition
from livetally.store.catalog.tables import LONG_TEXT_CHARS_MAX, SHARED, definitions
from livetally.tenancy import TeamId
from livetally.tenancy.names import check_text

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Connection, Row

__all__ = ["Definitions", "DefinitionsMoved"]

HISTORY_MAX = 1_000
VERSION_MAX = 2**31 - 1  # what the column holds
# A change stores a row or lets one be active no more, and one change waits for the other: so the
# newest id and the number of active ones together are never twice the same.
_MARK = select(
    func.coalesce(func.max(definitions.c.id), 0),
    func.coalesce(func.sum(case((definitions.c.active, 1), else_=0)), 0),
)


class DefinitionsMoved(Exception):
    """A definition was stored since those were read that the new one was checked against."""


class Definitions(CatalogPart):
    """The part of the catalog that knows the definitions."""

    def save_definition(
        self,
        application: str,
        team: TeamId | None,
        text: str,
        by: str,
        *,
        beside: tuple[int, int] | None = None,
    ) -> int:
        """Store ``text`` as the active definition; returns its version.

        The text that is active already is not stored again and keeps its version, so a server may
        apply its files at every start.

        Args:
            application: its name.
            team: whose it is; None: it holds for all teams.
            text: the file, up to 1,000,000 characters, verbatim.
            by: who wants it.
            beside: the mark of the definitions it goes together with; None: with any.

        Raises:
            DefinitionsMoved: the mark is another one now; nothing was stored.
            BadInput: the name or the text can't be stored.
            StoreFailed: it could not be stored; what was active still is.
        """
        check_application_name(application)
        check_text("text", text, LONG_TEXT_CHARS_MAX)
        with self._database.reading() as connection:
            same = _is(application, team) & definitions.c.active
            active = connection.execute(select(definitions).where(same)).first()
        if active is not None and active.text == text:
            return int(active.version)
        with self._changes.making() as connection:
            if beside is not None and _mark(connection) != beside:
                raise DefinitionsMoved
            return self._store(connection, application, team, text, by, "definition.apply")

    def remove_definition(
        self,
        application: str,
        team: TeamId | None,
        by: str,
        *,
        beside: tuple[int, int] | None = None,
    ) -> None:
        """Let no version be active any more; all are kept, and the next one goes on counting.

        Args:
            application: its name.
            team: whose; None: the shared one.
            by: who removes it.
            beside: as in ``save_definition``.

        Raises:
            DefinitionsMoved: as in ``save_definition``.
            UnknownName: none is active.
            StoreFailed: it could not be stored; what was active still is.
        """
        if not is_application_name(application):
            raise UnknownName("application", "application", application[:64])
        same = _is(application, team) & definitions.c.active
        with self._changes.making() as connection:
            if beside is not None and _mark(connection) != beside:
                raise DefinitionsMoved
            active = connection.execute(select(definitions.c.version).where(same)).scalar()
            if active is None:
                raise UnknownName("application", "application", application)
            connection.execute(update(definitions).where(same).values(active=False))
            told = f"version {active}"
            now_us = self._clock.now_us()
            write_entry(connection, now_us, by, team, "definition.remove", application, told)

    def definitions_mark(self) -> tuple[int, int]:
        """Return what is another one after every change of any definition."""
        with self._database.reading() as connection:
            return _mark(connection)

    def active_definitions(self, team: TeamId | None) -> list[Definition]:
        """Return what holds for ``team``, its own and the shared ones; None: of all teams."""
        wanted = select(definitions).where(definitions.c.active)
        if team is not None:
            wanted = wanted.where(definitions.c.team_id.in_((SHARED, team)))
        wanted = wanted.order_by(definitions.c.application, definitions.c.team_id)
        with self._database.reading() as connection:
            return [_definition(row) for row in connection.execute(wanted)]

    def definition_history(self, application: str, team: TeamId | None) -> list[Definition]:
        """Return the last 1,000 versions, newest first; team None: of the shared one."""
        if not is_application_name(application):
            return []
        wanted = select(definitions).where(_is(application, team))
        wanted = wanted.order_by(definitions.c.version.desc()).limit(HISTORY_MAX)
        with self._database.reading() as connection:
            return [_definition(row) for row in connection.execute(wanted)]

    def rollback(self, application: str, team: TeamId | None, version: int, by: str) -> int:
        """Make the text of an earlier version active again, as a new version; returns that.

        Raises:
            UnknownName: there is no such application or version.
            StoreFailed: it could not be stored; what was active still is.
        """
        wanted = select(definitions).where(_is(application, team))
        if not (1 <= version <= VERSION_MAX and is_application_name(application)):
            raise UnknownName("version", f"version of '{application}'", str(version))
        with self._changes.making() as connection:
            row = connection.execute(wanted.where(definitions.c.version == version)).first()
            if row is None:
                raise UnknownName("version", f"version of '{application}'", str(version))
            if row.active:
                return version
            return self._store(
                connection, application, team, row.text, by, "definition.rollback", version
            )

    def _store(
        self,
        connection: Connection,
        application: str,
        team: TeamId | None,
        text: str,
        by: str,
        action: str,
        from_version: int | None = None,
    ) -> int:
        now_us = self._clock.now_us()
        same = _is(application, team)
        last = connection.execute(select(func.max(definitions.c.version)).where(same)).scalar()
        version = int(last or 0) + 1
        connection.execute(update(definitions).where(same).values(active=False))
        values = {
            "application": application,
            "team_id": SHARED if team is None else team,
            "version": version,
            "text": text,
            "applied_us": now_us,
            "applied_by": storable(by, WHO_CHARS_MAX),
            "active": True,
        }
        connection.execute(insert(definitions), values)
        told = f"version {version}" + (f" from {from_version}" if from_version else "")
        write_entry(connection, now_us, by, team, action, application, told)
        return version


def _mark(connection: Connection) -> tuple[int, int]:
    newest, active = connection.execute(_MARK).one()
    return int(newest), int(active)


def _is(application: str, team: TeamId | None) -> ColumnElement[bool]:
    owner = SHARED if team is None else team
    return (definitions.c.application == application) & (definitions.c.team_id == owner)


def _definition(row: Row[*tuple[Any, ...]]) -> Definition:
    return Definition(
        application=row.application,
        team=None if row.team_id == SHARED else TeamId(row.team_id),
        version=row.version,
        text=row.text,
        applied_us=row.applied_us,
        applied_by=row.applied_by,
        active=row.active,
    )
