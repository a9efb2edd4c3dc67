"""Whether an alert fires, goes on or ends: arithmetic on the last state and a new value.

In the flow: asked by ``keeper`` at every look.
Guarantee: pure; each change of state comes out once; a value between ``clear`` and the bound
changes nothing, so that one which trembles around the bound is one alert and not a hundred.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from livetally.clock import US_PER_S
from livetally.definitions import Alert

__all__ = ["State", "Verdict", "judge"]


class State(StrEnum):
    """What an alert is."""

    OK = "ok"
    PENDING = "pending"  # the bound is passed, but not for long enough
    FIRING = "firing"


class Verdict(NamedTuple):
    """The state from now on, since when (microseconds since 1970 UTC), and whether to tell."""

    state: State
    since_us: int
    tell: bool


def judge(alert: Alert, state: State, since_us: int, value: Decimal | None, now_us: int) -> Verdict:
    """Return what becomes of an alert.

    Args:
        alert: its bound.
        state: what it was.
        since_us: since when.
        value: what was measured; None (there is nothing to measure) changes nothing.
        now_us: when, microseconds since 1970 UTC.
    """
    same = Verdict(state, since_us, tell=False)
    if value is None:
        return same
    passed = value > alert.above if alert.above is not None else _below(alert, value)
    if state is State.FIRING:
        over = value <= alert.clear if alert.above is not None else value >= alert.clear
        return Verdict(State.OK, now_us, tell=True) if over else same
    if not passed:
        return Verdict(State.OK, now_us, tell=False) if state is State.PENDING else same
    began_us = since_us if state is State.PENDING else now_us
    if now_us - began_us >= alert.hold_s * US_PER_S:
        return Verdict(State.FIRING, now_us, tell=True)
    return Verdict(State.PENDING, began_us, tell=False)


def _below(alert: Alert, value: Decimal) -> bool:
    return alert.below is not None and value < alert.below
