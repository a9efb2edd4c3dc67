"""Decoded events, and chunks of whole lines, become batches.

In the flow: asked by ``accept``; hands events to ``batch`` and lines that are alike to ``alike``.
Guarantee: every item of a chunk is in one batch or rejected; of two with the same identity the
first one is in front. Whether lines were read by columns or one by one makes no difference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from livetally.clock import Clock
from livetally.event import Decoded, EventLimits, Rejection, check_limits, decode_lines
from livetally.event.alike import alike_lines, may_be_alike
from livetally.event.bulk import Ints
from livetally.ingest.alike import batch_of
from livetally.ingest.batch import Batch, Schema, prepare

__all__ = ["Preparing", "ReadChunk"]

_SKIPPED_MAX = 31


class ReadChunk(NamedTuple):
    """What became of a chunk: batches to store, what is wrong with the others, how many items."""

    batches: list[Batch]
    rejected: list[Rejection]
    items: int


class _Tries:
    """How often to try to read a team's lines by columns: the more seldom the more were in vain."""

    def __init__(self) -> None:
        self._in_vain = 0
        self._skipped = 0

    @property
    def is_worth_one(self) -> bool:
        """Whether to try now."""
        if self._skipped >= self._in_vain:
            self._skipped = 0
            return True
        self._skipped += 1
        return False

    def note(self, *, success: bool) -> None:
        """Remember how a try went."""
        self._in_vain = 0 if success else min(2 * self._in_vain + 1, _SKIPPED_MAX)


class Preparing:
    """Makes batches. Safe for any thread."""

    def __init__(
        self, clock: Clock, schema_of: Callable[[int], Schema], limits: EventLimits
    ) -> None:
        """Check by ``limits``, and by what a team has declared, which ``schema_of`` gives."""
        self._clock = clock
        self._schema_of = schema_of
        self._limits = limits
        self._tries: dict[int, _Tries] = {}

    def decoded(self, team: int, decoded: Decoded) -> tuple[Batch, list[Rejection]]:
        """Make the batch of decoded events."""
        now_us = self._clock.now_us()
        within = check_limits(decoded.events, decoded.indexes, self._limits, now_us)
        batch, wrong = prepare(team, within, self._schema_of(team), now_us)
        return batch, sorted([*decoded.rejected, *within.rejected, *wrong])

    def lines(self, team: int, chunk: bytes, first_index: int) -> ReadChunk:
        """Make the batches of a chunk of whole lines, the first of which has this index."""
        read = None
        if may_be_alike(chunk):
            tries = self._tries.setdefault(team, _Tries())
            if tries.is_worth_one:
                read = self._by_columns(team, chunk, first_index)
                tries.note(success=read is not None)
        return read or self._one_by_one(team, decode_lines(chunk, first_index))

    def _one_by_one(self, team: int, decoded: Decoded) -> ReadChunk:
        batch, rejected = self.decoded(team, decoded)
        return ReadChunk([batch] if len(batch) else [], rejected, decoded.items)

    def _by_columns(self, team: int, chunk: bytes, first_index: int) -> ReadChunk | None:
        """Read the lines that are alike by columns and the others one by one; None for all such."""
        found = alike_lines(chunk)
        if found is None:
            return None
        groups, others = found
        now_us, schema = self._clock.now_us(), self._schema_of(team)
        batches: list[Batch] = []
        for group in groups:
            batch = batch_of(team, group, schema, self._limits, now_us, first_index)
            if batch is None:
                others = np.concatenate([others, group.lines])
            else:
                batches.append(batch)
        if not batches:
            return None
        items = sum(map(len, batches))
        rejected: list[Rejection] = []
        if len(others):
            rest = self._one_by_one(team, _decoded(chunk, np.sort(others), first_index))
            batches += rest.batches
            rejected, items = rest.rejected, items + rest.items
        if len(batches) > 1 and _share_an_identity(batches):
            return None  # the order of the lines says which of them counts
        return ReadChunk(batches, rejected, items)


def _decoded(chunk: bytes, numbers: Ints, first_index: int) -> Decoded:
    """Decode the lines with these numbers, none of which is blank."""
    lines = chunk.split(b"\n")
    decoded = decode_lines(b"\n".join([lines[number] for number in numbers]) + b"\n")
    indexes = (numbers + first_index).tolist()
    return Decoded(
        decoded.events,
        [indexes[place] for place in decoded.indexes],
        [one._replace(index=indexes[one.index]) for one in decoded.rejected],
    )


def _share_an_identity(batches: list[Batch]) -> bool:
    keys = {key for batch in batches for key in batch.keys}
    return len(keys) < sum(map(len, batches))
