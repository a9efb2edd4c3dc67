"""Alerts: what each one is, what it was, and who still has to be told.

In the flow: receives what ``livetally.alerts`` found, hands it back after a restart, to any
process.
Guarantee: a change of state and the messages that tell of it are stored together or not at all, by
the one process that held the alert then; so each change is told of once, whoever tells.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, or_, select, update

from livetally.store.catalog.audit import storable
from livetally.store.catalog.part import CatalogPart
from livetally.store.catalog.rows import AlertChange, AlertEnd, AlertMessage, AlertState
from livetally.store.catalog.tables import alert_changes, alert_messages, alerts
from livetally.tenancy import TeamId

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Row

__all__ = ["Alerts"]

_ERROR_CHARS_MAX = 1_000
_CHANGES_MAX = 1_000


class Alerts(CatalogPart):
    """The part of the catalog that knows the alerts."""

    def alert_states(self) -> list[AlertState]:
        """Return every alert that was ever looked at."""
        wanted = select(alerts).order_by(alerts.c.team_id, alerts.c.name)
        with self._database.reading() as connection:
            return [_state(row) for row in connection.execute(wanted)]

    def add_alert(self, team: TeamId, name: str) -> AlertState:
        """Begin to know an alert; one that is known stays as it is. Returns its state."""
        values = {
            "team_id": team,
            "name": name,
            "state": "ok",
            "since_us": self._clock.now_us(),
            "next_us": 0,
            "last_error": "",
        }
        # The change's lock keeps two processes from adding it at once.
        with self._changes.making() as connection:
            found = connection.execute(select(alerts).where(_is(team, name))).first()
            if found is None:
                connection.execute(insert(alerts), values)
                found = connection.execute(select(alerts).where(_is(team, name))).one()
        return _state(found)

    def forget_alert(self, team: TeamId, name: str) -> None:
        """Forget the state of an alert that is not declared any more; its history stays."""
        with self._database.writing() as connection:
            connection.execute(delete(alerts).where(_is(team, name)))

    def take_alert(self, team: TeamId, name: str, holder: str, until_us: int) -> bool:
        """Try to hold a due alert until an instant; False when another one has looked already."""
        now_us = self._clock.now_us()
        free = or_(alerts.c.holder.is_(None), alerts.c.held_until_us < now_us)
        mine = update(alerts).where(_is(team, name), alerts.c.next_us <= now_us, free)
        with self._database.writing() as connection:
            taken = connection.execute(mine.values(holder=holder, held_until_us=until_us))
            return bool(taken.rowcount)

    def end_alert(self, team: TeamId, name: str, holder: str, end: AlertEnd) -> bool:
        """Write down what was found, and let go; False when another process holds the alert now."""
        now_us = self._clock.now_us()
        values: dict[str, Any] = {
            "holder": None,
            "held_until_us": None,
            "state": end.state,
            "since_us": end.since_us,
            "value": end.value,
            "checked_us": now_us,
            "next_us": end.next_us,
            "last_error": storable(end.error, _ERROR_CHARS_MAX),
        }
        mine = update(alerts).where(_is(team, name), alerts.c.holder == holder)
        with self._database.writing() as connection:
            if not connection.execute(mine.values(**values)).rowcount:
                return False
            if end.told:
                change = {
                    "team_id": team,
                    "name": name,
                    "state": end.state,
                    "value": end.value,
                    "at_us": end.since_us,
                    "body": end.body,
                }
                made = connection.execute(insert(alert_changes), change).inserted_primary_key
                number = int(made[0]) if made is not None else 0
                messages = [
                    {
                        "change_id": number,
                        "channel": channel,
                        "attempts": 0,
                        "next_us": now_us,
                        "last_error": "",
                    }
                    for channel in end.channels
                ]
                if messages:
                    connection.execute(insert(alert_messages), messages)
        return True

    def alert_history(
        self, team: TeamId, name: str | None, *, limit: int = 100, before: int | None = None
    ) -> list[AlertChange]:
        """Return a team's changes of state, newest first, with what became of their messages.

        Args:
            team: whose.
            name: of which alert; None: of all.
            limit: at most this many, 1 to 1,000.
            before: only changes with a smaller id, to go on from the last one of a page.
        """
        wanted = select(alert_changes).where(alert_changes.c.team_id == team)
        wanted = wanted.order_by(alert_changes.c.id.desc()).limit(max(1, min(limit, _CHANGES_MAX)))
        if name is not None:
            wanted = wanted.where(alert_changes.c.name == name)
        if before is not None:
            wanted = wanted.where(alert_changes.c.id < before)
        with self._database.reading() as connection:
            found = connection.execute(wanted).all()
            numbers = [row.id for row in found]
            told = connection.execute(
                _messages().where(alert_messages.c.change_id.in_(numbers))
            ).all()
        messages: dict[int, list[AlertMessage]] = {}
        for row in told:
            messages.setdefault(row.change_id, []).append(_message(row))
        return [_change(row, messages.get(row.id, [])) for row in found]

    def due_messages(self, limit: int) -> list[AlertMessage]:
        """Return messages that are to be sent now, the oldest first."""
        now_us = self._clock.now_us()
        wanted = _messages().where(
            alert_messages.c.next_us <= now_us,
            or_(alert_messages.c.holder.is_(None), alert_messages.c.held_until_us < now_us),
        )
        with self._database.reading() as connection:
            return [_message(row) for row in connection.execute(wanted.limit(limit))]

    def take_message(self, number: int, holder: str, until_us: int) -> bool:
        """Try to hold a message while it is sent; False when another process does."""
        now_us = self._clock.now_us()
        mine = update(alert_messages).where(
            alert_messages.c.id == number,
            alert_messages.c.next_us <= now_us,
            or_(alert_messages.c.holder.is_(None), alert_messages.c.held_until_us < now_us),
        )
        with self._database.writing() as connection:
            taken = connection.execute(mine.values(holder=holder, held_until_us=until_us))
            return bool(taken.rowcount)

    def end_message(
        self, number: int, holder: str, *, error: str = "", next_us: int | None = None
    ) -> None:
        """Write down what became of an attempt, and let go.

        Args:
            number: the message's.
            holder: who has tried.
            error: why it failed; "" when it was delivered.
            next_us: when to try again; None: never.
        """
        values: dict[str, Any] = {
            "holder": None,
            "held_until_us": None,
            "attempts": alert_messages.c.attempts + 1,
            "last_error": storable(error, _ERROR_CHARS_MAX),
            "next_us": next_us,
        }
        if not error:
            values["delivered_us"] = self._clock.now_us()
        mine = update(alert_messages).where(
            alert_messages.c.id == number, alert_messages.c.holder == holder
        )
        with self._database.writing() as connection:
            connection.execute(mine.values(**values))

    def drop_alert_history(self, before_us: int) -> None:
        """Forget changes older than an instant (microseconds since 1970 UTC), and their messages.

        In portions, so that no transaction grows long; to be called again and again.
        """
        old = select(alert_changes.c.id).where(alert_changes.c.at_us < before_us)
        with self._database.writing() as connection:
            numbers = [row.id for row in connection.execute(old.limit(_CHANGES_MAX))]
            if numbers:
                connection.execute(
                    delete(alert_messages).where(alert_messages.c.change_id.in_(numbers))
                )
                connection.execute(delete(alert_changes).where(alert_changes.c.id.in_(numbers)))

    def waiting_messages(self) -> int:
        """Return how many messages are not delivered and not given up."""
        wanted = select(func.count()).where(alert_messages.c.next_us.is_not(None))
        with self._database.reading() as connection:
            return int(connection.execute(wanted).scalar_one())


def _is(team: TeamId, name: str) -> ColumnElement[bool]:
    return (alerts.c.team_id == team) & (alerts.c.name == name)


def _messages() -> Any:
    joined = alert_messages.join(alert_changes, alert_messages.c.change_id == alert_changes.c.id)
    return (
        select(alert_messages, alert_changes.c.body)
        .select_from(joined)
        .order_by(alert_messages.c.id)
    )


def _state(row: Row[*tuple[Any, ...]]) -> AlertState:
    return AlertState(
        team=TeamId(row.team_id),
        name=row.name,
        state=row.state,
        since_us=row.since_us,
        value=row.value,
        checked_us=row.checked_us,
        next_us=row.next_us,
        last_error=row.last_error,
    )


def _change(row: Row[*tuple[Any, ...]], messages: list[AlertMessage]) -> AlertChange:
    return AlertChange(row.id, row.name, row.state, row.value, row.at_us, tuple(messages))


def _message(row: Row[*tuple[Any, ...]]) -> AlertMessage:
    return AlertMessage(
        id=row.id,
        change=row.change_id,
        channel=row.channel,
        body=row.body,
        attempts=row.attempts,
        waiting=row.next_us is not None,
        delivered_us=row.delivered_us,
        last_error=row.last_error,
    )
