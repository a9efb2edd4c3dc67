"""From when to when there are events: the ends of an open range.

In the flow: told by the writer of every commit, asked by ``plan`` for each open-ended question.
Guarantee: once a request is acknowledged, the extent of its events' types includes them; it is never
narrower than what is stored (after an erasure it may be wider, which adds only empty buckets).

Kept in memory, because finding the ends in the store would cost as much as the question itself.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from livetally.store.events import SLOT_US, Engine, extent

__all__ = ["Extents"]


class Extents:
    """First and last quarter-hour slot of each (team, type). Safe for any thread."""

    def __init__(self, engine: Engine) -> None:
        """Start with nothing known; each pair is read from the store when first asked."""
        self._engine = engine
        self._lock = threading.Lock()
        self._known: dict[tuple[int, str], tuple[int, int] | None] = {}

    def widen(self, touched: dict[tuple[int, str], frozenset[int]]) -> None:
        """Take note of a commit's slots; called before the commit is acknowledged."""
        with self._lock:
            for key, slots in touched.items():
                if key not in self._known:
                    continue
                low, high = min(slots), max(slots)
                known = self._known[key] or (low, high)
                self._known[key] = (min(low, known[0]), max(high, known[1]))

    def of(self, team: int, types: Sequence[str]) -> tuple[int, int] | None:
        """Return start and end (exclusive) of what is stored, microseconds; None when nothing is.

        Blocks the first time it is asked for a type.
        """
        ends = [self._one(team, kind) for kind in types]
        found = [one for one in ends if one is not None]
        if not found:
            return None
        low = min(low for low, _ in found)
        high = max(high for _, high in found)
        return low * SLOT_US, (high + 1) * SLOT_US

    def _one(self, team: int, kind: str) -> tuple[int, int] | None:
        key = (team, kind)
        with self._lock:
            if key in self._known:
                return self._known[key]
            # Read under the lock: a commit that ends meanwhile is then noted after the read.
            ends = extent(self._engine, team, kind)
            slots = (ends[0] // SLOT_US, ends[1] // SLOT_US) if ends else None
            self._known[key] = slots
            return slots
