"""Parts what is new in a commit from what is known already.

In the flow: receives the batches of one commit from the writer, asks ``store.identities``.
Guarantee: of one identity the first event counts, in the order of arrival, within the commit as in
all history; a later one is a duplicate, or differs in its bytes and is left to ``ingest.compare``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple, Protocol

from livetally.ingest.batch import Batch
from livetally.store.identities import Stored

__all__ = ["Differing", "Identities", "Known", "Sorted", "sort_out"]


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

    ``places`` are the rows to store, None for all of them; ``contents`` has the sum of what each
    says, by its key, in an order of its own.
    """

    new: int
    places: list[list[int] | None]
    known: list[Known]
    contents: dict[bytes, int]


_NOTHING = Known((), ())


class Identities(Protocol):
    """What knows identities that were stored before."""

    def look_up(self, keys: Collection[bytes]) -> dict[bytes, Stored]:
        """Return what is known of those ``keys`` that were stored before. Blocks."""
        ...


def sort_out(batches: Sequence[Batch], index: Identities, again: int = 0) -> Sorted:
    """Look every identity of the commit up, in the index and in the commit itself. Blocks.

    Args:
        batches: the commit's.
        index: what is known.
        again: the commit's position if it may have been made before; the events that have it are
            neither new nor known from elsewhere: what was told of them then holds.

    Raises:
        StoreFailed: the index can't be read.
    """
    sums = {key: one for batch in batches for key, one in zip(batch.keys, batch.sums, strict=True)}
    # The index reads and writes them in this order: it need not sort them once more.
    contents = {key: sums[key] for key in sorted(sums)}
    seen = index.look_up(contents)
    count = sum(map(len, batches))
    if not seen and len(contents) == count:
        return Sorted(count, [None] * len(batches), [_NOTHING] * len(batches), contents)
    outcome = Sorted(0, [], [], {})
    for batch in batches:
        places, known = _part(batch, seen, again)
        outcome.places.append(places)
        outcome.known.append(known)
        outcome.contents.update({batch.keys[i]: batch.sums[i] for i in places})
    return outcome._replace(new=len(outcome.contents))


def _part(batch: Batch, seen: dict[bytes, Stored], again: int) -> tuple[list[int], Known]:
    """Part one batch, and add what is new in it to ``seen``."""
    places: list[int] = []
    repeated: list[int] = []
    differing: list[Differing] = []
    for place, (key, content) in enumerate(zip(batch.keys, batch.sums, strict=True)):
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
