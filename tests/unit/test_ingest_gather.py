"""Requests that share a batch: who is told what.

In the flow: drives ``ingest.gather`` with a writer that answers when the test says so.
Guarantee: whatever shares a batch, each request hears of its own events only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import anyio
import pytest

from livetally.errors import NotDurable, Overloaded
from livetally.event import Decoded, EventLimits, Rejection, check_limits, decode_json
from livetally.ingest.batch import Batch, Schema, prepare
from livetally.ingest.commits import Outcome, Receipt
from livetally.ingest.dedupe import Differing
from livetally.ingest.gather import Asker, Gatherer, Share
from tests.waiting import until_async

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


class One:
    """Who sent one event; keeps what is told."""

    def __init__(self, heard: list[object], *, failing: bool = False) -> None:
        """Keep it in ``heard``, with others; raise if ``failing``."""
        self.heard = heard
        self._failing = failing

    def told(self, what: Share | Exception) -> None:
        """Keep the receipt, or the error."""
        if self._failing:
            raise LookupError
        self.heard.append(what.receipt if isinstance(what, Share) else type(what))

    def told_alike(self, askers: Sequence[Asker], share: Share) -> None:
        """Keep who was told together."""
        self.heard.append(("alike", list(askers), share.receipt))

    def declined(self) -> None:
        """Keep that it was."""
        if self._failing:
            raise LookupError
        self.heard.append("declined")


async def told_of(
    desk: Desk, bodies: list[str], outcome: Outcome
) -> tuple[list[One], list[object]]:
    """Hand in one body for each asker; return them and what they heard, in order."""
    heard: list[object] = []
    askers = [One(heard) for _ in bodies]
    for asker, body in zip(askers, bodies, strict=True):
        desk.gatherer.hand_in_one(TEAM, body.encode(), asker)
    assert heard == []
    if desk.refusal is None:
        await desk.arrived.wait()
        desk.batches[0][1].set_result(outcome)

    async def enough() -> bool:
        return bool(heard)

    await until_async(enough, "an answer")
    return askers, heard


async def test_single_events_that_are_all_new_are_told_of_at_once() -> None:
    """Each is stored, in order; their askers are called once, together."""
    desk = Desk()
    askers, heard = await told_of(desk, [event("a"), event("b")], Receipt(9, 2, (), ()))
    assert heard == [("alike", askers, Receipt(9, 1, (), ()))]
    assert [event_id.decode() for event_id in desk.batches[0][0].ids] == ["a", "b"]


async def test_single_events_of_which_some_are_known_are_told_of_one_by_one() -> None:
    """As those of other requests are."""
    outcome = Receipt(9, 1, (0,), (Differing(2, 4),))
    _, heard = await told_of(Desk(), [event("a"), event("b"), event("c")], outcome)
    assert heard == [
        Receipt(9, 0, (0,), ()),
        Receipt(9, 1, (), ()),
        Receipt(9, 0, (), (Differing(2, 4),)),
    ]


async def test_a_body_that_cant_be_read_is_declined_and_harms_no_other() -> None:
    """Whatever it is; two halves of an event are not one."""
    halves = ['{"type":"a","data":', '{"x":1}}', event("b") + event("c")]
    for bad, fates in ((["{"], ["declined"]), (halves, ["declined", "declined"]), (["{}7"], [])):
        desk = Desk()
        bodies = [event("a"), *bad, event("z")]
        _, heard = await told_of(desk, bodies, Receipt(9, 2, (), ()))
        await asyncio.sleep(0)
        assert [event_id.decode() for event_id in desk.batches[0][0].ids] == ["a", "z"]
        # The rest of them begin like an event without a type, which is rejected.
        rejected = [None] * (len(bad) - len(fates))
        stored = Receipt(9, 1, (), ())
        assert heard == [*fates, stored, *rejected, stored]


async def test_single_events_and_others_share_a_batch() -> None:
    """Each hears of its own."""
    desk = Desk()
    heard: list[object] = []
    told: list[Share | Exception] = []
    desk.gatherer.hand_in_one(TEAM, event("a").encode(), One(heard))
    both = f"[{event('b')},{event('c')}]"
    desk.gatherer.hand_in(TEAM, decode_json(both.encode()), len(both), told.append)
    desk.gatherer.hand_in_one(TEAM, event("bad", "no good").encode(), One(heard))
    await desk.arrived.wait()
    desk.batches[0][1].set_result(Receipt(9, 2, (1,), ()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert heard == [Receipt(9, 1, (), ()), None]
    (share,) = told
    assert isinstance(share, Share)
    assert share.receipt == Receipt(9, 1, (1,), ())


@pytest.mark.parametrize("error", [NotDurable(None), Overloaded(None)], ids=["lost", "full"])
async def test_single_events_that_failed_are_told_so(error: NotDurable | Overloaded) -> None:
    """Each by itself."""
    desk = Desk()
    if isinstance(error, Overloaded):
        desk.refusal = error
    outcome = error if isinstance(error, NotDurable) else Receipt(1, 1, (), ())
    _, heard = await told_of(desk, [event("a"), event("b")], outcome)
    assert heard == [type(error)] * 2


async def test_an_asker_that_fails_harms_nobody() -> None:
    """Neither one that is declined, nor one that is told."""
    desk = Desk()
    caught: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: caught.append(about))
    heard: list[object] = []
    for body, failing in (("{", True), (event("a"), True), ("{", False), (event("b"), False)):
        desk.gatherer.hand_in_one(TEAM, body.encode(), One(heard, failing=failing))
    await desk.arrived.wait()
    desk.batches[0][1].set_result(Receipt(4, 2, (), ()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert heard == ["declined", Receipt(4, 1, (), ())]
    assert len(caught) == 2


async def test_bodies_of_which_none_can_be_read_make_no_batch() -> None:
    """All are declined."""
    desk = Desk()
    heard: list[object] = []
    for _ in range(2):
        desk.gatherer.hand_in_one(TEAM, b"{", One(heard))

    async def enough() -> bool:
        return len(heard) > 1

    await until_async(enough, "both")
    assert heard == ["declined"] * 2
    assert desk.batches == []


async def test_where_many_come_together_they_are_gathered_a_little_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And as long as ever again when there are few."""
    loop = asyncio.get_running_loop()
    waited_s: list[float] = []
    call_later = loop.call_later

    def noted(delay_s: float, *rest: Any) -> asyncio.TimerHandle:
        waited_s.append(delay_s)
        return call_later(delay_s, *rest)

    desk = Desk()
    for events in (1, 64, 63, 1):
        already = len(desk.batches)
        with monkeypatch.context() as patched:
            patched.setattr(desk.gatherer, "_loop", SimpleNamespace(call_later=noted))
            for number in range(events):
                desk.gatherer.hand_in_one(TEAM, event(str(number)).encode(), One([]))

        async def flushed(already: int = already) -> bool:
            return len(desk.batches) > already

        await until_async(flushed, "the batch")
    assert waited_s == [0.002, 0.002, 0.003, 0.002]
