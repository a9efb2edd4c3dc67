"""The moving window against a model that counts by hand, and against another implementation.

In the flow: hypothesis draws waits and limits; the window, the model and the oracle judge each hit.
Guarantee: the window's verdicts are exact, in every number it gives.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import limits.storage.memory
import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from livetally.tenancy import MovingWindow

US_PER_S = 1_000_000

windows = st.builds(MovingWindow, st.integers(1, 6), st.integers(1, 5 * US_PER_S))
waits_us = st.lists(
    st.one_of(st.integers(0, 3), st.integers(0, 2 * US_PER_S), st.just(US_PER_S)), max_size=60
)
starts_us = st.integers(-(10**15), 10**16)


def counted(hits: list[int], window: MovingWindow, now_us: int) -> int:
    """Return how many hits are in the window, one by one."""
    return sum(1 for hit in hits if now_us - hit < window.window_us)


def admitted_hits(window: MovingWindow, start_us: int, waits: list[int]) -> list[int]:
    """Return the times of the hits that the window admits."""
    hits: list[int] = []
    now_us = start_us
    for wait in waits:
        now_us += wait
        if window.admit(hits, now_us).allowed:
            hits.append(now_us)
    return hits


@given(windows, starts_us, waits_us)
def test_verdicts_equal_counting_by_hand(
    window: MovingWindow, start_us: int, waits: list[int]
) -> None:
    """A hit is admitted exactly when fewer than the limit are in the window."""
    hits: list[int] = []
    now_us = start_us
    for wait in waits:
        now_us += wait
        before = counted(hits, window, now_us)
        verdict = window.admit(hits, now_us)
        assert verdict.allowed is (before < window.limit)
        if verdict.allowed:
            hits.append(now_us)
        assert verdict.remaining == window.limit - counted(hits, window, now_us)


@given(windows, starts_us, waits_us)
def test_no_window_holds_more_than_the_limit(
    window: MovingWindow, start_us: int, waits: list[int]
) -> None:
    """Wherever a window is laid over the admitted hits, it holds no more than the limit."""
    hits = admitted_hits(window, start_us, waits)
    for hit in hits:
        assert sum(hit <= later < hit + window.window_us for later in hits) <= window.limit


@given(windows, starts_us, waits_us, st.integers(1, 6))
def test_waiting_as_told_is_enough_and_needed(
    window: MovingWindow, start_us: int, waits: list[int], lowered: int
) -> None:
    """Who was refused is admitted after Retry-After, and not a whole second before it."""
    hits = admitted_hits(window, start_us, waits)
    now_us = start_us + sum(waits)
    asked = MovingWindow(min(lowered, window.limit), window.window_us)
    verdict = asked.admit(hits, now_us)
    if verdict.allowed:
        assert verdict.retry_after_s == 0
        return
    assert verdict.reset_s == verdict.retry_after_s >= 1
    then_us = now_us + verdict.retry_after_s * US_PER_S
    assert asked.admit(hits, then_us).allowed
    assert not asked.admit(hits, then_us - US_PER_S).allowed


@given(windows, starts_us, waits_us)
def test_reset_says_when_room_grows(window: MovingWindow, start_us: int, waits: list[int]) -> None:
    """After the seconds in reset there is more room than after this hit, and not before."""
    hits = admitted_hits(window, start_us, waits)
    now_us = start_us + sum(waits)
    verdict = window.admit(hits, now_us)
    if not verdict.allowed:
        return
    hits.append(now_us)
    then_us = now_us + verdict.reset_s * US_PER_S
    in_use = counted(hits, window, now_us)
    assert counted(hits, window, then_us) < in_use
    assert counted(hits, window, then_us - US_PER_S) == in_use


@given(st.integers(1, 6), st.lists(st.integers(0, 300), max_size=60))
def test_same_verdicts_as_the_oracle(limit: int, waits: list[int]) -> None:
    """The ``limits`` library, an independent implementation, admits the same hits.

    Times are multiples of 3/64 s, exact as floats, and 10 s is none: the two differ about a hit
    that is exactly one window old, which is refused there although waiting as told by it.
    """
    ticks = 0
    with pytest.MonkeyPatch.context() as patched:
        now = SimpleNamespace(time=lambda: 1_800_000_000 + ticks / 64)
        patched.setattr(limits.storage.memory, "time", now)
        oracle = MovingWindowRateLimiter(_WithoutTimer())
        item = RateLimitItemPerSecond(limit, 10)
        window = MovingWindow(limit, 10 * US_PER_S)
        hits: list[int] = []
        for wait in waits:
            ticks += 3 * wait
            now_us = ticks * US_PER_S // 64
            verdict = window.admit(hits, now_us)
            assert verdict.allowed is oracle.hit(item, "key")
            assert verdict.remaining == oracle.get_window_stats(item, "key").remaining
            if verdict.allowed:
                hits.append(now_us)


class _WithoutTimer(MemoryStorage):
    """Keeps what has left the window: a thread that sweeps would look at the patched time."""

    def __init__(self) -> None:
        super().__init__()
        self.timer.join()
        self.timer: Any = SimpleNamespace(is_alive=lambda: True)
