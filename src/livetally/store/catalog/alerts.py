"""In which state each alert is, and the notices that tell of its changes.

In the flow: written by ``alerts.watching``; ``alerts.delivering`` takes the notices from here.
Guarantee: of several processes that see the same change, one makes it, with its notices in the same
transaction; a notice is in one process's hands at a time.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row, insert, select, update
from sqlalchemy.exc import IntegrityError

from livetally.store.catalog.audit import storable
from livetally.store.catalog.part import CatalogPart
from livetally.store.catalog.rows import AlertChange, AlertState, Notice
from livetally.store.catalog.tables import alert_notices, alerts

__all__ = ["Alerts"]

_OK = "ok"
_VALUE_CHARS_MAX = 100
_ERROR_CHARS_MAX = 500


class Alerts(CatalogPart):
    """The part of the catalog that remembers alerts."""

    def alert_state(self, team: int, name: str) -> AlertState:
        """Return in which state an alert is; ``ok`` when it was never looked at.

        Raises:
            StoreFailed: it can't be read.
        """
        mine = (alerts.c.team_id == team) & (alerts.c.name == name)
        with self._database.reading() as connection:
            row = connection.execute(select(alerts).where(mine)).first()
        return AlertState(_OK, 0, 0) if row is None else _state(row)

    def alert_states(self) -> dict[tuple[int, str], AlertState]:
        """Return the state of every alert that ever changed, by team and name."""
        with self._database.reading() as connection:
            rows = connection.execute(select(alerts)).all()
        return {(row.team_id, row.name): _state(row) for row in rows}

    def change_alert(self, team: int, name: str, before: AlertState, change: AlertChange) -> bool:
        """Change an alert's state, and note who is to be told, unless somebody else just has.

        Raises:
            StoreFailed: it could not be stored; nothing has changed.
        """
        now_us = self._clock.now_us()
        row = {"state": change.state, "since_us": now_us, "changes": before.changes + 1}
        with self._database.writing() as connection:
            if before.changes:
                mine = (alerts.c.team_id == team) & (alerts.c.name == name)
                mine &= alerts.c.changes == before.changes
                if not connection.execute(update(alerts).where(mine).values(row)).rowcount:
                    return False
            else:
                try:
                    with connection.begin_nested():
                        connection.execute(insert(alerts), {"team_id": team, "name": name, **row})
                except IntegrityError:
                    return False
            told = {
                "team_id": team,
                "name": name,
                "state": change.state,
                "at_us": now_us,
                "value": storable(change.value, _VALUE_CHARS_MAX),
                "message": change.message,
                "attempts": 0,
                "last_error": "",
            }
            # Without anybody to tell, the history tells of it.
            for target in change.targets or ("",):
                next_us = now_us if target else None
                connection.execute(
                    insert(alert_notices), {**told, "target": target, "next_us": next_us}
                )
            return True

    def due_notices(self, limit: int = 100) -> list[Notice]:
        """Return notices that are to be delivered now, oldest first."""
        due = alert_notices.c.next_us <= self._clock.now_us()
        wanted = select(alert_notices).where(due).order_by(alert_notices.c.id).limit(limit)
        with self._database.reading() as connection:
            return [_notice(row) for row in connection.execute(wanted).all()]

    def take_notice(self, notice: Notice, until_us: int) -> bool:
        """Take a notice into one's own hands until an instant; False when another has.

        Raises:
            StoreFailed: it could not be stored.
        """
        mine = (alert_notices.c.id == notice.id) & (alert_notices.c.next_us == notice.next_us)
        taken = update(alert_notices).where(mine)
        values = {"next_us": until_us, "attempts": notice.attempts + 1}
        with self._database.writing() as connection:
            return bool(connection.execute(taken.values(values)).rowcount)

    def end_notice(self, number: int, error: str, next_us: int | None) -> None:
        """Note how a delivery went: delivered without an ``error``, else when it is tried again.

        Raises:
            StoreFailed: it could not be stored.
        """
        values = {
            "next_us": next_us,
            "delivered_us": None if error else self._clock.now_us(),
            "last_error": storable(error, _ERROR_CHARS_MAX),
        }
        mine = update(alert_notices).where(alert_notices.c.id == number)
        with self._database.writing() as connection:
            connection.execute(mine.values(values))

    def list_notices(self, team: int, *, limit: int, before: int | None = None) -> list[Notice]:
        """Return a team's notices, newest first.

        Args:
            team: whose.
            limit: at most this many.
            before: only those with a smaller number, to go on from the last one of a page.
        """
        wanted = select(alert_notices).where(alert_notices.c.team_id == team)
        if before is not None:
            wanted = wanted.where(alert_notices.c.id < before)
        wanted = wanted.order_by(alert_notices.c.id.desc()).limit(limit)
        with self._database.reading() as connection:
            return [_notice(row) for row in connection.execute(wanted).all()]


def _state(row: Row[*tuple[Any, ...]]) -> AlertState:
    return AlertState(row.state, row.since_us, row.changes)


def _notice(row: Row[*tuple[Any, ...]]) -> Notice:
    return Notice(
        row.id,
        row.team_id,
        row.name,
        row.state,
        row.at_us,
        row.value,
        row.message,
        row.target,
        row.attempts,
        row.next_us,
        row.delivered_us,
        row.last_error,
    )
