"""How long a client waits before it tries again, and when it gives up."""

from __future__ import annotations

import pytest

from livetally.client.failures import Unreachable, retry_after_s
from livetally.client.retry import Patience, Retry
from livetally.testing.clock import ManualClock

FAILURE = Unreachable("http://here", "gone")


def test_waits_double_up_to_the_longest_one() -> None:
    """With the worst chance, the waits are 0.1, 0.2, 0.4 … and never over the most."""
    retry = Retry(first_s=0.1, most_s=1.0)
    waits = [retry.delay_s(attempt, None, 1.0) for attempt in range(6)]
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.8, 1.0, 1.0])
    assert retry.delay_s(10_000, None, 1.0) == 1.0


def test_chance_keeps_clients_apart() -> None:
    """Half the chance is half the wait."""
    assert Retry(first_s=0.1, most_s=9).delay_s(3, None, 0.5) == pytest.approx(0.4)


def test_a_wait_is_never_shorter_than_what_the_server_asks_for() -> None:
    """Chance is added to Retry-After."""
    retry = Retry(first_s=0.1, most_s=1.0)
    assert retry.delay_s(0, 7.0, 0.0) == 7.0
    assert retry.delay_s(0, 7.0, 1.0) == pytest.approx(7.1)


def test_patience_grows_with_each_failure_and_starts_anew_after_a_success() -> None:
    """A success makes the next failure a first one."""
    patience = Patience(Retry(0.1, 9.0), ManualClock(), chance=lambda: 1.0)
    assert [patience.pause_s(FAILURE) for _ in range(3)] == pytest.approx([0.1, 0.2, 0.4])
    patience.succeeded()
    assert patience.pause_s(FAILURE) == pytest.approx(0.1)


def test_patience_ends_before_a_wait_that_would_outlast_its_budget() -> None:
    """The failure itself is raised, and no time is spent on a wait that can't help."""
    clock = ManualClock()
    patience = Patience(Retry(1.0, 1.0), clock, budget_s=2.5, chance=lambda: 1.0)
    for _ in range(2):
        clock.advance(s=patience.pause_s(FAILURE))
    with pytest.raises(Unreachable):
        patience.pause_s(FAILURE)


def test_a_request_that_may_break_the_server_is_tried_a_few_times_only() -> None:
    """An answer 500 is retried five times."""
    patience = Patience(Retry(), ManualClock())
    assert [patience.may_be_broken() for _ in range(6)] == [True] * 5 + [False]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Thu, 01 Jan 2026 00:00:30 GMT", 30.0),
        ("Wed, 31 Dec 2025 00:00:00 GMT", 0.0),
        ("soon", None),
        ("", None),
        ("-3", None),
    ],
    ids=str,
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    """Both forms of RFC 9110 are read; anything else is as if it were not there."""
    now_us = ManualClock().now_us()
    assert retry_after_s({"retry-after": text}, now_us) == seconds
