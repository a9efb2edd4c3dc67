"""Batches become messages and come back: nothing left out, nothing twice, nothing too long."""

from __future__ import annotations

import asyncio
import json
from collections import Counter, deque
from collections.abc import Mapping

import pytest

from livetally.cluster.ahead import Ahead, Numbered
from livetally.cluster.frames import Known, Message, Told, pack, pack_told, unpack, unpack_told
from livetally.cluster.parts import MESSAGE_EVENTS_MAX, Part, Work, cut, halves, partition_of
from livetally.definitions import read_toml
from livetally.errors import NotDurable, StoreFailed
from livetally.event import EventLimits, check_limits, decode_lines
from livetally.ingest import Batch, Receipt, Schema
from livetally.ingest.batch import prepare

NOW_US = 1_790_000_000_000_000
SHOP = """
application = "shop"
[event.sale]
data.value = { type = "decimal", scale = 18 }
data.shop = "string"
data.at = "time"
data.code = "uuid"
[event.visit]
data.shop = "string"
"""


def batch(*events: Mapping[str, object]) -> Batch:
    """Return a batch of declared events."""
    decoded = decode_lines(b"\n".join(json.dumps(one).encode() for one in events))
    within = check_limits(decoded.events, decoded.indexes, EventLimits(), NOW_US)
    schema = Schema(read_toml(SHOP, "shop.toml").events.values())
    made, rejected = prepare(3, within, schema, NOW_US)
    assert not rejected
    return made


def many(count: int) -> Batch:
    """Return a batch of so many events."""
    return batch(*({"type": "sale", "id": f"e{number}"} for number in range(count)))


def test_what_comes_back_is_the_batch_that_went() -> None:
    """Every column, key and sum, whatever an event has and lacks."""
    sent = batch(
        {"type": "sale", "id": "a", "source": "till/ø", "data": {"value": "0.5", "shop": "x"}},
        {"type": "sale", "subject": "who", "time": "2026-03-01T10:00:00.123456Z"},
        {"type": "visit", "id": "c", "traceparent": "00-1", "data": {"shop": "y\u2028"}},
        {"type": "other", "id": "d", "data": {"value": 5, "deep": {"er": [1, None]}}},
        {
            "type": "sale",
            "data": {"at": "2026-01-01T00:00:00Z", "code": "0190e2a5-0000-7000-8000-000000000000"},
        },
    )
    got = Batch.restored(unpack(pack([(sent, None)])).batches[0])
    for name in Batch.__slots__:
        if name not in ("indexes", "joined"):
            assert getattr(got, name) == getattr(sent, name), name


def test_a_number_too_wide_for_a_message_is_read_from_the_data() -> None:
    """With eighteen decimals 28 digits are more than 64 bits: the column is left to the store."""
    sent = batch({"type": "sale", "id": "a", "data": {"value": "9999999999.5", "shop": "x"}})
    column = next(name for name, field in sent.declared.items() if field.name == "value")
    got = unpack(pack([(sent, None)])).batches[0]
    assert column in got.unread
    assert column not in got.fields
    assert len(got.fields) == len(sent.fields) - 1


def test_other_programs_messages_are_refused() -> None:
    """And those of a later form; what another loader says is passed over instead."""
    for body in (b"", b"\x02", b"\x01nonsense", pack()[:-3]):
        with pytest.raises(StoreFailed):
            unpack(body)
    assert unpack(pack(forget=[b"k"], anew=True)) == Message([], [b"k"], True)
    assert unpack_told(b"nonsense") is None
    told = Told(1, 2, 3, 4, 5, 6, [(1, "sale", [7])], [Known([0], [(1, 2)])])
    assert unpack_told(pack_told(told)) == told


@pytest.mark.parametrize("partitions", [1, 3])
def test_every_event_is_in_one_part_of_its_partition(partitions: int) -> None:
    """Of large batches and small ones; no message has more events than it may."""
    works = [Work(many(count), count, str(count)) for count in (1, 7, 12_000, 3)]
    waiting = deque(works)
    seen: Counter[tuple[str, int]] = Counter()
    while waiting:
        for partition, parts in cut(waiting, partitions):
            assert sum(part.events for part in parts) <= MESSAGE_EVENTS_MAX
            for part in parts:
                places = range(len(part.work.batch)) if part.places is None else part.places
                for place in places:
                    seen[part.work.token, place] += 1
                    assert partition_of(part.work.batch.keys[place], partitions) == partition
    assert set(seen.values()) == {1}
    assert len(seen) == 12_011


def test_a_batch_has_its_receipt_after_its_last_part() -> None:
    """Places of each part are those of the batch; one that failed fails all."""
    work = Work(many(10), 10, "token")
    (_, parts), *_ = cut(deque([work]), 1)
    first, second = (half[0] for half in halves(parts))
    assert not work.done(first, 7, Known([1], []))
    assert work.done(second, 9, Known([0], [(2, 0), (3, 4)]))
    told = work.outcome()
    assert isinstance(told, Receipt)
    assert (told.position, told.stored, told.repeated) == (9, 6, (1, 5))
    assert [tuple(one) for one in told.differing] == [(7, 9), (8, 4)]
    other = Work(many(2), 2, "token")
    other.left = 2
    assert not other.failed(NotDurable(None))
    assert other.done(Part(other, [1]), 3, None)
    assert isinstance(other.outcome(), NotDurable)


def test_one_event_has_no_halves() -> None:
    """It is refused with what to do."""
    work = Work(many(1), 1, "token")
    with pytest.raises(NotDurable, match="max_payload"):
        halves([Part(work, None)])


def numbered(position: int, events: int) -> Numbered:
    """Return a message with so many events."""
    return Numbered(
        position, Message([many(events).kept()] if events else [], [b"k"] * (not events))
    )


async def test_a_group_is_what_is_there_up_to_a_bound() -> None:
    """What changes what is known goes alone; a noted group is waited for."""
    ahead = Ahead()
    for position, events in ((1, 5), (2, 5), (3, 0), (4, 19_999), (5, 2), (6, 1)):
        await ahead.put(numbered(position, events))
    groups = [await ahead.group(100, exactly=False) for _ in range(4)]
    assert [[one.position for one in group] for group in groups] == [[1, 2], [3], [4], [5, 6]]
    waiting = asyncio.get_running_loop().create_task(ahead.group(8, exactly=True))
    await ahead.put(numbered(7, 1))
    await asyncio.sleep(0)
    assert not waiting.done()
    await ahead.put(numbered(8, 1))
    await ahead.put(numbered(9, 1))
    assert [one.position for one in await waiting] == [7, 8]
    assert await ahead.first() == 9


async def test_reading_ahead_is_bounded() -> None:
    """Whoever reads waits until there is room, and goes on."""
    ahead = Ahead()
    await ahead.put(numbered(1, 50_000))
    putting = asyncio.get_running_loop().create_task(ahead.put(numbered(2, 1)))
    await asyncio.sleep(0)
    assert not putting.done()
    assert [one.position for one in await ahead.group(1, exactly=True)] == [1]
    await putting
    assert len(ahead) == 1
