"""How many requests a key may make: an exact moving window.

In the flow: receives the times of earlier hits and the time now, hands out a verdict; the hits are
kept by ``store.catalog``.
Guarantee: in no span of ``window_us`` microseconds, wherever it starts, are more than ``limit``
hits admitted; who waits ``retry_after_s`` is admitted, unless somebody else was quicker.

A hit at ``t`` counts up to but not including ``t + window_us``. Token buckets and fixed windows
were rejected: both let almost twice the limit through in the first window.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["HITS_MAX", "Admission", "MovingWindow"]

HITS_MAX = 100_000
"""The largest limit: each hit in the window is kept, so this bounds the memory of one key."""

_US_PER_S = 1_000_000


class Admission(NamedTuple):
    """The verdict on one hit."""

    allowed: bool
    remaining: int
    """How many more hits would be admitted right now, after this one."""
    reset_s: int
    """Whole seconds until the next hit leaves the window and makes room."""
    retry_after_s: int
    """Whole seconds to wait before trying again; 0 when allowed."""


@dataclass(frozen=True, slots=True)
class MovingWindow:
    """At most ``limit`` hits (1 to ``HITS_MAX``) in any ``window_us`` microseconds (1 or more)."""

    limit: int
    window_us: int

    def __post_init__(self) -> None:
        """Refuse a window that could never admit anything, or that nobody could keep."""
        if not 1 <= self.limit <= HITS_MAX or self.window_us < 1:
            raise ValueError(f"a window admits 1 to {HITS_MAX} hits in 1 us or more")

    def cutoff_us(self, now_us: int) -> int:
        """Return the instant after which a hit still counts; one exactly then has just left."""
        return now_us - self.window_us

    def admit(self, hits_us: Sequence[int], now_us: int) -> Admission:
        """Judge one more hit at ``now_us`` after the earlier ``hits_us``, which are in order.

        Hits later than ``now_us`` (another machine's clock is ahead) count like all others.
        """
        start = bisect_right(hits_us, self.cutoff_us(now_us))
        counted = len(hits_us) - start
        if counted < self.limit:
            return self.admitted(counted, hits_us[start] if counted else now_us, now_us)
        return self.refused(hits_us[start + counted - self.limit], now_us)

    def admitted(self, counted: int, oldest_us: int, now_us: int) -> Admission:
        """Say yes to a hit when ``counted`` earlier ones are in the window.

        The first of them was at ``oldest_us``; in an empty window that is the new hit itself.
        """
        return Admission(True, self.limit - counted - 1, self._leaves_s(oldest_us, now_us), 0)

    def refused(self, blocking_us: int, now_us: int) -> Admission:
        """Say no until the hit at ``blocking_us``, the ``limit``-th from the end, has left."""
        wait_s = self._leaves_s(blocking_us, now_us)
        return Admission(False, 0, wait_s, wait_s)

    def _leaves_s(self, hit_us: int, now_us: int) -> int:
        return -((now_us - self.window_us - hit_us) // _US_PER_S)
