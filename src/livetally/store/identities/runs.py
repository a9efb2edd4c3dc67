"""Columns of identities in the order of their hashes: how they are looked up and joined.

In the flow: ``recent`` holds them in memory, ``files`` on disk.
Guarantee: what is found has all 128 bits of the hash that was asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from livetally.event.sums import Sums
from livetally.store.identities.hashing import Bools, Hashed, Places, Words

__all__ = ["NOTHING", "NO_SUMS", "Columns", "Found", "Looking", "Stored", "Sums", "find", "joined"]


class Stored(NamedTuple):
    """What is known of a stored event: the sum of what it says, and its commit's position."""

    content: int
    position: int


class Columns(NamedTuple):
    """Identities in ascending order of ``high``; those at position 0 are known no more."""

    high: Words
    low: Words
    positions: Words
    sums: Sums

    @classmethod
    def of(cls, hashed: Hashed, sums: Sums, positions: int | Words) -> Columns:
        """Return what is said of ``hashed`` by place; a single position is that of all."""
        if isinstance(positions, int):
            positions = np.full(len(sums), positions, np.uint64)
        return cls(hashed.high, hashed.low, positions[hashed.places], sums[hashed.places])

    def only(self, chosen: Bools | slice) -> Columns:
        """Return some of them, in the same order."""
        high, low, positions, sums = self
        return Columns(high[chosen], low[chosen], positions[chosen], sums[chosen])


_NO_WORDS = np.zeros(0, np.uint64)
NO_SUMS = np.zeros(0, np.uint32)
NOTHING = Columns(_NO_WORDS, _NO_WORDS, _NO_WORDS, NO_SUMS)


class Found(NamedTuple):
    """Which of the keys asked for are known, by place; of one place the last one holds."""

    places: Places
    sums: Sums
    positions: Words

    def and_then(self, later: Found) -> Found:
        """Return what is known here, and what ``later`` says."""
        if not len(later.places):
            return self
        return Found(
            np.concatenate([self.places, later.places]),
            np.concatenate([self.sums, later.sums]),
            np.concatenate([self.positions, later.positions]),
        )

    def by_place(self) -> dict[int, Stored]:
        """Return what is known by place."""
        stored = map(Stored, self.sums.tolist(), self.positions.tolist())
        return dict(zip(self.places.tolist(), stored, strict=True))


class Looking(Protocol):
    """What knows identities that were stored before."""

    def hashed(self, parts: Sequence[Sequence[bytes]]) -> Hashed:
        """Return what stands for these keys; places are counted through all parts."""
        ...

    def look_up(self, asked: Hashed) -> Found:
        """Return which of those asked for were stored before. Blocks."""
        ...


def find(columns: Columns, asked: Hashed) -> list[tuple[Places, Places]]:
    """Return the ``(which of those asked for, row)`` that are known, a few at a time."""
    end = len(columns.high)
    rows = np.searchsorted(columns.high, asked.high)
    found: list[tuple[Places, Places]] = []
    which = np.arange(len(asked.high))
    while True:
        inside = rows < end
        which, rows = which[inside], rows[inside]
        alike = columns.high[rows] == asked.high[which]
        which, rows = which[alike], rows[alike]
        if not len(rows):
            return found
        # Another key may share the upper half; one that is known no more may stand before itself.
        same = (columns.low[rows] == asked.low[which]) & (columns.positions[rows] > 0)
        if same.any():
            found.append((which[same], rows[same]))
        which, rows = which[~same], rows[~same] + 1


def joined(parts: Sequence[Columns]) -> Columns:
    """Return the identities of all parts as one; where two are the same, the first comes first."""
    if len(parts) == 1:
        return parts[0]
    high = np.concatenate([part.high for part in parts])
    order = np.argsort(high, kind="stable")
    return Columns(
        high[order],
        np.concatenate([part.low for part in parts])[order],
        np.concatenate([part.positions for part in parts])[order],
        np.concatenate([part.sums for part in parts])[order],
    )
