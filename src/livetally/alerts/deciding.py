"""Decides from one look at a metric whether an alert begins, goes on or ends.

In the flow: called by ``watching`` with the value of now and of the window before.
Guarantee: pure; a value that lies between the bound and where it clears changes nothing, and
neither does one that is not known.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from livetally.definitions import Alert, AlertKind

__all__ = ["FIRING", "OK", "Pending", "compared", "decided"]

OK = "ok"
FIRING = "firing"

_CHANGES = frozenset({AlertKind.RISES, AlertKind.FALLS})
_PERCENT = 100.0

Pending = float | None
"""The monotonic second at which it became bad and has been since; None while it is not."""


def compared(alert: Alert, now: Any, before: Any) -> float | None:
    """Return what is held against the bound: a value, or a change in percent.

    A fall is a positive number. None when it can't be told: no value, or a change from nothing.
    """
    value = _number(now)
    if alert.kind not in _CHANGES or value is None:
        return value
    earlier = _number(before)
    if not earlier:
        return None
    change = (value - earlier) / abs(earlier) * _PERCENT
    return -change if alert.kind is AlertKind.FALLS else change


def decided(
    alert: Alert, state: str, value: float | None, pending: Pending, now_s: float
) -> tuple[str, Pending]:
    """Return the state from now on, and since when it has been bad."""
    if value is None:
        return state, pending
    if state == FIRING:
        return (OK, None) if _is_clear(alert, value) else (FIRING, pending)
    if not _is_bad(alert, value):
        return OK, None
    since = now_s if pending is None else pending
    return (FIRING if now_s - since >= alert.hold_s else OK), since


def _is_bad(alert: Alert, value: float) -> bool:
    return value < alert.bound if alert.kind is AlertKind.BELOW else value > alert.bound


def _is_clear(alert: Alert, value: float) -> bool:
    return value >= alert.clear if alert.kind is AlertKind.BELOW else value <= alert.clear


def _number(value: Any) -> float | None:
    if isinstance(value, (int, float, Decimal)) and not isinstance(value, bool):
        return float(value)
    return None
