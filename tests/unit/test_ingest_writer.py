"""The one writer: who is answered what, and when.

In the flow: drives ``ingest.Writer`` over a journal, a store and an index in memory.
Guarantee: when the journal and the store answer is under the test's control, so each order of
events can be had.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from typing import Any, cast

import pytest

from livetally.errors import NotCommitted, NotDurable, Overloaded, StoreFailed
from livetally.event import EventLimits, check_limits, decode_lines
from livetally.ingest import Batch, Notice, Places, Schema, Writer, WriterLimits, joined_rows
from livetally.ingest.batch import prepare
from livetally.ingest.commits import Outcome, Receipt
from livetally.store.events import Encoded, Engine, EventRows
from livetally.store.identities import Columns, Hashed, IdentityIndex, Recent, Sums
from livetally.store.identities.hashing import SEED_BYTES, Hasher
from livetally.store.journal import Journal
from livetally.testing import ManualClock

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


def test_what_arrives_during_a_commit_is_the_next_one() -> None:
    """Alone, an event is committed at once; those that come meanwhile share one commit."""
    house = House()
    house.busy()
    for number in range(10):
        house.writer.submit(batch(f"e{number}"), 10, number)
    assert house.outcomes == {}
    house.journal.gate.set()
    assert [house.receipt(number) for number in range(10)] == [Receipt(2, 1, (), ())] * 10
    house.writer.close()
    assert house.journal.rows == [1, 10]
    assert house.groups == [["busy"], list(range(10))]
    assert [(notice.position, notice.events) for notice in house.notices] == [(1, 1), (2, 10)]


def test_a_commit_is_bounded_and_a_large_batch_is_not_cut() -> None:
    """Batches are taken while they fit; one that is larger than a commit is one by itself."""
    house = House(WriterLimits(commit_events_max=4))
    house.busy()
    sizes = [2, 2, 1, 9, 3]
    for token, size in enumerate(sizes):
        ids = [f"{token}-{number}" for number in range(size)]
        house.writer.submit(batch(*ids), 10, token)
    house.journal.gate.set()
    house.writer.close()
    assert house.journal.rows == [1, 4, 1, 9, 3]
    assert [house.receipt(token).position for token in range(5)] == [2, 2, 3, 4, 5]


def test_one_identity_is_stored_once() -> None:
    """In a batch, in the same commit, in a later one: duplicates and differing ones are told."""
    house = House()
    house.busy()
    house.writer.submit(batch("a", "b", "a"), 10, "first")
    house.writer.submit(batch("b", "c"), 10, "second")
    house.writer.submit(batch("a", "d", value=2), 10, "third")
    house.journal.gate.set()
    assert house.receipt("first") == Receipt(2, 2, (2,), ())
    assert house.receipt("second") == Receipt(2, 1, (0,), ())
    third = house.receipt("third")
    assert (third.stored, third.duplicates) == (1, 0)
    assert [(one.place, one.position) for one in third.differing] == [(0, 0)]
    house.writer.submit(batch("a", "b", "c", "d", value=2), 10, "later")
    later = house.receipt("later")
    assert (later.position, later.stored, later.duplicates) == (2, 0, 1)
    assert [(one.place, one.position) for one in later.differing] == [(0, 2), (1, 2), (2, 2)]
    house.writer.close()
    assert house.journal.rows == [1, 4]


def test_nothing_is_acknowledged_after_a_failed_append() -> None:
    """It is unknown what is on disk: those who wait are told so, and nothing more is taken."""
    house = House()
    failed: list[BaseException] = []
    house.writer.on_failure = failed.append
    house.busy()
    house.writer.submit(batch("next"), 10, "next")
    house.journal.error = StoreFailed("fsync failed")
    house.journal.gate.set()
    assert isinstance(house.outcome("busy"), NotDurable)
    assert isinstance(house.outcome("next"), NotDurable)
    house.writer.close()
    assert failed == [house.journal.error]
    assert house.writer.position == 0
    assert house.notices == []
    assert house.index.count == 0
    with pytest.raises(NotDurable):
        house.writer.submit(batch("more"), 10, "more")


def test_a_batch_that_can_not_be_committed_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect that one batch runs into is told to its sender; the others are stored."""

    def fails(batches: Sequence[Batch], places: Places) -> EventRows:
        if any("poison" in one.types for one in batches):
            raise TypeError("unhashable type")
        return joined_rows(batches, places)

    monkeypatch.setattr("livetally.ingest.writer.joined_rows", fails)
    house = House()
    house.busy()
    house.writer.submit(batch("a"), 10, "before")
    house.writer.submit(batch("b", kind="poison"), 10, "poison")
    house.writer.submit(batch("c"), 10, "after")
    house.journal.gate.set()
    assert (house.receipt("before").position, house.receipt("after").position) == (2, 3)
    assert isinstance(house.outcome("poison"), NotCommitted)
    house.writer.submit(batch("b"), 10, "later")
    assert house.receipt("later").stored == 1
    house.writer.close()
    assert house.writer.failure is None


def test_a_large_commit_goes_straight_into_the_store() -> None:
    """After all that was acknowledged before it; it is answered when the store has it."""
    house = House(WriterLimits(straight_events_min=3))
    house.store.gate.clear()
    house.writer.start()
    house.writer.submit(batch("a", "b"), 10, "small")
    assert house.receipt("small").position == 1
    house.writer.submit(batch("c", "d", "e"), 10, "large")
    assert house.journal.entered.acquire(timeout=WAIT_S)
    assert not house.journal.entered.acquire(timeout=0.05)
    assert "large" not in house.outcomes
    house.store.gate.set()
    assert house.receipt("large") == Receipt(2, 3, (), ())
    house.writer.submit(batch("c", "f"), 10, "after")
    assert house.receipt("after") == Receipt(3, 1, (0,), ())
    house.writer.close()
    assert (house.journal.rows, house.store.rows) == ([2, 1], [2, 3, 1])
    assert [(one.position, one.events) for one in house.notices] == [(1, 2), (2, 3), (3, 1)]


