"""Reads how busy the hours of a day and the days of a week are.

In the flow: receives a simulation's table from ``read_simulations``, hands back weights.

Guarantee: 24 and 7 weights of zero or more, not all of them zero.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from livetally.definitions.nearest import nearest
from livetally.definitions.table import Table

__all__ = ["hours_of", "weekdays_of"]

_HOURS: Final = 24
_DAYS: Final = 7

# How busy each hour is, from midnight on.
_DAILY: Final[dict[str, tuple[float, ...]]] = {
    "flat": (1.0,) * _HOURS,
    # People who work: a peak before and after lunch.
    "office": (
        *(0.05, 0.04, 0.03, 0.03, 0.05, 0.1, 0.3, 0.8),
        *(1.6, 2.2, 2.4, 2.1, 1.5, 1.9, 2.2, 2.0),
        *(1.5, 0.8, 0.4, 0.3, 0.2, 0.15, 0.1, 0.07),
    ),
    # People who are awake: shops, travel, doors.
    "day": (
        *(0.2, 0.12, 0.1, 0.1, 0.15, 0.3, 0.6, 0.9),
        *(1.1, 1.2, 1.3, 1.4, 1.5, 1.5, 1.4, 1.4),
        *(1.5, 1.7, 1.7, 1.5, 1.2, 0.9, 0.6, 0.4),
    ),
    # People at leisure.
    "evening": (
        *(0.7, 0.4, 0.2, 0.1, 0.1, 0.1, 0.2, 0.4),
        *(0.5, 0.5, 0.6, 0.7, 0.8, 0.8, 0.8, 0.9),
        *(1.1, 1.4, 1.9, 2.4, 2.8, 2.7, 2.1, 1.3),
    ),
}
_WEEKLY: Final[dict[str, tuple[float, ...]]] = {
    "flat": (1.0,) * _DAYS,
    "office": (1.2, 1.3, 1.3, 1.25, 1.1, 0.3, 0.2),
    "shop": (0.8, 0.8, 0.85, 0.95, 1.2, 1.5, 0.9),
}


def hours_of(table: Table) -> tuple[float, ...]:
    """Read ``daily``: a name, or 24 weights."""
    return _weights(table, "daily", _HOURS, _DAILY)


def weekdays_of(table: Table) -> tuple[float, ...]:
    """Read ``weekly``: a name, or 7 weights, Monday first."""
    return _weights(table, "weekly", _DAYS, _WEEKLY)


def _weights(
    table: Table, key: str, length: int, named: dict[str, tuple[float, ...]]
) -> tuple[float, ...]:
    value = table.raw(key)
    if value is None:
        return named["flat"]
    if isinstance(value, str):
        if value not in named:
            hint = nearest(value, named)
            meant = f"; did you mean '{hint}'?" if hint else ""
            table.problem(f"must be {length} weights, or one of: {', '.join(named)}{meant}", key)
        return named.get(value, named["flat"])
    if isinstance(value, list) and len(value) == length and all(_is_weight(one) for one in value):
        if any(value):
            return tuple(float(one) for one in value)
        table.problem("can't all be zero: then nothing would ever happen", key)
    else:
        table.problem(f"must be {length} weights of zero or more", key)
    return named["flat"]


def _is_weight(value: object) -> bool:
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool) and value >= 0
