"""What every writer promises: the one of one machine, and those beyond it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from livetally.errors import BadInput, NotDurable, Overloaded
from livetally.ingest import Differing, WriterLimits
from tests.contract.commit_houses import Open, alone, batch_of, by_log

if TYPE_CHECKING:
    from tests.brokers import Broker

pytest_plugins = ("tests.broker_fixtures",)


@pytest.fixture(params=["alone", "one partition", "three partitions"])
def opened(request: pytest.FixtureRequest) -> Open:
    """Return what opens a writer of each kind."""
    if request.param == "alone":
        return alone
    broker: Broker = request.getfixturevalue("nats_server")
    return by_log(broker, 1 if request.param == "one partition" else 3)


def lines(*ids: str, value: int = 1) -> bytes:
    """Return events with these ids."""
    return b"\n".join(
        json.dumps({"type": "sale", "id": one, "data": {"value": value}}).encode() for one in ids
    )


async def test_an_event_is_stored_once_and_the_answer_says_so(opened: Open, tmp_path: Path) -> None:
    """Whatever the batch; within one too; the same id with other content differs."""
    async with opened(tmp_path) as house:
        first = await house.send(lines("a", "b", "a", "c"))
        assert (first.stored, first.repeated, first.differing) == (3, (2,), ())
        again = await house.send(lines("d", "c", "b"))
        assert (again.stored, again.repeated) == (1, (1, 2))
        other = await house.send(lines("a", "e", value=2))
        assert other.stored == 1
        assert [one.place for one in other.differing] == [0]
        read = house.writer.read_back(1, [(b"a", other.differing[0].position)])
        assert [json.loads(one.data) for one in read] == [{"value": 1}]
        assert (await house.send(lines("a"), team=2)).stored == 1
        assert await house.count() == 6


async def test_of_one_batch_the_first_of_an_id_counts(opened: Open, tmp_path: Path) -> None:
    """The later one of other content differs from an event of its own commit."""
    async with opened(tmp_path) as house:
        told = await house.send(lines("a") + b"\n" + lines("a", value=2))
        assert told.stored == 1
        assert [one.place for one in told.differing] == [1]
        assert told.differing[0].position in (0, told.position)
        assert isinstance(told.differing[0], Differing)


async def test_an_answer_after_the_receipt_includes_it(opened: Open, tmp_path: Path) -> None:
    """Positions grow; listeners were told of the commit, with what it touched."""
    async with opened(tmp_path) as house:
        positions = []
        for number in range(5):
            told = await house.send(lines(f"n{number}", f"m{number}"))
            positions.append(told.position)
            await house.writer.reached(0)
            assert house.writer.position >= told.position
            assert await house.count() == 2 * (number + 1)
            assert max(one.position for one in house.notices) >= told.position
        assert positions == sorted(set(positions))
        assert {key for one in house.notices for key in one.touched} == {(1, "sale")}
        assert sum(one.events for one in house.notices) == 10
        assert [one.position for one in house.notices] == sorted(
            one.position for one in house.notices
        )
        await house.writer.reached(positions[-1])
        assert await asyncio.to_thread(house.writer.settled) >= positions[-1]
        with pytest.raises(BadInput, match="beyond the last commit"):
            await house.writer.reached(positions[-1] + 1_000)


async def test_many_batches_at_once_are_each_told_of_their_own(
    opened: Open, tmp_path: Path
) -> None:
    """Large ones, small ones, and the same events in several."""
    async with opened(tmp_path) as house:
        large = lines(*(f"large {number}" for number in range(12_000)))
        futures = [house.submit(large), *(house.submit(lines(f"s{n % 40}")) for n in range(100))]
        outcomes = await asyncio.wait_for(asyncio.gather(*futures), 60)
        receipts = [one for one in outcomes if not isinstance(one, NotDurable)]
        assert len(receipts) == 101
        assert receipts[0].stored == 12_000
        assert sum(one.stored for one in receipts[1:]) == 40
        assert sum(one.duplicates for one in receipts[1:]) == 60
        assert await house.count() == 12_040


async def test_what_was_stored_is_known_after_a_restart(opened: Open, tmp_path: Path) -> None:
    """Positions go on, and no event is new again."""
    async with opened(tmp_path) as house:
        before = await house.send(lines("a", "b"))
    async with opened(tmp_path) as house:
        after = await house.send(lines("b", "c"))
        assert (after.stored, after.repeated) == (1, (0,))
        assert after.position > before.position
        assert await house.count() == 3


async def test_too_much_at_once_is_refused_whole(opened: Open, tmp_path: Path) -> None:
    """What was taken is stored; what was not is not."""
    async with opened(tmp_path, WriterLimits(waiting_events_max=50)) as house:
        taken, refused = [], 0
        for number in range(60):
            try:
                taken.append(house.submit(lines(*(f"{number} {n}" for n in range(10)))))
            except Overloaded:
                refused += 1
        assert refused
        await asyncio.wait_for(asyncio.gather(*taken), 60)
        assert await house.count() == 10 * len(taken)


async def test_after_the_end_nothing_is_taken(opened: Open, tmp_path: Path) -> None:
    """A writer that is closed says that it can't make anything durable."""
    async with opened(tmp_path) as house:
        await house.send(lines("a"))
        await asyncio.to_thread(house.writer.between, house.notices.clear)
    with pytest.raises(NotDurable):
        house.writer.submit(batch_of(lines("b")), 10, None)
