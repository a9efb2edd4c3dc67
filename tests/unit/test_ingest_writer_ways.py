"""The one writer: large commits, commits that can't be made, and what fails together.

In the flow: drives ``ingest.Writer`` in the room of ``writer_room``.
Guarantee: each order of events is made by the test.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from livetally.errors import NotCommitted, NotDurable, StoreFailed
from livetally.ingest import Batch, Places, WriterLimits, joined_rows
from livetally.ingest.commits import Receipt
from livetally.store.events import EventRows
from tests.unit.writer_room import WAIT_S, House, batch


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
