"""Batches become messages: cut to size, by partition, and put together again.

In the flow: used by ``log_writer``, and by ``storing`` to know what is its own.
Guarantee: every event of a batch is in exactly one part; a batch has its outcome when the last of
its parts has.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple
from zlib import crc32

from livetally.cluster.frames import Known
from livetally.errors import NotDurable
from livetally.ingest import Batch, Differing, Outcome, Receipt

__all__ = ["MESSAGE_EVENTS_MAX", "Part", "Work", "cut", "halves", "partition_of"]

MESSAGE_EVENTS_MAX = 5_000
_MESSAGE_BYTES_MAX = 4 * 1024 * 1024  # before it is compressed


def partition_of(key: bytes, partitions: int) -> int:
    """Return where an identity belongs: the same place on every machine and in every version."""
    return crc32(key) % partitions


class Work:
    """A batch on its way: in one message, or in several."""

    def __init__(self, batch: Batch, size_bytes: int, token: Any) -> None:
        """Nothing is known of any of its events yet."""
        self.batch = batch
        self.size_bytes = size_bytes
        self.token = token
        self.left = 0
        self._position = 0
        self._repeated: list[int] = []
        self._differing: list[Differing] = []
        self._failed: NotDurable | None = None

    def done(self, part: Part, position: int, known: Known | None) -> bool:
        """Take what became of a part; tell whether it was the last one."""
        self._position = max(self._position, position)
        if known is not None:
            at = range(len(self.batch)) if part.places is None else part.places
            self._repeated += [at[place] for place in known.repeated]
            self._differing += [
                Differing(at[place], earlier or position) for place, earlier in known.differing
            ]
        self.left -= 1
        return not self.left

    def failed(self, error: NotDurable) -> bool:
        """Note that a part is not known to be stored; tell whether it was the last one."""
        self._failed = error
        self.left -= 1
        return not self.left

    def outcome(self) -> Outcome:
        """Return what became of the batch, after its last part."""
        if self._failed is not None:
            return self._failed
        stored = len(self.batch) - len(self._repeated) - len(self._differing)
        repeated, differing = tuple(sorted(self._repeated)), tuple(sorted(self._differing))
        return Receipt(self._position, stored, repeated, differing)


class Part(NamedTuple):
    """Some events of a batch, by place; None for all of them."""

    work: Work
    places: Sequence[int] | None

    @property
    def events(self) -> int:
        """How many they are."""
        return len(self.work.batch) if self.places is None else len(self.places)


def cut(waiting: deque[Work], partitions: int) -> list[tuple[int, list[Part]]]:
    """Take what waits, up to the size of a message; return each partition's messages."""
    taken: list[Work] = []
    events = size_bytes = 0
    while waiting and (
        not taken
        or (
            events + len(waiting[0].batch) <= MESSAGE_EVENTS_MAX
            and size_bytes + waiting[0].size_bytes <= _MESSAGE_BYTES_MAX
        )
    ):
        work = waiting.popleft()
        taken.append(work)
        events += len(work.batch)
        size_bytes += work.size_bytes
    by_partition: dict[int, list[Part]] = {}
    for work in taken:
        for partition, part in _parts_of(work, partitions):
            by_partition.setdefault(partition, []).append(part)
            work.left += 1
    return [
        (partition, group)
        for partition, parts in sorted(by_partition.items())
        for group in _grouped(parts)
    ]


def _parts_of(work: Work, partitions: int) -> list[tuple[int, Part]]:
    whole = len(work.batch)
    if partitions == 1 and whole <= MESSAGE_EVENTS_MAX:
        return [(0, Part(work, None))]
    places: list[list[int]] = [[] for _ in range(partitions)]
    if partitions == 1:
        places[0] = list(range(whole))
    else:
        for place, key in enumerate(work.batch.keys):
            places[partition_of(key, partitions)].append(place)
    step = MESSAGE_EVENTS_MAX
    return [
        (partition, Part(work, chosen[start : start + step]))
        for partition, chosen in enumerate(places)
        for start in range(0, len(chosen), step)
    ]


def _grouped(parts: list[Part]) -> list[list[Part]]:
    """Part what is too much for one message."""
    groups: list[list[Part]] = [[]]
    events = 0
    for part in parts:
        if groups[-1] and events + part.events > MESSAGE_EVENTS_MAX:
            groups.append([])
            events = 0
        groups[-1].append(part)
        events += part.events
    return groups


def halves(parts: list[Part]) -> list[list[Part]]:
    """Part a message that is too long into two.

    Raises:
        NotDurable: it is one event.
    """
    if len(parts) > 1:
        middle = len(parts) // 2
        return [parts[:middle], parts[middle:]]
    work, places = parts[0]
    at = list(range(len(work.batch))) if places is None else list(places)
    if len(at) == 1:
        raise NotDurable("An event is too long for a message of the log: raise its max_payload.")
    work.left += 1
    middle = len(at) // 2
    return [[Part(work, at[:middle])], [Part(work, at[middle:])]]