def test_a_large_commit_that_fails_is_not_acknowledged() -> None:
    """Neither it nor what waits behind it; what was acknowledged before stays so."""
    house = House(WriterLimits(straight_events_min=3))
    failed: list[BaseException] = []
    house.writer.on_failure = failed.append
    house.writer.start()
    house.writer.submit(batch("a"), 10, "small")
    assert house.receipt("small").position == 1
    assert house.store.entered.acquire(timeout=WAIT_S)
    house.store.error = StoreFailed("the disk is full")
    house.writer.submit(batch("c", "d", "e"), 10, "large")
    assert isinstance(house.outcome("large"), NotDurable)
    house.writer.close()
    assert failed == [house.store.error]
    assert house.writer.acknowledged == 1
    assert house.index.count == 1


def test_everybody_is_told_when_store_and_journal_fail() -> None:
    """Of one disk that is full both fail, one a moment after the other."""
    house = House()
    failed: list[BaseException] = []
    house.writer.on_failure = failed.append
    house.store.gate.clear()
    house.writer.start()
    house.writer.submit(batch("stored"), 10, "stored")
    assert house.receipt("stored").stored == 1
    assert house.store.entered.acquire(timeout=WAIT_S)
    assert house.journal.entered.acquire(timeout=WAIT_S)
    house.journal.gate.clear()
    house.writer.submit(batch("in hand"), 10, "in hand")
    assert house.journal.entered.acquire(timeout=WAIT_S)
    house.writer.submit(batch("waits"), 10, "waits")
    house.store.error = house.journal.error = StoreFailed("the disk is full")
    house.store.gate.set()
    assert isinstance(house.outcome("waits"), NotDurable)
    house.journal.gate.set()
    assert isinstance(house.outcome("in hand"), NotDurable)
    house.writer.close()
    assert len(failed) == 1


def test_an_identity_is_remembered_only_after_it_is_stored() -> None:
    """While it is being appended, the index does not know the event."""
    house = House()
    house.busy()
    assert house.index.count == 0
    house.journal.gate.set()
    house.receipt("busy")
    house.writer.close()
    assert house.index.count == 1


def test_what_is_settled_is_known_to_the_index(monkeypatch: pytest.MonkeyPatch) -> None:
    """An erasure takes rows up to there away: their ids must be there to be forgotten."""
    house, gate = House(), threading.Event()
    record = house.index.record

    def slow(*told: Any) -> None:
        assert gate.wait(WAIT_S)
        record(*told)

    monkeypatch.setattr(house.index, "record", slow)
    house.writer.start()
    house.writer.submit(batch("one"), 10, "one")
    assert house.receipt("one").position == 1
    known: list[tuple[int, int]] = []
    asking = threading.Thread(
        target=lambda: known.append((house.writer.settled(), house.index.count))
    )
    asking.start()
    asking.join(0.1)
    assert not known
    gate.set()
    asking.join(WAIT_S)
    assert known == [(1, 1)]
    house.writer.close()


@pytest.mark.parametrize(
    "limits",
    [WriterLimits(waiting_events_max=3), WriterLimits(waiting_bytes_max=300)],
    ids=["events", "bytes"],
)
def test_the_queue_is_bounded(limits: WriterLimits) -> None:
    """What does not fit is refused as overload, nothing of it taken; an admitted one is taken."""
    house = House(limits)
    house.busy()
    house.writer.submit(batch("a", "b"), 200, "fits")
    with pytest.raises(Overloaded) as caught:
        house.writer.submit(batch("c", "d"), 200, "too much")
    assert caught.value.retry_after_s > 0
    house.writer.submit(batch("e", "f"), 200, "admitted", admitted=True)
    assert house.writer.waiting_events == 4
    house.journal.gate.set()
    house.receipt("admitted")
    house.writer.submit(batch("c", "d"), 200, "again")
    assert house.receipt("again").stored == 2
    house.writer.close()
    assert "too much" not in house.outcomes


def test_a_batch_of_any_size_is_taken_by_an_idle_writer() -> None:
    """The bound is on what waits behind others, not on one request."""
    house = House(WriterLimits(waiting_events_max=1, waiting_bytes_max=1))
    house.writer.start()
    house.writer.submit(batch("a", "b", "c"), 1000, "large")
    assert house.receipt("large").stored == 3
    house.writer.close()


def test_closing_commits_what_waits() -> None:
    """Everything taken before is answered as stored; nothing is taken after."""
    house = House()
    house.busy()
    house.writer.submit(batch("a"), 10, "waits")
    closing = threading.Thread(target=house.writer.close)
    closing.start()
    house.journal.gate.set()
    closing.join(WAIT_S)
    assert house.receipt("waits").stored == 1
    with pytest.raises(NotDurable):
        house.writer.submit(batch("b"), 10, "late")


def test_a_commit_of_nothing_new_keeps_the_position() -> None:
    """A retry of everything is answered at the position where it is, without a commit."""
    house = House()
    house.writer.start()
    house.writer.submit(batch("a"), 10, 1)
    house.receipt(1)
    house.writer.submit(batch("a", "a"), 10, 2)
    assert house.receipt(2) == Receipt(1, 0, (0, 1), ())
    house.writer.close()
    assert house.journal.rows == [1]
    assert len(house.notices) == 1
