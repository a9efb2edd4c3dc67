"""Time that never goes back, and time that a test sets.

In the flow: gives ``SystemClock`` a wall clock made of a list, as an operator's corrections would.
Guarantee: every reading is written out by hand.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from time import monotonic

import pytest

from livetally.clock import Clock, SystemClock
from livetally.testing.clock import ManualClock


def test_wall_clock_is_told_in_microseconds() -> None:
    """Nanoseconds are cut to microseconds, also before 1970."""
    readings = iter([-1_500, -1_500, 1_999])
    clock = SystemClock(lambda: next(readings))
    assert [clock.now_us(), clock.now_us()] == [-2, 1]


def test_time_is_held_while_the_wall_clock_is_behind() -> None:
    """A wall clock set back holds the time still, and how far it is behind can be read."""
    readings = iter(us * 1_000 for us in [100, 100, 70, 90, 99, 100, 101])
    clock = SystemClock(lambda: next(readings))
    told = [(clock.now_us(), clock.jumped_back_us) for _ in range(6)]
    assert told == [(100, 0), (100, 30), (100, 10), (100, 1), (100, 0), (101, 0)]


def test_threads_never_see_time_go_back() -> None:
    """However many threads read, each sees time stand or pass, and no jump is reported."""
    clock = SystemClock()

    def read(_: int) -> list[int]:
        return [clock.now_us() for _ in range(2_000)]

    with ThreadPoolExecutor(4) as threads:
        for readings in threads.map(read, range(4)):
            assert all(earlier <= later for earlier, later in pairwise(readings))


def test_monotonic_seconds_pass() -> None:
    """The time that has passed comes from the system's monotonic clock."""
    before = monotonic()
    assert before <= SystemClock().monotonic_s() <= monotonic()


def test_manual_clock_moves_only_when_told() -> None:
    """Advancing moves both times by the same step; setting the wall clock moves only that one."""
    clock = ManualClock(start_us=1_000)
    clock.advance(s=1.5, us=7)
    assert (clock.now_us(), clock.monotonic_s()) == (1_501_007, 1.500007)
    clock.jump_to(-5)
    assert (clock.now_us(), clock.monotonic_s()) == (-5, 1.500007)
    with pytest.raises(ValueError, match="forwards"):
        clock.advance(s=-1)


def test_both_are_clocks() -> None:
    """Each of the two can stand where a ``Clock`` is asked for."""
    clocks: list[Clock] = [SystemClock(), ManualClock()]
    assert all(isinstance(clock.now_us(), int) for clock in clocks)
