"""Looks at the metrics of all alerts, each as often as it says, and notes what changes.

In the flow: run by ``server`` beside the writer; asks ``query`` as a client would, writes states
and notices to the catalog, from where ``delivering`` takes them.
Guarantee: a change of state and the notices that tell of it are one transaction, which only one of
several processes can make: nobody is told twice and no change is passed over in silence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import structlog

from livetally.alerts.deciding import FIRING, OK, Pending, compared, decided
from livetally.calendar import find_zone
from livetally.clock import US_PER_S, Clock
from livetally.definitions import Alert, AlertKind
from livetally.errors import LivetallyError
from livetally.query import Declared, MetricQuery, Runner, empty_value
from livetally.store.catalog import AlertChange, Catalog
from livetally.telemetry import ALERTS_FIRING

__all__ = ["Declaration", "Watch"]

_log = structlog.get_logger("livetally.alerts")

_UTC = find_zone("UTC")
_LOOK_S = 0.5
_WORDS = {
    AlertKind.ABOVE: "is above",
    AlertKind.BELOW: "is below",
    AlertKind.RISES: "has risen by more than",
    AlertKind.FALLS: "has fallen by more than",
}
_Key = tuple[int, str]


class Declaration(NamedTuple):
    """An alert, whose events it is about, and under which definitions."""

    team: int
    declared: Declared
    alert: Alert


class Watch:
    """All alerts of the process."""

    def __init__(
        self,
        runner: Runner,
        catalog: Catalog,
        clock: Clock,
        declarations: Callable[[], Iterable[Declaration]],
    ) -> None:
        """Look at nothing yet; ``declarations`` is asked before each look."""
        self._runner = runner
        self._catalog = catalog
        self._clock = clock
        self._declarations = declarations
        self._due_s: dict[_Key, float] = {}
        self._pending: dict[_Key, Pending] = {}

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(_LOOK_S)

    def look(self) -> None:
        """Look at each alert that is due. Blocks; one that can't be answered is tried again."""
        declared = {(one.team, one.alert.name): one for one in self._declarations()}
        for known in (self._due_s, self._pending):
            for key in known.keys() - declared.keys():
                del known[key]
        now_s = self._clock.monotonic_s()
        due = [key for key in declared if self._due_s.get(key, now_s) <= now_s]
        for key in due:
            self._due_s[key] = now_s + declared[key].alert.every_s
            try:
                self._look_at(key, declared[key], now_s)
            except LivetallyError as error:
                _log.warning("alert not looked at", alert=key[1], error=error.message)
        if due:
            self._measure(declared.keys())

    def _look_at(self, key: _Key, one: Declaration, now_s: float) -> None:
        state = self._catalog.alert_state(*key)
        value = self._value(one)
        after, self._pending[key] = decided(
            one.alert, state.state, value, self._pending.get(key), now_s
        )
        if after == state.state:
            return
        targets = tuple(f"{target.kind.value}:{target.to}" for target in one.alert.notify)
        shown = "" if value is None else f"{value:.12g}"
        change = AlertChange(after, shown, _message(one.alert, after, shown), targets)
        if self._catalog.change_alert(key[0], key[1], state, change):
            _log.warning("alert", alert=key[1], team=key[0], state=after, value=shown)

    def _value(self, one: Declaration) -> float | None:
        alert = one.alert
        now_us = self._clock.now_us()
        window_us = alert.window_s * US_PER_S
        now = self._ask(one, now_us - window_us, now_us)
        if alert.kind in (AlertKind.ABOVE, AlertKind.BELOW):
            return compared(alert, now, None)
        return compared(alert, now, self._ask(one, now_us - 2 * window_us, now_us - window_us))

    def _ask(self, one: Declaration, start_us: int, end_us: int) -> Any:
        query = MetricQuery(
            metric=one.alert.metric,
            interval=None,
            start_us=start_us,
            end_us=end_us,
            zone=_UTC,
            by=(),
            where=one.alert.where,
            fill_zero=False,
            order="time",
            limit=None,
        )
        rows = self._runner.ask_once(query, one.declared, one.team).rows
        return rows[0].value if rows else empty_value(one.declared.metric(one.alert.metric))

    def _measure(self, keys: Iterable[_Key]) -> None:
        states = self._catalog.alert_states()
        firing = [key for key in keys if key in states and states[key].state == FIRING]
        ALERTS_FIRING.set(len(firing))


def _message(alert: Alert, state: str, shown: str) -> str:
    percent = "%" if alert.kind in (AlertKind.RISES, AlertKind.FALLS) else ""
    name = alert.title or alert.name
    value = f"{shown}{percent}" if shown else "not known"
    if state == OK:
        return f"{name}: over. '{alert.metric}' is {value} in the last {alert.window_s} s."
    return (
        f"{name}: '{alert.metric}' {_WORDS[alert.kind]} {alert.bound:.12g}{percent}:"
        f" {value} in the last {alert.window_s} s."
    )
