"""The one writer: who is answered what, and when.

In the flow: drives ``ingest.Writer`` in the room of ``writer_room``.
Guarantee: each order of events is made by the test.
"""

from __future__ import annotations

import threading
from typing import Any

import pytest

from livetally.errors import NotDurable, Overloaded, StoreFailed
from livetally.ingest import WriterLimits
from livetally.ingest.commits import Receipt
from tests.unit.writer_room import WAIT_S, House, batch


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
