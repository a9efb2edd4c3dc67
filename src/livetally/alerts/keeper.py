"""Looks at the alerts when they are due, writes down what changed, sees that everybody is told.

In the flow: receives the declared alerts from ``server``, asks ``query``, keeps states and messages
in ``store.catalog``, hands messages to ``couriers``.
Guarantee: of several processes on one catalog one looks at an alert at a time; a change of state is
written down once, together with its messages; a message is tried until it is delivered or a day
has passed, over restarts too.

``tick`` does what is due now; ``run`` does so again and again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal, InvalidOperation
from functools import partial
from typing import NamedTuple

import anyio
import msgspec
import structlog
from anyio.to_thread import run_sync

from livetally.alerts.couriers import Couriers, NotDelivered
from livetally.alerts.judge import State, judge
from livetally.alerts.messages import body_of
from livetally.calendar import find_zone
from livetally.clock import US_PER_S, Clock
from livetally.definitions import Alert, Channel, Measure
from livetally.errors import BadInput, LivetallyError
from livetally.query import Answer, Declared, MetricQuery, Runner, empty_value
from livetally.store.catalog import AlertChange, AlertEnd, AlertMessage, AlertState, Catalog
from livetally.telemetry import ALERT_MESSAGES, ALERTS
from livetally.tenancy import TeamId

__all__ = ["Keeper", "Watched"]

_log = structlog.get_logger("livetally.alerts")

_LOOK_S = 0.5
_HOLD_US = 60 * US_PER_S
_AT_ONCE = 4
_MESSAGES_AT_ONCE = 20
# Together a day.
_AGAIN_S = (5, 30, 120, 600, 1_800, 3_600, 7_200, 14_400, 28_800, 28_800)
_HISTORY_EVERY_S = 3_600
_UTC = find_zone("UTC")
_PERCENT = Decimal(100)
_VALUE_CHARS_MAX = 100


class Watched(NamedTuple):
    """An alert, whose events it looks at, and under which definitions."""

    team: TeamId
    declared: Declared
    alert: Alert

    @property
    def key(self) -> tuple[TeamId, str]:
        """What tells it from every other one."""
        return self.team, self.alert.name


class Keeper:
    """The alerts of a server. For one event loop."""

    def __init__(
        self,
        catalog: Catalog,
        watched: Callable[[], Sequence[Watched]],
        runner: Runner,
        caught_up: Callable[[], Awaitable[object]],
        couriers: Couriers,
        clock: Clock,
        holder: str,
        history_days: int,
    ) -> None:
        """Keep ``catalog`` true; ``holder`` names this process among others.

        ``caught_up`` returns when answers include what is acknowledged: nothing that is only on its
        way is taken for missing.
        """
        self._catalog = catalog
        self._watched = watched
        self._runner = runner
        self._caught_up = caught_up
        self._couriers = couriers
        self._clock = clock
        self._holder = holder
        self._history_us = history_days * 86_400 * US_PER_S
        self._tidy_at_s = 0.0
        # Whether there may be something to look after besides what is declared.
        self._any = True

    def declared(self, team: TeamId) -> list[Alert]:
        """Return a team's alerts."""
        return [one.alert for one in self._watched() if one.team == team]

    def states(self, team: TeamId) -> dict[str, AlertState]:
        """Return a team's states as the catalog has them. Blocks."""
        return {one.name: one for one in self._catalog.alert_states() if one.team == team}

    def history(
        self, team: TeamId, name: str | None, limit: int, before: int | None
    ) -> list[AlertChange]:
        """Return a team's changes of state, newest first. Blocks."""
        return self._catalog.alert_history(team, name, limit=limit, before=before)

    async def run(self) -> None:
        """Look after the alerts until cancelled."""
        try:
            while True:
                try:
                    await self.tick()
                except LivetallyError as error:
                    _log.warning("alerts not looked after", error=error.message)
                except Exception:  # noqa: BLE001 - whatever it is, it must not end the server
                    _log.exception("alerts failed unexpectedly")
                await anyio.sleep(_LOOK_S)
        finally:
            with anyio.CancelScope(shield=True):
                await self._couriers.close()

    async def tick(self) -> None:
        """Look at every alert that is due, and send every message that is.

        Raises:
            StoreFailed: the catalog does not answer.
        """
        watched = {one.key: one for one in self._watched()}
        if watched or self._any:
            await self._look(watched)
            await self._send()
            await self._tidy()

    async def _look(self, watched: dict[tuple[TeamId, str], Watched]) -> None:
        found = await run_sync(self._catalog.alert_states)
        states = {(one.team, one.name): one for one in found}
        for key in states.keys() - watched.keys():
            await run_sync(self._catalog.forget_alert, *key)
        now_us = self._clock.now_us()
        due = [
            one
            for key, one in watched.items()
            if key not in states or states[key].next_us <= now_us
        ]
        limiter = anyio.CapacityLimiter(_AT_ONCE)
        async with anyio.create_task_group() as tasks:
            for one in due:
                tasks.start_soon(self._judged, one, states.get(one.key), limiter)
        for state in State:
            at = sum(one.state == state for key, one in states.items() if key in watched)
            ALERTS.labels(state.value).set(at)
        self._any = bool(watched) or bool(await run_sync(self._catalog.waiting_messages))

    async def _judged(
        self, one: Watched, known: AlertState | None, limiter: anyio.CapacityLimiter
    ) -> None:
        """Look at one alert, unless another process does."""
        async with limiter:
            state = known
            if state is None:
                state = await run_sync(self._catalog.add_alert, *one.key)
            until_us = self._clock.now_us() + _HOLD_US
            if not await run_sync(self._catalog.take_alert, *one.key, self._holder, until_us):
                return
            end = await self._found(one, state)
            written = await run_sync(self._catalog.end_alert, *one.key, self._holder, end)
            if end.told and written:
                _log.warning("alert", alert=one.alert.name, state=end.state, value=end.value)

    async def _found(self, one: Watched, known: AlertState) -> AlertEnd:
        """Measure, and judge; what can't be measured leaves the state as it is."""
        alert, now_us = one.alert, self._clock.now_us()
        next_us = now_us + alert.every_s * US_PER_S
        try:
            await self._caught_up()
            answer = await self._runner.answer(_question(alert, now_us), one.declared, one.team)
            value = _measured(alert, answer, empty_value(one.declared.metric(alert.metric)))
        except LivetallyError as error:
            return AlertEnd(known.state, known.since_us, known.value, next_us, error.told)
        verdict = judge(alert, State(known.state), known.since_us, value, now_us)
        text = None if value is None else f"{value:f}"[:_VALUE_CHARS_MAX]
        if not verdict.tell:
            return AlertEnd(verdict.state.value, verdict.since_us, text, next_us)
        return AlertEnd(
            verdict.state.value,
            verdict.since_us,
            text,
            next_us,
            told=True,
            body=body_of(alert, verdict, value, answer.position),
            channels=tuple(msgspec.json.encode(channel).decode() for channel in alert.notify),
        )

    async def _send(self) -> None:
        """Send what is due, each message by itself: one that hangs holds up no other."""
        due = await run_sync(self._catalog.due_messages, _MESSAGES_AT_ONCE)
        async with anyio.create_task_group() as tasks:
            for message in due:
                tasks.start_soon(self._deliver, message)

    async def _deliver(self, message: AlertMessage) -> None:
        until_us = self._clock.now_us() + _HOLD_US
        if not await run_sync(self._catalog.take_message, message.id, self._holder, until_us):
            return
        error, next_us = "", None
        try:
            channel = msgspec.json.decode(message.channel, type=Channel)
            await self._couriers.deliver(f"alert-{message.id}", channel, message.body)
            ALERT_MESSAGES.labels("delivered").inc()
        except NotDelivered as failure:
            error = failure.message
            if message.attempts < len(_AGAIN_S):
                next_us = self._clock.now_us() + _AGAIN_S[message.attempts] * US_PER_S
            ALERT_MESSAGES.labels("again" if next_us else "given_up").inc()
            _log.warning("message of an alert not delivered", error=error, again=bool(next_us))
        ended = partial(self._catalog.end_message, error=error, next_us=next_us)
        await run_sync(ended, message.id, self._holder)

    async def _tidy(self) -> None:
        """Forget old history, once an hour."""
        now_s = self._clock.monotonic_s()
        if now_s >= self._tidy_at_s:
            self._tidy_at_s = now_s + _HISTORY_EVERY_S
            before_us = self._clock.now_us() - self._history_us
            await run_sync(self._catalog.drop_alert_history, before_us)


def _question(alert: Alert, now_us: int) -> MetricQuery:
    return MetricQuery(
        metric=alert.metric,
        interval=None,
        start_us=now_us - alert.window_s * US_PER_S,
        end_us=now_us,
        zone=_UTC,
        by=(),
        where=alert.where,
        fill_zero=False,
        order="time",
        limit=None,
        compare=alert.measure is Measure.CHANGE,
    )


def _measured(alert: Alert, answer: Answer, empty: int | None) -> Decimal | None:
    """Return what is compared with the bound; None when there is nothing to compare."""
    value, previous = (
        (answer.rows[0].value, answer.rows[0].previous) if answer.rows else (empty, None)
    )
    now = _number(alert, value)
    if alert.measure is Measure.VALUE or now is None:
        return now
    before = _number(alert, previous)
    return (now - before) / abs(before) * _PERCENT if before else None


def _number(alert: Alert, value: object) -> Decimal | None:
    if value is None:
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        number = Decimal("NaN")
    if not number.is_finite():
        raise BadInput("metric", f"'{alert.metric}' is {str(value)[:50]!r}, which is no number")
    return number
