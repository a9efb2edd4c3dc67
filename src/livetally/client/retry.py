"""How long to wait before trying again, and when to stop trying.

In the flow: asked by ``exchange`` and ``watching`` after each failure.
Guarantee: never sooner than the server asks with Retry-After; many clients that failed together
don't come back together; no wait is longer than the budget that is left.

``stamina`` does the same for functions that do the input and output themselves; here the wait must
also end when a client is closed, and the same rules serve threads and event loops.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import NamedTuple

from livetally.clock import Clock
from livetally.errors import LivetallyError

__all__ = ["Patience", "Retry"]

_DOUBLINGS_MAX = 30
_BROKEN_MAX = 5


class Retry(NamedTuple):
    """Waits double from ``first_s`` to ``most_s``, in seconds; each is cut by chance."""

    first_s: float = 0.1
    most_s: float = 30.0

    def delay_s(self, attempt: int, asked_s: float | None, chance: float) -> float:
        """Return the wait before the next attempt, in seconds.

        Args:
            attempt: how many have failed before this one.
            asked_s: what the server asks for, if it does; chance is added, never taken away.
            chance: from 0 to 1.

        Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 (full jitter).
        """
        ceiling_s = min(self.most_s, self.first_s * 2.0 ** min(attempt, _DOUBLINGS_MAX))
        return (asked_s or 0.0) + chance * ceiling_s


class Patience:
    """The failures of one task so far, and how many more it bears. Used by one task at a time."""

    def __init__(
        self,
        retry: Retry,
        clock: Clock,
        budget_s: float = math.inf,
        chance: Callable[[], float] = random.random,
    ) -> None:
        """Give up ``budget_s`` seconds from now; infinity never gives up."""
        self._retry = retry
        self._clock = clock
        self._ends_s = clock.monotonic_s() + budget_s
        self._chance = chance
        self._failed = 0
        self._broken = 0

    def now_us(self) -> int:
        """Return the instant, in microseconds since 1970 UTC."""
        return self._clock.now_us()

    def succeeded(self) -> None:
        """Forget the failures: the next one is a first one."""
        self._failed = self._broken = 0

    def may_be_broken(self) -> bool:
        """Count a failure that may be the request's own fault; tell whether to try again."""
        self._broken += 1
        return self._broken <= _BROKEN_MAX

    def pause_s(self, failure: LivetallyError, asked_s: float | None = None) -> float:
        """Return how long to wait after ``failure``, in seconds.

        Raises:
            LivetallyError: ``failure`` itself, when the wait would outlast the budget.
        """
        delay_s = self._retry.delay_s(self._failed, asked_s, self._chance())
        self._failed += 1
        if self._clock.monotonic_s() + delay_s > self._ends_s:
            raise failure
        return delay_s
