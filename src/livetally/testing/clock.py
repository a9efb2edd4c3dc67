"""A clock that moves only when a test says so.

In the flow: receives steps from a test, hands the time to whatever the test builds with it.
Guarantee: nothing but ``advance`` and ``jump_to`` ever changes what it says.
"""

from __future__ import annotations

from livetally.clock import US_PER_S

__all__ = ["ManualClock"]


class ManualClock:
    """A ``Clock`` to be set by hand; starts at 2026-01-01T00:00Z unless told otherwise."""

    def __init__(self, start_us: int = 1_767_225_600 * US_PER_S) -> None:
        """Start at ``start_us``, in microseconds since 1970-01-01T00:00Z."""
        self._now_us = start_us
        self._passed_us = 0

    def now_us(self) -> int:
        """Return the instant that was set, in microseconds since 1970-01-01T00:00Z."""
        return self._now_us

    def monotonic_s(self) -> float:
        """Return the seconds by which the clock has been advanced."""
        return self._passed_us / US_PER_S

    def advance(self, *, s: float = 0, us: int = 0) -> None:
        """Let ``s`` seconds and ``us`` microseconds pass, both zero or more."""
        step_us = round(s * US_PER_S) + us
        if step_us < 0:
            raise ValueError("time passes forwards; jump_to sets the wall clock back")
        self._now_us += step_us
        self._passed_us += step_us

    def jump_to(self, now_us: int) -> None:
        """Set the wall clock to ``now_us`` as an operator may, without any time passing."""
        self._now_us = now_us
