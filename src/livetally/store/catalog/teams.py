"""Teams: made, found, listed, and set.

In the flow: receives names and settings from api, console and cli, hands out ``Team`` records.
Guarantee: an id is given to one team only, ever; the team ``default`` is always there as 1.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import insert, select, update

from livetally.errors import BadInput, UnknownName
from livetally.store.catalog.audit import write_entry
from livetally.store.catalog.part import SYSTEM, CatalogPart
from livetally.store.catalog.rows import Team
from livetally.store.catalog.tables import teams
from livetally.tenancy import (
    TeamId,
    TeamSettings,
    check_team_name,
    check_team_settings,
    is_team_name,
)

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

__all__ = ["Teams", "read_team"]


class Teams(CatalogPart):
    """The part of the catalog that knows the teams."""

    def create_team(self, name: str, *, by: str = SYSTEM) -> Team:
        """Make a team.

        Raises:
            BadInput: no team may be called this, or one already is.
            StoreFailed: it could not be stored.
        """
        check_team_name(name)
        now_us = self._clock.now_us()
        same_name = select(teams.c.id).where(teams.c.name == name)
        with self._changes.making() as connection:
            if connection.execute(same_name).first():
                raise BadInput("name", f"there already is a team '{name}'")
            values = {"name": name, "created_us": now_us, "settings": "{}"}
            connection.execute(insert(teams), values)
            team = TeamId(connection.execute(same_name).scalar_one())
            write_entry(connection, now_us, by, team, "team.create", name)
        return Team(team, name, now_us, TeamSettings())

    def list_teams(self) -> list[Team]:
        """Return all teams in the order in which they were made."""
        with self._database.reading() as connection:
            rows = connection.execute(select(teams).order_by(teams.c.id)).all()
        return [_team(row) for row in rows]

    def find_team(self, name: str) -> Team | None:
        """Return the team of this name, if there is one."""
        if not is_team_name(name):
            return None
        with self._database.reading() as connection:
            row = connection.execute(select(teams).where(teams.c.name == name)).first()
        return None if row is None else _team(row)

    def set_team_settings(self, team: TeamId, settings: TeamSettings, *, by: str = SYSTEM) -> Team:
        """Replace a team's settings.

        Raises:
            UnknownName: there is no such team.
            BadInput: one of them can't be obeyed.
            StoreFailed: they could not be stored.
        """
        check_team_settings(settings)
        text = msgspec.json.encode(settings).decode()
        with self._changes.making() as connection:
            found = read_team(connection, team)
            connection.execute(update(teams).where(teams.c.id == team).values(settings=text))
            write_entry(
                connection, self._clock.now_us(), by, team, "team.set", found.name, detail=text
            )
        return msgspec.structs.replace(found, settings=settings)


def read_team(connection: Connection, team: TeamId) -> Team:
    """Return a team by its id.

    Raises:
        UnknownName: there is no such team.
    """
    row = connection.execute(select(teams).where(teams.c.id == team)).first()
    if row is None:
        raise UnknownName("team", "team", str(team))
    return _team(row)


def _team(row: Row[*tuple[Any, ...]]) -> Team:
    settings = msgspec.json.decode(row.settings, type=TeamSettings)
    return Team(row.id, row.name, row.created_us, settings)
