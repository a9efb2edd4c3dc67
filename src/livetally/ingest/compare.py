"""Tells a retry that is only spelled differently from an event that contradicts the stored one.

In the flow: called by ``accept`` for the few events whose identity is known but whose bytes differ;
reads the stored ones through the writer.
Guarantee: decides the word in the answer only, after the commit; never what is stored. Bounded: of
one batch at most ``COMPARED_MAX`` are compared, a part of them at a time; the others count as
conflicts.

CloudEvents extension attributes are not compared: a trace's context differs with every attempt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from livetally.event import says_the_same
from livetally.ingest.batch import Batch
from livetally.ingest.dedupe import Differing
from livetally.store.events import StoredIdentity

__all__ = ["COMPARED_MAX", "ReadBack", "conflicting"]

COMPARED_MAX = 50_000
# As many stored events are in memory at a time.
_AT_ONCE = 1000

ReadBack = Callable[[int, Sequence[tuple[bytes, int]]], list[StoredIdentity]]
"""Reads the events of a team by ``(id, position)``. Blocks."""


def conflicting(batch: Batch, differing: Sequence[Differing], read_back: ReadBack) -> list[int]:
    """Return the places of those events that say something else than the stored ones. Blocks."""
    conflicts: list[int] = []
    for first in range(0, min(len(differing), COMPARED_MAX), _AT_ONCE):
        some = differing[first : first + _AT_ONCE]
        wanted = [(batch.ids[one.place], one.position) for one in some]
        stored = {(row.source, row.id): row for row in read_back(batch.team, wanted)}
        conflicts += [one.place for one in some if not _agree(batch, one.place, stored)]
    return conflicts + [one.place for one in differing[COMPARED_MAX:]]


def _agree(batch: Batch, place: int, stored: dict[tuple[str, str], StoredIdentity]) -> bool:
    row = stored.get((batch.sources[place], batch.ids[place].decode()))
    if row is None or row.type != batch.types[place] or row.subject != batch.subjects[place]:
        return False
    if bool(row.timed) != batch.timed[place]:
        return False
    if row.timed and row.occurred_us != batch.occurred_us[place]:
        return False
    return says_the_same(row.data.encode(), batch.data[place])
