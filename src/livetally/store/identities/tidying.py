"""Which runs are to become one, and the filter of all of them.

In the flow: asked by ``index``, on a thread of its own.
Guarantee: however many identities there are, the runs are some three of each size, and an identity
is written anew once for each time that the set has grown fourfold.
"""

from __future__ import annotations

from collections.abc import Sequence

from livetally.store.identities.files import Run
from livetally.store.identities.filters import Filter

__all__ = ["entries_of", "filter_of", "first_to_join"]

# A run is joined with the newer ones when they have at least half as many, and there are enough.
_RATIO = 2
_JOINED_MIN = 4


def first_to_join(runs: Sequence[Run]) -> int | None:
    """Return from which run on all are to become one, None when they are few."""
    if not runs:
        return None
    first = len(runs) - 1
    newer = runs[first].count
    while first and runs[first - 1].count <= _RATIO * newer:
        first -= 1
        newer += runs[first].count
    return first if len(runs) - first >= _JOINED_MIN else None


def entries_of(runs: Sequence[Run]) -> int:
    """Return how many identities the runs have."""
    return sum(run.count for run in runs)


def filter_of(runs: Sequence[Run], entries: int) -> Filter:
    """Return a filter of what the runs have, with room for so many at least. Blocks.

    Raises:
        Damaged: a run is not in order.
    """
    made = Filter(max(entries, entries_of(runs)))
    for run in runs:
        for high in run.highs():
            made.add(high)
    return made
