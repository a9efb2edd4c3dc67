"""Answers that are still true, so that the same question costs nothing.

In the flow: asked by ``run`` before the store is, told of every commit before it is acknowledged.
Guarantee: exact. An answer is kept until a commit touches a time slot of an event type that it
counts in, and not stored at all when such a commit came while it was computed; so whoever has seen
an acknowledgement never gets an answer without it.

Bounded by rows, not by answers, because one can hold a hundred thousand; the least recently used go
first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Hashable, Mapping
from typing import NamedTuple

from livetally.query.answer import Answer
from livetally.store.events import SLOT_US

__all__ = ["AnswerCache", "Scope", "slot_of"]

_Touched = Mapping[tuple[int, str], frozenset[int]]
_Ranges = dict[tuple[int, str], tuple[int, int]]

# What an answer costs beside its rows; so there are at most 5,000 of them.
_ANSWER_COST = 100
# An answer that took longer than so many commits to compute is not kept.
_NOTICES_KEPT = 512


class Scope(NamedTuple):
    """What an answer depends on: event types of a team, from slot to slot (None: without end).

    ``until_us`` is when it ends to be true without any commit: the next bucket of an open range.
    """

    team: int
    types: frozenset[str]
    first_slot: int | None
    last_slot: int | None
    until_us: int | None = None

    def meets(self, ranges: _Ranges) -> bool:
        """Tell whether a commit that touched these first to last slots may change the answer."""
        for (team, kind), (first, last) in ranges.items():
            if team != self.team or kind not in self.types:
                continue
            after = self.first_slot is None or last >= self.first_slot
            if after and (self.last_slot is None or first <= self.last_slot):
                return True
        return False


class _Entry(NamedTuple):
    answer: Answer
    scope: Scope


class AnswerCache:
    """The answers that are still true. Safe for any thread; never waits for the store."""

    def __init__(self, position: int, rows_max: int = 500_000) -> None:
        """Keep answers of up to ``rows_max`` rows together; ``position`` is the last commit."""
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._notices: deque[tuple[int, _Ranges]] = deque(maxlen=_NOTICES_KEPT)
        self._rows = 0
        self._rows_max = rows_max
        self._noted = position
        self._cleared = 0

    @property
    def noted(self) -> int:
        """The last commit that was taken note of."""
        return self._noted

    @property
    def rows(self) -> int:
        """How many rows are kept, an answer counting 100 more than it has."""
        return self._rows

    def mark(self) -> tuple[int, int]:
        """Return what ``put`` needs to know about the moment before the answer was computed."""
        with self._lock:
            return self._noted, self._cleared

    def get(self, key: Hashable, now_us: int) -> Answer | None:
        """Return the answer if it is still true, with the position up to which it is."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            if entry.scope.until_us is not None and now_us >= entry.scope.until_us:
                self._drop(key)
                return None
            self._entries.move_to_end(key)
            position = max(self._noted, entry.answer.position)
            return entry.answer._replace(position=position)

    def put(self, key: Hashable, answer: Answer, scope: Scope, mark: tuple[int, int]) -> None:
        """Keep an answer unless a commit touched it since ``mark``, or it is too large."""
        cost = len(answer.rows) + _ANSWER_COST
        with self._lock:
            if mark[1] != self._cleared or cost > self._rows_max // 4:
                return
            if self._noted - mark[0] > len(self._notices):
                return
            if any(at > mark[0] and scope.meets(ranges) for at, ranges in self._notices):
                return
            if key in self._entries:
                self._drop(key)
            self._entries[key] = _Entry(answer, scope)
            self._rows += cost
            while self._rows > self._rows_max:
                self._drop(next(iter(self._entries)))

    def note(self, position: int, touched: _Touched) -> None:
        """Forget what a commit touched; called before the commit is acknowledged."""
        ranges = {kind: (min(slots), max(slots)) for kind, slots in touched.items()}
        with self._lock:
            self._notices.append((position, ranges))
            self._noted = position
            for key in [k for k, entry in self._entries.items() if entry.scope.meets(ranges)]:
                self._drop(key)

    def clear(self) -> None:
        """Forget everything: events were erased."""
        with self._lock:
            self._entries.clear()
            self._rows = 0
            self._cleared += 1

    def _drop(self, key: Hashable) -> None:
        self._rows -= len(self._entries.pop(key).answer.rows) + _ANSWER_COST


def slot_of(instant_us: int | None) -> int | None:
    """Return the slot that an instant lies in; None stays None."""
    return None if instant_us is None else instant_us // SLOT_US
