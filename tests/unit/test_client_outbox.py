"""Events that wait to be sent: when a batch is due, and what bounds it."""

from __future__ import annotations

from typing import Any

from livetally.client.delivery import CONFLICT, Receipt, Rejection
from livetally.client.outbox import Outbox, OutboxLimits
from livetally.client.outgoing import Outgoing
from livetally.errors import Unauthenticated


def event(number: int, size: int = 0) -> Outgoing:
    """Return an event with an id of its own and at least ``size`` bytes."""
    return Outgoing(f"e{number}", b'{"id":"e%d","pad":"%s"}' % (number, b"x" * size))


def box(**limits: Any) -> Outbox:
    """Return an empty outbox with these limits."""
    return Outbox(OutboxLimits()._replace(**limits))


def test_an_event_is_due_when_it_has_waited_long_enough() -> None:
    """The oldest event decides, not the newest."""
    outbox = box(delay_s_max=0.5)
    assert outbox.wait_s(0.0) is None
    outbox.offer(event(1), 10.0)
    outbox.offer(event(2), 10.4)
    assert outbox.wait_s(10.4) == 10.0 + 0.5 - 10.4
    assert outbox.wait_s(11.0) == 0.0


def test_a_full_batch_is_due_at_once() -> None:
    """By the number of events, or by their bytes."""
    by_count = box(batch_events_max=2, delay_s_max=60)
    by_bytes = box(batch_bytes_max=100, delay_s_max=60)
    for number in range(2):
        by_count.offer(event(number), 0.0)
        by_bytes.offer(event(number, 60), 0.0)
    assert by_count.wait_s(0.0) == 0.0
    assert by_bytes.wait_s(0.0) == 0.0
    assert len(by_count.take()) == 2
    assert len(by_bytes.take()) == 1


def test_a_batch_keeps_the_order_and_its_bounds() -> None:
    """Events leave first in, first out."""
    outbox = box(batch_events_max=3)
    for number in range(7):
        outbox.offer(event(number), 0.0)
    taken = [[one.id for one in outbox.take()] for _ in range(3)]
    assert taken == [["e0", "e1", "e2"], ["e3", "e4", "e5"], ["e6"]]
    assert outbox.wait_s(0.0) is None


def test_what_is_on_its_way_counts_against_the_buffer_until_it_is_settled() -> None:
    """A server that does not answer fills the buffer; an answer makes room."""
    outbox = box(waiting_events_max=2)
    assert outbox.offer(event(1), 0.0)
    assert outbox.offer(event(2), 0.0)
    batch = outbox.take()
    assert not outbox.offer(event(3), 0.0)
    outbox.settle(batch, Receipt(1, 2, 0))
    assert outbox.offer(event(3), 0.0)


def test_the_buffer_is_bounded_in_bytes_but_takes_a_large_event_alone() -> None:
    """Otherwise an event larger than the bound could never be sent."""
    outbox = box(waiting_bytes_max=100)
    assert outbox.offer(event(1, 500), 0.0)
    assert not outbox.offer(event(2), 0.0)
    outbox.settle(outbox.take(), Receipt(1, 1, 0))
    assert outbox.offer(event(2), 0.0)


def test_bytes_that_are_acknowledged_make_room() -> None:
    """Those of the batch that was settled, and no others."""
    outbox = box(waiting_bytes_max=250, batch_events_max=1)
    assert outbox.offer(event(1, 80), 0.0)
    assert outbox.offer(event(2, 80), 0.0)
    assert not outbox.offer(event(3, 80), 0.0)
    outbox.settle(outbox.take(), Receipt(1, 1, 0))
    assert outbox.offer(event(3, 80), 0.0)
    assert not outbox.offer(event(4, 80), 0.0)


def test_flushing_makes_everything_due_and_knows_when_it_is_done() -> None:
    """What comes after the flush does not hold it up."""
    outbox = box(delay_s_max=60, batch_events_max=1)
    outbox.offer(event(1), 0.0)
    outbox.offer(event(2), 0.0)
    mark = outbox.hurry()
    outbox.offer(event(3), 0.0)
    for reached in (False, True):
        batch = outbox.take()
        outbox.settle(batch, Receipt(1, 1, 0))
        assert outbox.reached(mark) is reached
    assert outbox.unsettled == 1


def test_after_a_flush_events_wait_for_others_again() -> None:
    """Hurrying concerns only what was there."""
    outbox = box(delay_s_max=60)
    outbox.offer(event(1), 0.0)
    outbox.hurry()
    assert outbox.wait_s(0.0) == 0.0
    outbox.take()
    outbox.offer(event(2), 1.0)
    assert outbox.wait_s(1.0) == 60.0


def test_what_the_server_did_not_take_comes_back_with_its_event() -> None:
    """Rejections and conflicts name the event, the field and the reason."""
    outbox = box()
    for number in range(4):
        outbox.offer(event(number), 0.0)
    receipt = Receipt(1, 2, 0, conflicts=(1,), rejected=(Rejection(3, "data.n", "odd"),))
    refused = outbox.settle(outbox.take(), receipt)
    assert [(one.event["id"], one.field, one.error) for one in refused] == [
        ("e1", "id", CONFLICT),
        ("e3", "data.n", "odd"),
    ]


def test_a_batch_that_is_refused_as_a_whole_comes_back_with_the_reason() -> None:
    """Each of its events is reported; none stays in the buffer."""
    outbox = box()
    outbox.offer(event(1), 0.0)
    outbox.offer(event(2), 0.0)
    failure = Unauthenticated("The key is unknown.")
    refused = outbox.give_up(outbox.take(), failure)
    outbox.keep_rejected(refused)
    complaint = outbox.complaint()
    assert complaint is not None
    assert (complaint.total, complaint.__cause__) == (2, failure)
    assert outbox.unsettled == 0
    assert outbox.complaint() is None


def test_complaints_keep_the_first_thousand_and_count_all() -> None:
    """Memory stays bounded when everything is rejected."""
    outbox = box(batch_events_max=5_000)
    for number in range(2_500):
        outbox.offer(event(number), 0.0)
    outbox.keep_rejected(outbox.give_up(outbox.take(), Unauthenticated(None)))
    complaint = outbox.complaint()
    assert complaint is not None
    assert (len(complaint.rejected), complaint.total) == (1_000, 2_500)
    assert "(the first of 2500)" in complaint.message
