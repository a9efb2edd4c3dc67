"""Identities that are in memory, because they are new.

In the flow: filled by ``index`` with every commit, and by who stores several messages at a time.
Guarantee: knows everything that was added; adding costs about as much for each however many there
are: sorted parts are joined eight at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from livetally.store.identities.hashing import Hashed
from livetally.store.identities.runs import Columns, Found, find, joined

__all__ = ["Recent", "gathered"]

_JOINED_AT_ONCE = 8


class Recent:
    """A set of identities. One thread adds; others may look it up between two additions."""

    def __init__(self) -> None:
        """Know nothing."""
        self._levels: list[list[Columns]] = []
        self.count = 0
        self.times = 0
        """How often something was added."""

    def __iter__(self) -> Iterator[Columns]:
        """Return the parts, older ones first."""
        for level in reversed(self._levels):
            yield from level

    def add(self, columns: Columns) -> None:
        """Know these too."""
        self.times += 1
        if not len(columns.high):
            return
        self.count += len(columns.high)
        for level in self._levels:
            level.append(columns)
            if len(level) < _JOINED_AT_ONCE:
                return
            columns = joined(level)
            level.clear()
        self._levels.append([columns])

    def look_up(self, asked: Hashed) -> Found:
        """Return what is known of those asked for."""
        return gathered(self, asked)


def gathered(parts: Iterable[Columns], asked: Hashed) -> Found:
    """Return what the parts know of those asked for; what later ones know comes later."""
    places = [asked.places[:0]]
    sums, positions = [np.zeros(0, np.uint32)], [asked.high[:0]]
    for part in parts:
        for which, rows in find(part, asked):
            places.append(asked.places[which])
            sums.append(part.sums[rows])
            positions.append(part.positions[rows])
    return Found(np.concatenate(places), np.concatenate(sums), np.concatenate(positions))
