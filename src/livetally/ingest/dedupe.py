"""Parts what is new in a commit from what is known already.

In the flow: receives the batches of one commit from the writer, asks ``store.identities``.
Guarantee: of one identity the first event counts, in the order of arrival, within the commit as in
all history; a later one is a duplicate, or differs in its bytes and is left to ``ingest.compare``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from livetally.ingest.batch import Batch, listed
from livetally.store.identities import NO_SUMS, Hashed, Looking, Stored, Sums

__all__ = ["Differing", "Known", "Sorted", "sort_out"]


class Differing(NamedTuple):
    """An event whose identity was stored with other bytes, by its ``place`` in the batch.

    ``position`` is the earlier event's, 0 when that is of the same commit.
    """

    place: int
    position: int


class Known(NamedTuple):
    """What of one batch was known, by place: with the same content, and with other bytes."""

    repeated: tuple[int, ...]
    differing: tuple[Differing, ...]


class Sorted(NamedTuple):
    """The outcome for a commit, one entry for each batch in ``places`` and ``known``.

    ``places`` are the rows to store, None for all of them; ``hashed`` stands for their identities,
    by place in all batches together, and ``sums`` are what all events say.
    """

    new: int
    places: list[list[int] | None]
    known: list[Known]
    hashed: Hashed
    sums: Sums


_NOTHING = Known((), ())


def sort_out(batches: Sequence[Batch], index: Looking, again: int = 0) -> Sorted:
    """Look every identity of the commit up, in the index and in the commit itself. Blocks.

    Args:
        batches: the commit's.
        index: what is known.
        again: the commit's position if it may have been made before; the events that have it are
            neither new nor known from elsewhere: what was told of them then holds.

    Raises:
        StoreFailed: the index can't be read.
    """
    # A message that only has ids forgotten has no batch.
    sums = np.concatenate([NO_SUMS, *(np.asarray(batch.sums, np.uint32) for batch in batches)])
    hashed = index.hashed([batch.keys for batch in batches])
    found = index.look_up(hashed)
    if not len(found.places) and not hashed.repeats:
        whole: list[list[int] | None] = [None] * len(batches)
        return Sorted(len(sums), whole, [_NOTHING] * len(batches), hashed, sums)
    keys = [key for batch in batches for key in batch.keys]
    seen = {keys[place]: stored for place, stored in found.by_place().items()}
    places: list[list[int] | None] = []
    known: list[Known] = []
    new: list[int] = []
    start = 0
    for batch in batches:
        fresh, word = _part(batch, seen, again)
        places.append(fresh)
        known.append(word)
        new += [start + place for place in fresh]
        start += len(batch)
    return Sorted(len(new), places, known, hashed.among(new), sums)


def _part(batch: Batch, seen: dict[bytes, Stored], again: int) -> tuple[list[int], Known]:
    """Part one batch, and add what is new in it to ``seen``."""
    places: list[int] = []
    repeated: list[int] = []
    differing: list[Differing] = []
    for place, (key, content) in enumerate(zip(batch.keys, listed(batch.sums), strict=True)):
        earlier = seen.get(key)
        if earlier is None:
            seen[key] = Stored(content, 0)
            places.append(place)
        elif again and earlier == (content, again):
            seen[key] = Stored(content, 0)
        elif earlier.content == content:
            repeated.append(place)
        else:
            differing.append(Differing(place, earlier.position))
    return places, Known(tuple(repeated), tuple(differing))
