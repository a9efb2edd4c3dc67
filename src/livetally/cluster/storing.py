"""Messages of one partition become rows: new parted from known, one insert for a group of them.

In the flow: driven by ``loader``; uses what the writer of one machine uses.
Guarantee: what is new in a message follows from the messages before it alone, so every process
makes the same rows of it; an insert is repeated under the same name until it is certain.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from livetally.cluster.ahead import Numbered
from livetally.cluster.frames import Known, Message
from livetally.cluster.parts import partition_of
from livetally.ingest import (
    Batch,
    Part,
    Places,
    Sorted,
    joined_rows,
    recover,
    sort_out,
    touched_slots,
)
from livetally.store.events import Engine, existing_columns, insert_rows
from livetally.store.identities import Columns, Found, Hashed, IdentityIndex, Recent

__all__ = ["Done", "Ready", "Storing"]


class Done(NamedTuple):
    """What became of a message."""

    position: int
    stored: int
    touched: list[tuple[int, str, list[int]]]
    known: list[Known]


class _Sorted(NamedTuple):
    """A message, its batches, and what is new in them."""

    position: int
    batches: list[Batch]
    parted: Sorted


class Ready(NamedTuple):
    """A group of messages that has only to be inserted."""

    messages: list[_Sorted]

    @property
    def new(self) -> int:
        """How many rows that are."""
        return sum(one.parted.new for one in self.messages)

    @property
    def token(self) -> str:
        """What the insert is called, whoever makes it."""
        return f"{self.messages[0].position}-{self.messages[-1].position}"


class Storing:
    """Stores one partition. Blocks; one thread at a time."""

    def __init__(
        self,
        engine: Engine,
        index: IdentityIndex,
        partition: int,
        partitions: int,
        position_min: Callable[[], int],
    ) -> None:
        """Store into ``engine``; ``index`` is of this partition alone."""
        self._engine = engine
        self._index = index
        self._partition = partition
        self._partitions = partitions
        self._position_min = position_min
        self._columns: frozenset[str] = frozenset()
        self.repeats_until = 0
        """Messages up to here may be in the store already."""
        self.uncertain = True
        """Whether an insert of the next message may have been tried, here or by another process."""

    def recover(self, done: int) -> None:
        """Bring the index of identities up to what is stored; to be called before anything else.

        Args:
            done: up to where everything of the partition is in the store, for certain. What is
                seen beyond that may have gaps: an insert that is under way, other partitions.
        """
        self.uncertain = True
        part = Part(self._is_ours, done)
        self.repeats_until = recover(self._engine, self._index, self._position_min(), part)
        self._columns = frozenset(existing_columns(self._engine))

    def forget(self, message: Message, done: int) -> None:
        """Know the identities no more that a message says; ``done`` as for ``recover``."""
        if message.anew:
            self._index.forget_all()
            self.recover(done)
        self._index.forget(message.forget)

    def ready(self, group: Sequence[Numbered]) -> Ready:
        """Part what is new from what is known, message by message."""
        known = _Overlay(self._index)
        messages: list[_Sorted] = []
        for position, message in group:
            batches = self._restored(message)
            # What has this position is of an earlier try, and neither new nor a duplicate.
            parted = sort_out(batches, known, position)
            known.add(parted, position)
            messages.append(_Sorted(position, batches, parted))
        return Ready(messages)

    def insert(self, ready: Ready) -> None:
        """Insert what is new; raises what the engine raises, and may be called again."""
        batches = [batch for one in ready.messages for batch in one.batches]
        places: Places = [chosen for one in ready.messages for chosen in one.parted.places]
        positions: list[int] = []
        for one in ready.messages:
            positions += [one.position] * one.parted.new
        rows = joined_rows(batches, places)
        again, self.uncertain = self.uncertain, True
        token = f"{self._partition}-{ready.token}"
        insert_rows(self._engine, rows, positions, token, again=again)
        self.uncertain = False

    def record(self, ready: Ready) -> list[Done]:
        """Remember what is stored now, and return what became of each message."""
        for one in ready.messages:
            if one.parted.new:
                self._index.record(one.parted.hashed, one.parted.sums, one.position)
        return [self._done(one) for one in ready.messages]

    def _done(self, one: _Sorted) -> Done:
        position, batches, parted = one
        touched: list[tuple[int, str, list[int]]] = []
        repeated = position <= self.repeats_until
        if parted.new or repeated:
            # Who has stored it before may not have said so: then all of it counts as touched.
            places: Places = [None] * len(batches) if repeated else parted.places
            found = touched_slots(batches, places)
            touched = [(team, kind, sorted(slots)) for (team, kind), slots in found.items()]
        known: list[Known] = []
        if any(word.repeated or word.differing for word in parted.known):
            known = [
                Known(list(word.repeated), [(d.place, d.position) for d in word.differing])
                for word in parted.known
            ]
        return Done(position, parted.new, touched, known)

    def _is_ours(self, key: bytes) -> bool:
        return partition_of(key, self._partitions) == self._partition

    def _restored(self, message: Message) -> list[Batch]:
        """Return the batches with those columns only that the store has by now."""
        batches = [Batch.restored(kept) for kept in message.batches]
        mentioned = {name for batch in batches for name in batch.declared}
        if not mentioned <= self._columns:
            self._columns = frozenset(existing_columns(self._engine))
        for batch in batches:
            batch.declared = {
                name: field for name, field in batch.declared.items() if name in self._columns
            }
            batch.fields = {
                name: values for name, values in batch.fields.items() if name in self._columns
            }
        return batches


class _Overlay:
    """The index, and what the messages of a group before this one have that it has not yet."""

    def __init__(self, index: IdentityIndex) -> None:
        self._index = index
        self._added = Recent()

    def hashed(self, parts: Sequence[Sequence[bytes]]) -> Hashed:
        return self._index.hashed(parts)

    def look_up(self, asked: Hashed) -> Found:
        return self._index.look_up(asked).and_then(self._added.look_up(asked))

    def add(self, parted: Sorted, position: int) -> None:
        self._added.add(Columns.of(parted.hashed, parted.sums, position))
