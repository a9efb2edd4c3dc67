"""The time of day and the time that has passed, as one small thing a test can replace.

In the flow: receives readings from the operating system, hands UTC microseconds to every room.
Guarantee: what ``now_us`` returns never goes back, whatever is done to the machine's clock.
"""

from __future__ import annotations

import time
from threading import Lock
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["US_PER_S", "Clock", "SystemClock"]

US_PER_S = 1_000_000
_NS_PER_US = 1_000


class Clock(Protocol):
    """What a room may ask about time."""

    def now_us(self) -> int:
        """Return the instant, in microseconds since 1970-01-01T00:00Z."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds since some fixed moment: only differences mean anything."""
        ...


class SystemClock:
    """The machine's clock, held still while the wall clock is behind what was already told.

    Safe to use from any thread; never blocks for longer than another thread's reading.
    """

    def __init__(self, wall_ns: Callable[[], int] = time.time_ns) -> None:
        """Read the wall clock from ``wall_ns``: nanoseconds since 1970-01-01T00:00Z."""
        self._wall_ns = wall_ns
        self._lock = Lock()
        self._told_us = wall_ns() // _NS_PER_US
        self._behind_us = 0

    @property
    def jumped_back_us(self) -> int:
        """How far the wall clock was behind the time told, at the last reading; 0 is healthy."""
        return self._behind_us

    def now_us(self) -> int:
        """Return the instant, in microseconds since 1970-01-01T00:00Z; never less than before."""
        # Read and compare under one lock: two threads that overtake each other between the two
        # would look like a clock that jumps back.
        with self._lock:
            wall_us = self._wall_ns() // _NS_PER_US
            behind_us = self._told_us - wall_us
            if behind_us > 0:
                self._behind_us = behind_us
                return self._told_us
            self._behind_us = 0
            self._told_us = wall_us
            return wall_us

    def monotonic_s(self) -> float:
        """Return seconds since some fixed moment, unmoved by changes of the wall clock."""
        return time.monotonic()
