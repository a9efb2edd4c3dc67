"""A writer over a journal, a store and an index in memory.

In the flow: opened by the tests of the one writer.
Guarantee: when the journal and the store answer is under the test's control, so each order of
events can be had.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from typing import Any, cast

from livetally.event import EventLimits, check_limits, decode_lines
from livetally.ingest import Batch, Notice, Schema, Writer, WriterLimits
from livetally.ingest.batch import prepare
from livetally.ingest.commits import Outcome, Receipt
from livetally.store.events import Encoded, Engine
from livetally.store.identities import Columns, Hashed, IdentityIndex, Recent, Sums
from livetally.store.identities.hashing import SEED_BYTES, Hasher
from livetally.store.journal import Journal
from livetally.testing import ManualClock

__all__ = ["WAIT_S", "House", "batch"]

WAIT_S = 20


class Gated:
    """Something that waits for ``gate`` and fails while ``error`` is set."""

    def __init__(self) -> None:
        """Begin willing and at once."""
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.error: Exception | None = None

    def pass_through(self) -> None:
        """Wait, and fail if so."""
        self.entered.release()
        assert self.gate.wait(WAIT_S)
        if self.error:
            raise self.error


class FakeJournal(Gated):
    """Notes how many rows were appended."""

    def __init__(self) -> None:
        """Begin empty."""
        super().__init__()
        self.rows: list[int] = []
        self.is_empty = True

    def append(self, _position: int, encoded: Encoded) -> None:
        """Take a commit."""
        self.pass_through()
        self.rows.append(encoded.rows)
        self.is_empty = False

    def let_go(self, _position: int) -> None:
        """Keep it all the same."""

    def clear(self) -> None:
        """Hold nothing."""
        self.is_empty = True

    def close(self) -> None:
        """Leave it as it is."""


class FakeStore(Gated):
    """Notes how many rows were inserted."""

    text_length_max = 1_000

    def __init__(self) -> None:
        """Begin empty."""
        super().__init__()
        self.rows: list[int] = []

    def insert(self, _table: str, _columns: Sequence[str], block: bytes, *_: str) -> None:
        """Take a block; its second number is that of its rows (all tests stay below 128)."""
        self.pass_through()
        self.rows.append(block[1])

    def read(self, _sql: str, _parameters: object = None) -> list[list[int]]:
        """Say that nothing is stored yet."""
        return [[0]]


class FakeIndex(Recent):
    """Remembers in memory."""

    complete_to = 0
    hashed = Hasher(random.Random(1).randbytes(SEED_BYTES)).hashed

    def record(
        self, new: Hashed, sums: Sums, positions: int, _complete_to: int | None = None
    ) -> None:
        """Remember."""
        self.add(Columns.of(new, sums, positions))


class House:
    """A writer with everything around it."""

    def __init__(self, limits: WriterLimits | None = None) -> None:
        """Build it; the writer is not started."""
        self.journal = FakeJournal()
        self.store = FakeStore()
        self.index = FakeIndex()
        self.outcomes: dict[Any, Outcome] = {}
        self.groups: list[list[Any]] = []
        self.answered = threading.Condition()
        self.notices: list[Notice] = []
        self.writer = Writer(
            cast("Engine", self.store),
            cast("IdentityIndex", self.index),
            ManualClock(),
            limits or WriterLimits(),
            self.deliver,
            cast("Journal", self.journal),
        )
        self.writer.listen(self.notices.append)

    def deliver(self, outcomes: list[tuple[Any, Outcome]]) -> None:
        """Note who was answered together."""
        with self.answered:
            self.groups.append([token for token, _ in outcomes])
            self.outcomes.update(outcomes)
            self.answered.notify_all()

    def outcome(self, token: Any) -> Outcome:
        """Wait for the answer to ``token``."""
        with self.answered:
            assert self.answered.wait_for(lambda: token in self.outcomes, WAIT_S)
            return self.outcomes[token]

    def receipt(self, token: Any) -> Receipt:
        """Wait for the answer to ``token``, which must be good."""
        outcome = self.outcome(token)
        assert isinstance(outcome, Receipt)
        return outcome

    def busy(self) -> None:
        """Send one event and return when the journal is at it and will stay there."""
        self.journal.gate.clear()
        self.writer.start()
        self.writer.submit(batch("busy"), 10, "busy")
        assert self.journal.entered.acquire(timeout=WAIT_S)


def batch(*ids: str, value: int = 1, kind: str = "a") -> Batch:
    """Return a batch of events with these ids."""
    lines = [f'{{"type":"{kind}","id":"{i}","data":{{"v":{value}}}}}' for i in ids]
    decoded = decode_lines("\n".join(lines).encode())
    within = check_limits(decoded.events, decoded.indexes, EventLimits(), 0)
    return prepare(1, within, Schema(), 0)[0]
