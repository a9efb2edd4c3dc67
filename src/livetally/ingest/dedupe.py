"""Parts what is new in a commit from what is known already.

In the flow: receives the batches of one commit from the writer, asks ``store.identities``.
Guarantee: of one identity the first event counts, in the order of arrival, within the commit as in
all history; a later one is a duplicate, or a conflict when it says something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from livetally.ingest.batch import Batch
from livetally.store.identities import IdentityIndex

__all__ = ["Known", "Sorted", "sort_out"]


class Known(NamedTuple):
    """What of one batch was known: how many the same, and the request indexes that differ."""

    duplicates: int
    conflicts: tuple[int, ...]


class Sorted(NamedTuple):
    """The outcome for a commit, one entry for each batch in ``places`` and ``known``.

    ``places`` are the rows to store, None for all of them; ``keys`` and ``sums`` are theirs.
    """

    new: int
    places: list[list[int] | None]
    known: list[Known]
    keys: list[bytes]
    sums: list[int]


_NOTHING = Known(0, ())


def sort_out(batches: Sequence[Batch], index: IdentityIndex) -> Sorted:
    """Look every identity of the commit up, in the index and in the commit itself. Blocks."""
    keys = [key for batch in batches for key in batch.keys]
    sums = [content for batch in batches for content in batch.sums]
    stored = index.look_up(keys)
    if stored.count(None) == len(keys) == len(set(keys)):
        return Sorted(len(keys), [None] * len(batches), [_NOTHING] * len(batches), keys, sums)
    first: dict[bytes, int] = {}
    outcome = Sorted(0, [], [], [], [])
    start = 0
    for batch in batches:
        places: list[int] = []
        duplicates = 0
        conflicts: list[int] = []
        for i in range(len(batch)):
            key, content = keys[start + i], sums[start + i]
            earlier = stored[start + i]
            earlier = first.get(key) if earlier is None else earlier
            if earlier is None:
                first[key] = content
                places.append(i)
            elif earlier == content:
                duplicates += 1
            else:
                conflicts.append(batch.indexes[i])
        start += len(batch)
        outcome.places.append(places)
        outcome.known.append(Known(duplicates, tuple(conflicts)))
        outcome.keys.extend(batch.keys[i] for i in places)
        outcome.sums.extend(batch.sums[i] for i in places)
    return outcome._replace(new=len(outcome.keys))
