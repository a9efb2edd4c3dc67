"""Questions and streams come and go: failures, rows that leave, bounds, definitions, the end."""

from __future__ import annotations

import asyncio

import pytest

from livetally.errors import Overloaded, QueryTooLarge, QuotaExceeded, StoreFailed
from livetally.live import HubLimits, Patience, Touched
from livetally.testing.clock import ManualClock
from tests.unit.live_room import (
    Client,
    Tally,
    identity,
    limits,
    notice,
    open_client,
    room,
    settle,
)


async def test_a_question_is_open_only_as_long_as_somebody_follows_it() -> None:
    """When the last follower leaves, the question is forgotten, asked or still waiting."""
    async with room() as (hub, _):
        tally = Tally()
        first, _ = await open_client(hub, tally)
        second, _ = await open_client(hub, tally)
        first.gone()
        assert len(hub._topics) == 1
        second.gone()
        assert len(hub._topics) == 0
        assert hub._topics._by_type == {}
        hub.notice(notice(1))
        await settle()
        assert len(tally.asked) == 1


async def test_a_client_that_goes_before_the_first_answer_leaves_nothing() -> None:
    """A request that is cancelled while its question is asked leaves no topic and no stream."""
    async with room() as (hub, _):
        tally = Tally()
        tally.gate = asyncio.Event()
        stream = hub.join(identity(), "e1")
        place = hub.follow(stream, tally, b"")
        waiting = asyncio.get_running_loop().create_task(hub.answered(stream, place))
        await settle()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        hub.leave(stream)
        tally.gate.set()
        await settle()
        assert (len(hub._topics), len(hub.streams), hub._of_key) == (0, 0, {})


async def test_a_question_that_is_asked_again_after_all_left_is_a_new_one() -> None:
    """A topic that was dropped while it was asked does not speak to the followers of its heir."""
    async with room() as (hub, _):
        tally = Tally()
        stream, _ = await open_client(hub, tally)
        tally.gate = asyncio.Event()
        tally.put("a", 1, 1)
        hub.notice(notice(1))
        await settle()
        stream.gone()
        gate, tally.gate = tally.gate, None
        _, client = await open_client(hub, tally)
        gate.set()
        await settle()
        assert [frame.event for frame in client.frames()] == ["snapshot"]
        tally.put("a", 2, 2)
        hub.notice(notice(2))
        await settle()
        assert client.picture() == {"a": 2}


async def test_a_question_that_can_not_be_answered_is_refused_to_all_who_wait() -> None:
    """Everybody who waits for the first answer gets the error; the next one asks anew."""
    async with room() as (hub, _):
        tally = Tally()
        tally.error = QueryTooLarge()
        for _ in range(2):
            with pytest.raises(QueryTooLarge):
                await open_client(hub, tally)
        tally.error = None
        await open_client(hub, tally)
        assert len(tally.asked) == 3


async def test_a_store_that_fails_now_delays_an_update_and_loses_nothing() -> None:
    """After a passing failure the same change is asked for again; no client is ended."""
    async with room() as (hub, _):
        tally = Tally()
        _, client = await open_client(hub, tally)
        tally.error = StoreFailed()
        tally.put("a", 1, 1)
        hub.notice(notice(1, slots=(3,)))
        await settle(12)
        assert not client.closed
        assert client.last_id() == "e1.0"
        tally.error = None
        await settle()
        assert client.picture() == {"a": 1}
        assert tally.asked[-1] == (0, Touched(3, 3, after=0, upto=1))


async def test_an_unforeseen_error_in_one_question_does_not_end_the_others() -> None:
    """A fault in one question's code is tried again, and every other question goes on."""
    async with room() as (hub, _):
        broken, sound = Tally("broken"), Tally("sound")
        _, first = await open_client(hub, broken)
        _, second = await open_client(hub, sound)
        broken.error = RuntimeError("a fault")
        for tally in (broken, sound):
            tally.put("a", 1, 1)
        hub.notice(notice(1))
        await settle()
        assert second.picture() == {"a": 1}
        broken.error = None
        await settle()
        assert first.picture() == {"a": 1}


async def test_a_question_that_grows_too_large_ends_its_streams_with_the_reason() -> None:
    """A question that can't be answered any more is told as a problem, and without a new id."""
    async with room() as (hub, _):
        tally = Tally()
        _, client = await open_client(hub, tally)
        tally.error = QueryTooLarge("too many rows")
        hub.notice(notice(4))
        await settle()
        assert client.frames()[-1].event == "problem"
        assert client.last_id() == "e1.0"
        assert client.closed


async def test_rows_that_leave_an_answer_bring_the_whole_of_it() -> None:
    """When a row is no longer in the answer, clients get a snapshot that replaces their picture."""
    async with room() as (hub, _):
        tally = Tally()
        tally.put("a", 1, 1)
        _, client = await open_client(hub, tally)
        tally.whole = True
        del tally.lines["a"]
        tally.put("b", 2, 2)
        hub.notice(notice(2))
        await settle()
        assert client.frames()[-1].event == "snapshot"
        assert client.picture() == {"b": 2}


