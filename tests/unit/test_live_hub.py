"""The room of live questions: who is told what, and which position an id may say."""

from __future__ import annotations

import asyncio

from livetally.live import Touched
from tests.unit.live_room import (
    Tally,
    notice,
    open_client,
    room,
    settle,
)


async def test_a_stream_begins_with_a_snapshot_and_its_id() -> None:
    """The first frame holds all rows; its id is the epoch and the position of the answer."""
    async with room() as (hub, _):
        tally = Tally()
        tally.put("a", 1, 7)
        _, client = await open_client(hub, tally)
        (frame,) = client.frames()
        assert (frame.event, frame.data["rows"], frame.id) == ("snapshot", {"a": 1}, "e1.7")
        assert frame.data["metric"] == "tally"
        assert b"retry: " in client.text


async def test_a_commit_is_told_as_absolute_values_of_the_changed_rows_only() -> None:
    """An update holds the rows that changed, with their whole value, and moves the id on."""
    async with room() as (hub, _):
        tally = Tally()
        tally.put("a", 1, 1)
        tally.put("b", 1, 1)
        _, client = await open_client(hub, tally)
        tally.put("b", 5, 2)
        hub.notice(notice(2))
        await settle()
        frame = client.frames()[-1]
        assert (frame.event, frame.data, frame.id) == (
            "update",
            {"position": 2, "rows": {"b": 5}},
            "e1.2",
        )


async def test_one_evaluation_and_one_encoding_serve_all_clients() -> None:
    """A distinct question is asked once for each round, and encoded once, for a hundred clients."""
    async with room() as (hub, _):
        tally = Tally()
        clients = [(await open_client(hub, tally))[1] for _ in range(100)]
        assert (len(tally.asked), tally.encoded) == (1, 1)
        tally.put("a", 1, 1)
        hub.notice(notice(1))
        await settle()
        assert (len(tally.asked), tally.encoded) == (2, 2)
        assert {client.picture()["a"] for client in clients} == {1}
        assert len({id(client.written[-1]) for client in clients}) == 1, "the bytes are shared"


async def test_only_questions_that_a_commit_touches_are_asked() -> None:
    """Another type's or another team's commit asks nothing, and still moves the id on."""
    async with room() as (hub, _):
        tally = Tally()
        stream, client = await open_client(hub, tally)
        hub.notice(notice(1, kind="visit"))
        hub.notice(notice(2, team=2))
        await settle()
        assert len(tally.asked) == 1
        stream.beat(0.0)
        assert client.last_id() == "e1.2"


async def test_a_commit_while_the_first_answer_is_computed_is_not_lost() -> None:
    """What is committed between the question and its first answer is told in an update."""
    async with room() as (hub, _):
        tally = Tally()
        tally.put("a", 1, 1)
        tally.gate = asyncio.Event()
        opening = asyncio.get_running_loop().create_task(open_client(hub, tally))
        await settle()
        tally.put("a", 2, 2)
        hub.notice(notice(2))
        await settle()
        tally.gate.set()
        _, client = await opening
        await settle()
        assert client.picture() == {"a": 2}
        assert client.last_id() == "e1.2"


async def test_a_commit_while_a_question_is_asked_is_asked_for_again() -> None:
    """What is committed during an evaluation leads to another one, from the earlier position."""
    async with room() as (hub, _):
        tally = Tally()
        _, client = await open_client(hub, tally)
        tally.put("a", 1, 1)
        tally.gate = asyncio.Event()
        hub.notice(notice(1))
        await settle()
        tally.put("b", 1, 2)
        hub.notice(notice(2, slots=(5,)))
        tally.gate.set()
        await settle()
        assert client.picture() == {"a": 1, "b": 1}
        since, touched = tally.asked[-1]
        assert since == 1
        assert touched == Touched(5, 5, after=1, upto=2)


async def test_an_id_waits_for_what_was_committed_during_the_last_evaluation() -> None:
    """Between two evaluations in a row the id stays at the first, though nothing is being told."""
    async with room() as (hub, _):
        tally = Tally()
        stream, client = await open_client(hub, tally)
        tally.put("a", 1, 1)
        first = tally.gate = asyncio.Event()
        hub.notice(notice(1))
        await settle()
        tally.gate = asyncio.Event()
        tally.put("b", 1, 2)
        hub.notice(notice(2))
        first.set()
        await settle()
        stream.beat(0.0)
        assert (client.picture(), client.last_id()) == ({"a": 1}, "e1.1")


async def test_an_answer_includes_every_commit_acknowledged_before() -> None:
    """Whoever opens a stream after a commit never sees a picture from before it."""
    async with room() as (hub, _):
        tally = Tally()
        tally.put("a", 1, 1)
        await open_client(hub, tally)
        tally.gate = asyncio.Event()
        tally.put("a", 2, 2)
        hub.notice(notice(2))
        await settle()
        opening = asyncio.get_running_loop().create_task(open_client(hub, tally))
        await settle()
        assert not opening.done()
        tally.gate.set()
        _, client = await opening
        assert client.frames()[0].data["rows"] == {"a": 2}


async def test_the_id_waits_for_the_slowest_of_many_questions() -> None:
    """With several questions the id says a position only when all of them are at it."""
    async with room() as (hub, _):
        quick, slow = Tally("quick"), Tally("slow")
        stream, client = await open_client(hub, quick, slow)
        slow.gate = asyncio.Event()
        quick.put("a", 1, 9)
        slow.put("a", 1, 9)
        hub.notice(notice(9))
        await settle()
        assert client.frames()[-1].data["q"] == 0
        assert client.last_id() == "e1.0"
        stream.beat(0.0)
        assert client.last_id() == "e1.0"
        slow.gate.set()
        await settle()
        assert client.frames()[-1].data["q"] == 1
        assert client.last_id() == "e1.9"


async def test_the_same_question_twice_on_one_stream_is_told_twice() -> None:
    """Two charts of the same question on one connection each get the change."""
    async with room() as (hub, _):
        tally = Tally()
        _, client = await open_client(hub, tally, tally)
        tally.put("a", 3, 1)
        hub.notice(notice(1))
        await settle()
        assert [frame.data["q"] for frame in client.frames()[2:]] == [0, 1]


async def test_a_client_that_does_not_read_gets_the_latest_state_when_it_does() -> None:
    """Changes of a paused client are merged by row; it is sent each changed row once, as it is."""
    async with room() as (hub, _):
        tally = Tally()
        stream, client = await open_client(hub, tally)
        client.paused = True
        sent = len(client.written)
        for position in range(1, 51):
            tally.put("a", position, position)
            if position == 20:
                tally.put("b", 7, position)
            hub.notice(notice(position))
            await settle(10)
        assert len(client.written) == sent
        stream.beat(0.0)
        assert len(client.written) == sent, "a sign of life would only queue up"
        client.paused = False
        stream.resumed()
        assert len(client.written) == sent + 1
        frame = client.frames()[-1]
        assert (frame.data["rows"], frame.id) == ({"a": 50, "b": 7}, "e1.50")
