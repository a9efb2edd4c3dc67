"""Requests that share a batch: who is told what.

In the flow: drives ``ingest.gather`` with a writer that answers when the test says so.
Guarantee: whatever shares a batch, each request hears of its own events only.
"""

from __future__ import annotations

import asyncio

import anyio
import pytest

from livetally.errors import NotDurable, Overloaded
from livetally.event import Decoded, EventLimits, Rejection, check_limits, decode_json
from livetally.ingest.batch import Batch, Schema, prepare
from livetally.ingest.commits import Outcome, Receipt
from livetally.ingest.dedupe import Differing
from livetally.ingest.gather import Gatherer, Share

TEAM = 7


class Desk:
    """A gatherer whose batches end up in ``batches``, each with the future of its outcome."""

    def __init__(self, *, busy: bool = True) -> None:
        """Gather for a writer that is ``busy``."""
        self.batches: list[tuple[Batch, asyncio.Future[Outcome]]] = []
        self.refusal: Exception | None = None
        self.gatherer = Gatherer(self._prepare, self._submit, lambda: busy)
        self.arrived = asyncio.Event()

    def _prepare(self, team: int, decoded: Decoded) -> tuple[Batch, list[Rejection]]:
        within = check_limits(decoded.events, decoded.indexes, EventLimits(), 0)
        batch, wrong = prepare(team, within, Schema(), 0)
        return batch, sorted([*within.rejected, *wrong])

    def _submit(self, batch: Batch, _size_bytes: int) -> asyncio.Future[Outcome]:
        if self.refusal:
            raise self.refusal
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.batches.append((batch, future))
        self.arrived.set()
        return future

    async def ask(self, body: str) -> Share:
        """Send one request's body."""
        return await self.gatherer.take(TEAM, decode_json(body.encode()), len(body))


async def asked_together(desk: Desk, bodies: list[str], outcome: Outcome) -> list[object]:
    """Send requests at the same time; return their shares or errors when ``outcome`` is known."""
    told: list[object] = [None] * len(bodies)

    async def one(number: int) -> None:
        try:
            told[number] = await desk.ask(bodies[number])
        except (NotDurable, Overloaded) as error:
            told[number] = error

    async with anyio.create_task_group() as tasks:
        for number in range(len(bodies)):
            tasks.start_soon(one, number)
        if desk.refusal is None:
            await desk.arrived.wait()
            desk.batches[0][1].set_result(outcome)
    return told


def event(name: str, kind: str = "tap") -> str:
    """Write one event."""
    return f'{{"type":"{kind}","id":"{name}"}}'


async def test_each_request_is_told_of_its_own_events() -> None:
    """Stored, repeated, contradicting and rejected ones, by the request's own indexes."""
    desk = Desk()
    bodies = [
        event("a"),
        f"[{event('b')},{event('bad type', 'no good')},{event('c')}]",
        event("d"),
        event("bad", "no good"),
    ]
    # The batch holds a, b, c, d: b was stored before, c with other content.
    outcome = Receipt(9, 2, (1,), (Differing(2, 4),))
    first, second, third, fourth = await asked_together(desk, bodies, outcome)
    assert len(desk.batches) == 1
    assert [event_id.decode() for event_id in desk.batches[0][0].ids] == ["a", "b", "c", "d"]
    assert isinstance(first, Share)
    assert first.receipt == Receipt(9, 1, (), ())
    assert isinstance(second, Share)
    assert second.receipt == Receipt(9, 0, (1,), (Differing(2, 4),))
    assert second.indexes == {2: 2}
    assert [(one.index, one.field) for one in second.rejected] == [(1, "type")]
    assert isinstance(third, Share)
    assert third.receipt == Receipt(9, 1, (), ())
    assert isinstance(fourth, Share)
    assert fourth.receipt is None
    assert [one.index for one in fourth.rejected] == [0]


@pytest.mark.parametrize("error", [NotDurable(None), Overloaded(None)], ids=["lost", "full"])
async def test_all_who_share_a_batch_hear_that_it_failed(error: NotDurable | Overloaded) -> None:
    """Whether it was taken and lost, or not taken; each gets an error of its own."""
    desk = Desk()
    if isinstance(error, Overloaded):
        desk.refusal = error
    outcome = error if isinstance(error, NotDurable) else Receipt(1, 1, (), ())
    told = await asked_together(desk, [event("a"), event("b")], outcome)
    assert [type(one) for one in told] == [type(error)] * 2
    assert told[0] is not told[1]


async def test_one_who_cant_be_told_harms_nobody() -> None:
    """Of those who wait without a task, each is called, whatever became of the one before."""
    desk = Desk()
    caught: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: caught.append(about))
    told: list[Share | Exception] = []
    gone = LookupError("gone")

    def fail(_what: Share | Exception) -> None:
        raise gone

    for name, tell in (("a", fail), ("b", told.append), ("c", told.append)):
        body = event(name)
        desk.gatherer.hand_in(TEAM, decode_json(body.encode()), len(body), tell)
    assert told == []
    await desk.arrived.wait()
    desk.batches[0][1].set_result(Receipt(4, 2, (1,), ()))
    for _ in range(3):
        await asyncio.sleep(0)
    assert [share.receipt for share in told if isinstance(share, Share)] == [
        Receipt(4, 0, (1,), ()),
        Receipt(4, 1, (), ()),
    ]
    assert [about["exception"] for about in caught if isinstance(about, dict)] == [gone]


async def test_nobody_waits_for_company_while_the_writer_is_idle() -> None:
    """Alone, an event is handed over in the same round of the loop."""
    desk = Desk(busy=False)
    asking = asyncio.get_running_loop().create_task(desk.ask(event("a")))
    for _ in range(3):
        await asyncio.sleep(0)
    assert len(desk.batches) == 1
    desk.batches[0][1].set_result(Receipt(1, 1, (), ()))
    assert (await asking).receipt == Receipt(1, 1, (), ())


async def test_a_full_batch_goes_at_once() -> None:
    """A flood is handed over in pieces, each before its time is up."""
    desk = Desk()
    async with anyio.create_task_group() as tasks:
        for number in range(500):
            tasks.start_soon(desk.ask, event(f"e{number}"))
        for _ in range(3):
            await asyncio.sleep(0)
        assert [len(batch) for batch, _ in desk.batches] == [500]
        desk.batches[0][1].set_result(Receipt(1, 500, (), ()))
