"""From when to when there are events: the ends of an open range.

In the flow: told of every commit, asked by ``evaluate`` for each question.
Guarantee: once a request is acknowledged, the extent of its events' types includes them; it is
never narrower than what is stored (after an erasure it may be wider, which adds only empty
buckets). Noting a commit never waits for the store.

Kept in memory, because finding the ends in the store would cost as much as the question itself.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from livetally.store.events import SLOT_US, Engine, extent

__all__ = ["Extents"]

_Slots = tuple[int, int] | None
_Kind = tuple[int, str]


class Extents:
    """First and last quarter-hour slot of each (team, type). Safe for any thread."""

    def __init__(self, engine: Engine) -> None:
        """Start with nothing known; each pair is read from the store when first asked."""
        self._engine = engine
        self._lock = threading.Lock()
        # What is stored, and what was committed while it is being read for the first time.
        self._known: dict[_Kind, _Slots] = {}
        self._meanwhile: dict[_Kind, _Slots] = {}

    def widen(self, touched: Mapping[_Kind, frozenset[int]]) -> None:
        """Take note of a commit's slots; called before the commit is acknowledged."""
        with self._lock:
            for kind, slots in touched.items():
                for noted in (self._known, self._meanwhile):
                    if kind in noted:
                        noted[kind] = _joined(noted[kind], (min(slots), max(slots)))

    def of(self, team: int, types: Sequence[str]) -> tuple[int, int] | None:
        """Return start and end (exclusive) of what is stored, microseconds; None when nothing is.

        Blocks the first time it is asked for a type.
        """
        found: _Slots = None
        for kind in types:
            found = _joined(found, self._one((team, kind)))
        return (found[0] * SLOT_US, (found[1] + 1) * SLOT_US) if found else None

    def _one(self, kind: _Kind) -> _Slots:
        with self._lock:
            if kind in self._known:
                return self._known[kind]
            self._meanwhile.setdefault(kind, None)
        ends = extent(self._engine, *kind)
        stored = (ends[0] // SLOT_US, ends[1] // SLOT_US) if ends else None
        with self._lock:
            # Another thread may have read it too; whoever comes second only widens.
            noted = _joined(self._meanwhile.pop(kind, None), self._known.get(kind))
            self._known[kind] = _joined(stored, noted)
            return self._known[kind]


def _joined(one: _Slots, other: _Slots) -> _Slots:
    if one is None or other is None:
        return one or other
    return min(one[0], other[0]), max(one[1], other[1])
