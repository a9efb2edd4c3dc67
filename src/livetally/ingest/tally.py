"""Adds up what became of a request's items.

In the flow: filled by ``accept`` batch by batch, handed to ``api`` as ``Accepted``.
Guarantee: every item is counted; however many are rejected, only a bounded number is kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from livetally.event import Rejection
from livetally.ingest.commits import Receipt
from livetally.telemetry import EVENTS

__all__ = ["Accepted", "Tally"]


class Accepted(NamedTuple):
    """The fate of a request's items. ``position`` is that of the newest event among them.

    ``conflicts`` and ``rejected`` list the first ones; the totals count all.
    """

    position: int
    stored: int
    duplicates: int
    conflicts: list[int]
    rejected: list[Rejection]
    conflicts_total: int
    rejected_total: int

    @property
    def storable(self) -> int:
        """How many items were not rejected."""
        return self.stored + self.duplicates + self.conflicts_total


class Tally:
    """The sum of several receipts. For one request."""

    def __init__(self, listed_max: int) -> None:
        """Keep at most ``listed_max`` rejections, and as many conflicts."""
        self._listed_max = listed_max
        self._position = 0
        self._duplicates = 0
        self._conflicts: list[int] = []
        self._conflicts_total = 0
        self._rejected: list[Rejection] = []
        self._rejected_total = 0
        self.stored = 0
        self.settled = False
        """Whether the fate of any batch is known."""

    def reject(self, rejected: Sequence[Rejection]) -> None:
        """Count rejections."""
        if not rejected:
            return
        self._rejected_total += len(rejected)
        self._rejected += rejected[: self._listed_max - len(self._rejected)]
        EVENTS.labels("rejected").inc(len(rejected))

    def add(self, receipt: Receipt, conflicts: Sequence[int]) -> None:
        """Count a batch; ``conflicts`` are the request's indexes of those that contradict."""
        self.settled = True
        self._position = max(self._position, receipt.position)
        self.stored += receipt.stored
        self._duplicates += receipt.duplicates + len(receipt.differing) - len(conflicts)
        self._conflicts_total += len(conflicts)
        self._conflicts += conflicts[: self._listed_max - len(self._conflicts)]

    def accepted(self, position: int) -> Accepted:
        """Return the sum; ``position`` stands in where nothing was sent to the writer."""
        return Accepted(
            self._position if self.settled else position,
            self.stored,
            self._duplicates,
            sorted(self._conflicts),
            self._rejected,
            self._conflicts_total,
            self._rejected_total,
        )