async def test_a_slow_client_gets_the_whole_when_a_row_left_meanwhile() -> None:
    """A paused client that missed the leaving of a row is sent a snapshot when it reads again."""
    async with room() as (hub, _):
        tally = Tally()
        tally.put("a", 1, 1)
        stream, client = await open_client(hub, tally)
        client.paused = True
        tally.whole = True
        del tally.lines["a"]
        tally.put("b", 2, 2)
        hub.notice(notice(2))
        await settle()
        client.paused = False
        stream.resumed()
        assert client.picture() == {"b": 2}


async def test_rows_that_exist_because_time_passed_are_told() -> None:
    """A bucket that begins is told without any commit, once."""
    async with room() as (hub, clock):
        tally = Tally()
        tally.put("a", 1, 1)
        _, client = await open_client(hub, tally)
        tally.begins = {"empty": tally.lines["a"]._replace(name="empty", value=0, version=0)}
        (topic,) = hub._topics
        await hub._rounds.begin(topic)
        assert len(client.frames()) == 1
        clock.advance(us=10)
        await hub._rounds.begin(topic)
        await hub._rounds.begin(topic)
        assert client.picture() == {"a": 1, "empty": 0}
        assert len(client.frames()) == 2


async def test_streams_are_bounded_in_all_and_for_each_key() -> None:
    """One stream too many is refused; when another leaves there is room again."""
    async with room(limits(streams_max=3, key_streams_max=2)) as (hub, _):
        first = hub.join(identity("k1"), "e1")
        hub.join(identity("k1"), "e1")
        with pytest.raises(QuotaExceeded, match="of this key"):
            hub.join(identity("k1"), "e1")
        hub.join(identity("k2"), "e1")
        with pytest.raises(QuotaExceeded, match="3 streams are open"):
            hub.join(identity("k3"), "e1")
        hub.leave(first)
        hub.leave(first)
        hub.join(identity("k1"), "e1")


async def test_distinct_questions_are_bounded() -> None:
    """Too many distinct questions are refused; one that is open already is not."""
    async with room(limits(topics_max=1)) as (hub, _):
        tally = Tally("one")
        await open_client(hub, tally)
        await open_client(hub, tally)
        with pytest.raises(Overloaded):
            await open_client(hub, Tally("two"))


async def test_new_definitions_end_the_streams_of_their_team_only() -> None:
    """Streams of the team come back to the new definitions; those of others stay."""
    async with room() as (hub, _):
        _, ours = await open_client(hub, Tally("ours"))
        _, theirs = await open_client(hub, Tally("theirs", team=2), who=identity("k2", 2))
        hub.forget(1)
        assert (ours.closed, theirs.closed) == (True, False)
        fresh = Tally("ours")
        fresh.put("a", 9, 1)
        _, client = await open_client(hub, fresh)
        assert client.picture() == {"a": 9}, "the new question is asked, not the old topic"


async def test_a_stream_that_opens_while_definitions_change_ends_at_once() -> None:
    """Whoever was about to open a stream with the old definitions is sent back."""
    async with room() as (hub, _):
        tally = Tally()
        tally.gate = asyncio.Event()
        opening = asyncio.get_running_loop().create_task(open_client(hub, tally))
        await settle()
        hub.forget(None)
        tally.gate.set()
        _, client = await opening
        assert client.closed


async def test_a_stream_that_opens_while_its_question_fails_ends_at_once() -> None:
    """It was answered, and failed while another question of the stream was waited for.

    Nobody asks it any more. No id is sent, so that who comes back lacks nothing.
    """
    async with room() as (hub, clock):
        quick, slow = Tally("quick"), Tally("slow")
        slow.gate = asyncio.Event()
        opening = asyncio.get_running_loop().create_task(open_client(hub, quick, slow))
        await settle()
        quick.error = QueryTooLarge("too many rows")
        hub.notice(notice(4))
        await settle()
        slow.gate.set()
        stream, client = await opening
        assert client.closed
        assert (client.frames(), client.last_id()) == ([], "")
        stream.beat(clock.monotonic_s())
        assert client.last_id() == ""


async def test_nobody_is_admitted_and_everybody_let_go_when_the_server_stops() -> None:
    """Closing ends every stream with a time to come back, and refuses new ones."""
    async with room(limits(patience=Patience(closing_s_max=0))) as (hub, _):
        clients = [(await open_client(hub, Tally()))[1] for _ in range(20)]
        late = hub.join(identity(), "e1")
        await hub.close()
        assert all(client.closed and client.aborted for client in clients)
        waits = {client.text.rsplit(b"retry: ", 1)[1] for client in clients}
        assert len(waits) > 5, "they must not all come back together"
        with pytest.raises(Overloaded):
            hub.join(identity(), "e1")
        client = Client()
        late.open(client, b"", None, 0.0)
        assert client.closed


async def test_the_limits_fit_each_other() -> None:
    """One key can't take every stream, and a stuck client is noticed within two heartbeats."""
    bounds = HubLimits()
    assert bounds.key_streams_max < bounds.streams_max
    assert bounds.patience.stuck_s_max <= 2 * bounds.patience.heartbeat_s
    assert bounds.pace.tick_s_min < bounds.pace.tick_s_max
    assert ManualClock(0).now_us() == 0
