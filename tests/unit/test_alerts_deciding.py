"""When an alert begins and ends."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from livetally.alerts import FIRING, OK, decided
from livetally.alerts.deciding import compared
from livetally.definitions import Alert, AlertKind

ABOVE = Alert("a", "app", "m", AlertKind.ABOVE, 10, 5, 60, 60)
BELOW = Alert("b", "app", "m", AlertKind.BELOW, 10, 15, 60, 60)


def states(alert: Alert, values: list[float | None], step_s: float = 1) -> list[str]:
    """Return the state after each value, one second apart."""
    state, pending, found = OK, None, []
    for number, value in enumerate(values):
        state, pending = decided(alert, state, value, pending, number * step_s)
        found.append(state)
    return found


def test_it_begins_beyond_the_bound_and_ends_at_the_clear_value() -> None:
    """Between the two nothing changes: a value that trembles around the bound is one alert."""
    values: list[float | None] = [10, 10.1, 9, 10.1, 6, 5.1, 5, 9, 10, 11]
    expected = [OK, FIRING, FIRING, FIRING, FIRING, FIRING, OK, OK, OK, FIRING]
    assert states(ABOVE, values) == expected
    values = [10, 9.9, 12, 14.9, 15, 11, 10, 9]
    expected = [OK, FIRING, FIRING, FIRING, OK, OK, OK, FIRING]
    assert states(BELOW, values) == expected


def test_a_value_that_is_not_known_changes_nothing() -> None:
    """Neither does it end what has begun, nor begin anything, nor start the wait anew."""
    assert states(ABOVE, [None, 11, None, 4, None]) == [OK, FIRING, FIRING, OK, OK]
    held = msgspec.structs.replace(ABOVE, hold_s=3)
    assert states(held, [11, None, 11, 11]) == [OK, OK, OK, FIRING]


def test_it_waits_as_long_as_it_has_to_hold() -> None:
    """One good value starts the wait anew."""
    held = msgspec.structs.replace(ABOVE, hold_s=3)
    values: list[float | None] = [11, 11, 10, 11, 11, 11, 11]
    assert states(held, values) == [OK, OK, OK, OK, OK, OK, FIRING]


@pytest.mark.parametrize(
    ("kind", "now", "before", "expected"),
    [
        (AlertKind.ABOVE, Decimal("12.5"), None, 12.5),
        (AlertKind.BELOW, None, None, None),
        (AlertKind.RISES, 15, 10, 50.0),
        (AlertKind.RISES, 5, 10, -50.0),
        (AlertKind.FALLS, 5, 10, 50.0),
        (AlertKind.FALLS, -15, -10, 50.0),
        (AlertKind.RISES, 5, 0, None),
        (AlertKind.RISES, 5, None, None),
        (AlertKind.FALLS, None, 5, None),
        (AlertKind.ABOVE, "text", None, None),
    ],
    ids=str,
)
def test_what_is_held_against_the_bound(
    kind: AlertKind, now: Any, before: Any, expected: float | None
) -> None:
    """The value itself, or its change in percent; nothing where either is not known."""
    alert = msgspec.structs.replace(ABOVE, kind=kind)
    assert compared(alert, now, before) == expected
