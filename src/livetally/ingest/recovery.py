"""At start: give the store what only the journal has, and complete the index of identities.

In the flow: run once before the writer's first commit.
Guarantee: afterwards the store has everything that was acknowledged, and the journal holds nothing;
the index knows every stored identity and no other. The events table decides
what is stored; the index is only ever behind it, because it is written after the insert. An index
that is ahead belongs to another table (a backup was put back): it would call events known that are
nowhere stored, so it is made anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import structlog

from livetally.event import content_sums, identity_keys
from livetally.store.events import (
    Encoded,
    Engine,
    StoredIdentity,
    count_by_position,
    insert_encoded,
    last_position,
    read_identities,
)
from livetally.store.identities import IdentityIndex
from livetally.store.journal import Journal

__all__ = ["Part", "Replayed", "recover", "replay", "steps"]

_log = structlog.get_logger("livetally.ingest")

# Bounds the memory of one step: a hundred megabytes or so.
_EVENTS_AT_ONCE = 50_000
# Some seconds of work: who waits for a start sees that it goes on.
_TOLD_EVENTS = 1_000_000


class Part(NamedTuple):
    """Some of the table's events, by key, and up to where nothing of them can still come.

    Where several write, what has a lower position may appear after what has a higher one.
    """

    is_ours: Callable[[bytes], bool]
    complete_to: int


class Replayed(NamedTuple):
    """What came of a replay: events that the store took, and commits that were nowhere."""

    events: int
    missing: int


def replay(journal: Journal, engine: Engine, position_min: int) -> Replayed:
    """Have the store take what only the journal has. Blocks.

    Commits are applied in order, so the store has all up to the last one that it has; and what
    ``position_min`` stands for it had, though it may have been erased since.

    Raises:
        StoreFailed: the journal is damaged, or the store does not take it. What the journal has
            before the damage is in the store.
    """
    has = max(last_position(engine), position_min)
    waiting = _Waiting(engine)
    missing = 0
    try:
        for entry in journal.entries():
            if entry.position <= has:
                continue
            missing += entry.position - has - 1
            has = entry.position
            waiting.add(entry.encoded)
    finally:
        waiting.insert()
    journal.clear()
    if waiting.events:
        _log.info("took events from the journal that the store did not have", events=waiting.events)
    if missing:
        _log.error("acknowledged commits are neither in the store nor in the journal", lost=missing)
    return Replayed(waiting.events, missing)


class _Waiting:
    """Commits that go into the store together."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._group: list[Encoded] = []
        self._rows = 0
        self.events = 0

    def add(self, encoded: Encoded) -> None:
        if self._rows >= _EVENTS_AT_ONCE:
            self.insert()
        self._group.append(encoded)
        self._rows += encoded.rows

    def insert(self) -> None:
        if self._group:
            insert_encoded(self._engine, self._group)
            self.events += self._rows
        self._group, self._rows = [], 0


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
    events = 0
    while complete_to < last:
        for first, until in steps(count_by_position(engine, complete_to)):
            rows = read_identities(engine, first, until)
            _add(index, rows, until, part)
            complete_to = until
            events += len(rows)
            if events >= _TOLD_EVENTS:
                events = 0
                _log.info("reading event ids from the store", position=until, last=last)
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


def _add(index: IdentityIndex, rows: list[StoredIdentity], until: int, part: Part | None) -> None:
    """Add all rows up to a position."""
    by_team: dict[int, list[StoredIdentity]] = {}
    for row in rows:
        by_team.setdefault(row.team, []).append(row)
    keys: list[bytes] = []
    known: list[tuple[int, int]] = []
    for team, group in by_team.items():
        keys += identity_keys(team, [r.source for r in group], [r.id.encode() for r in group])
        sums = content_sums(
            [row.type for row in group],
            [row.occurred_us if row.timed else None for row in group],
            [row.subject for row in group],
            [row.data.encode() for row in group],
        )
        known += zip(sums, [row.position for row in group], strict=True)
    if part is not None:
        ours = [place for place, key in enumerate(keys) if part.is_ours(key)]
        keys, known = [keys[place] for place in ours], [known[place] for place in ours]
        until = min(until, part.complete_to)
    sums_of, positions = np.array(known, np.uint64).reshape(-1, 2).T
    index.record(index.hashed([keys]), sums_of.astype(np.uint32), positions, until)
