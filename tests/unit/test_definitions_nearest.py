"""Which name is suggested for one that does not exist.

In the flow: names one by one.
Guarantee: a suggestion is one that a person could have meant, and is found in bounded time.
"""

from __future__ import annotations

import pytest

from livetally.definitions import nearest
from livetally.definitions.problems import Problems

NAMES = ["departures", "mean_departure_delay", "cancellations", "aircraft"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("departure", "departures"),
        ("DEPARTURES", "departures"),
        ("aircrafts", "aircraft"),
        ("mean_delay", None),
        ("xyz", None),
        ("", None),
        ("d" * 101, None),
    ],
)
def test_nearest_name(name: str, found: str | None) -> None:
    """Alike in letters and length, or none."""
    assert nearest(name, NAMES) == found


def test_how_alike_can_be_chosen() -> None:
    """A stricter measure finds fewer."""
    assert nearest("tasp", ["taps"], 0.7) == "taps"
    assert nearest("tasp", ["taps"], 0.85) is None


def test_candidates_are_bounded() -> None:
    """After a thousand of similar length no more are compared."""
    many = [f"name{number:05}" for number in range(1_001)]
    assert nearest("namexxxx1000", [*many[:1_000], "namexxxx100x"]) != "namexxxx100x"
    assert nearest("namexxxx1000", ["namexxxx100x", *many]) == "namexxxx100x"


def test_suggestions_are_bounded() -> None:
    """The first fifty mistakes get one; the rest are still listed."""
    problems = Problems()
    for number in range(60):
        problems.unknown((number,), "metric", "departure", NAMES)
    reasons = [problem.reason for problem in problems.located({})]
    assert len(reasons) == 60
    assert sum("did you mean 'departures'?" in reason for reason in reasons) == 50
