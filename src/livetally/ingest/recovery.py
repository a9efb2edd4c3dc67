"""At start: find the last position, and complete the index of identities from the events table.

In the flow: run once by the writer before its first commit.
Guarantee: afterwards the index knows every stored identity and no other. The events table decides
what is stored; the index is only ever behind it, because it is written after the insert. An index
that is ahead belongs to another table (a backup was put back): it would call events known that are
nowhere stored, so it is made anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from livetally.event import content_sums, identity_keys
from livetally.store.events import (
    Engine,
    StoredIdentity,
    count_by_position,
    last_position,
    read_identities,
)
from livetally.store.identities import IdentityIndex

__all__ = ["Part", "recover", "steps"]

# Bounds the memory of one step: a hundred megabytes or so.
_EVENTS_AT_ONCE = 50_000


class Part(NamedTuple):
    """Some of the table's events, by key, and up to where nothing of them can still come.

    Where several write, what has a lower position may appear after what has a higher one.
    """

    is_ours: Callable[[bytes], bool]
    complete_to: int


def recover(
    engine: Engine,
    index: IdentityIndex,
    position_min: int = 0,
    part: Part | None = None,
) -> int:
    """Complete ``index`` and return the last durable position (0 in a new store). Blocks.

    Args:
        engine: the store.
        index: what is completed.
        position_min: a position that was told before its events were erased: never told again.
        part: what of the table this index is to know; None for all of it.

    Raises:
        StoreFailed: the table or the index can't be read or written.
    """
    last = last_position(engine)
    if index.complete_to > max(last, position_min):
        index.forget_all()
    complete_to = index.complete_to
    while complete_to < last:
        for first, until in steps(count_by_position(engine, complete_to)):
            _add(index, read_identities(engine, first, until), part)
            complete_to = until
    index.flush()
    return max(last, position_min)


def steps(
    counts: Iterable[tuple[int, int]], events_max: int = _EVENTS_AT_ONCE
) -> Iterator[tuple[int, int]]:
    """Cut ``(position, events)`` into inclusive ranges of a bounded number of events."""
    first = until = events = 0
    for position, count in counts:
        if events and events + count > events_max:
            yield first, until
            events = 0
        first = first if events else position
        until = position
        events += count
    if events:
        yield first, until


def _add(index: IdentityIndex, rows: list[StoredIdentity], part: Part | None) -> None:
    """Add rows in the order of their positions, each commit as it was made."""
    for position, commit in groupby(rows, attrgetter("position")):
        known: dict[bytes, int] = {}
        by_team: dict[int, list[StoredIdentity]] = {}
        for row in commit:
            by_team.setdefault(row.team, []).append(row)
        for team, group in by_team.items():
            keys = identity_keys(team, [r.source for r in group], [r.id.encode() for r in group])
            sums = content_sums(
                [row.type for row in group],
                [row.occurred_us if row.timed else None for row in group],
                [row.subject for row in group],
                [row.data.encode() for row in group],
            )
            known.update(zip(keys, sums, strict=True))
        complete_to = position
        if part is not None:
            known = {key: content for key, content in known.items() if part.is_ours(key)}
            complete_to = min(position, part.complete_to)
        index.record(known, position, complete_to)
