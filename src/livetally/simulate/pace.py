"""When an event is due, in a run that may begin in the past and go faster than time.

In the flow: asked by the command that sends, for each event.
Guarantee: no event is due before it has happened; what lies in the past is due at once, or, with a
speed, as much sooner as that says.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from operator import attrgetter

from livetally.simulate.scenario import Simulated

__all__ = ["Pace", "merged"]

_US = 1_000_000


class Pace:
    """Turns instants of the simulation into instants of the clock."""

    def __init__(self, start_us: int, now_us: int, speed: float | None) -> None:
        """Begin a run.

        Args:
            start_us: where the simulation begins.
            now_us: when the run begins.
            speed: how much faster than time the past passes; None: at once.
        """
        self._start_us = start_us
        self._now_us = now_us
        self._speed = speed

    def due_us(self, occurred_us: int) -> int:
        """Return when an event is due, by the clock."""
        if self._speed is None:
            return occurred_us
        replayed_us = self._now_us + int((occurred_us - self._start_us) / self._speed)
        return max(occurred_us, replayed_us)

    def wait_s(self, occurred_us: int, now_us: int) -> float:
        """Return the seconds until an event is due; 0 when it is."""
        return max(0, self.due_us(occurred_us) - now_us) / _US


def merged(streams: Iterable[Iterator[Simulated]]) -> Iterator[Simulated]:
    """Join streams into one, in order of time."""
    return heapq.merge(*streams, key=attrgetter("occurred_us"))
