"""Coming back: what a client lacks that has seen a position, told from the rows alone."""

from __future__ import annotations

from structlog.testing import capture_logs

from livetally.live import Resume, RowKey, Rows
from livetally.telemetry import REGISTRY
from tests.unit.live_room import Client, Tally, notice, open_client, room, settle


async def test_whoever_comes_back_gets_only_what_changed_since() -> None:
    """Rows newer than the client's position are sent as an update, the others not."""
    async with room() as (hub, _):
        tally = Tally()
        tally.put("old", 1, 3)
        tally.put("new", 2, 8)
        _, client = await open_client(hub, tally, resume=5)
        (frame,) = client.frames()
        assert (frame.event, frame.data["rows"], frame.id) == ("update", {"new": 2}, "e1.8")


async def test_whoever_lacks_nothing_gets_only_an_id() -> None:
    """A client that has seen everything is sent no rows, and keeps its position."""
    async with room() as (hub, _):
        tally = Tally()
        tally.put("a", 1, 3)
        _, client = await open_client(hub, tally, resume=30)
        assert client.frames() == []
        assert client.last_id() == "e1.30"


async def test_those_who_come_back_together_are_encoded_for_once() -> None:
    """A hundred clients that saw the same position cost one encoding."""
    async with room() as (hub, _):
        tally = Tally()
        tally.put("a", 1, 3)
        for _ in range(100):
            _, client = await open_client(hub, tally, resume=2)
            assert client.picture() == {"a": 1}
        assert tally.encoded == 1


async def test_a_change_makes_what_was_encoded_for_others_void() -> None:
    """A client that comes back after a change gets the new value, not the kept bytes."""
    async with room() as (hub, _):
        tally = Tally()
        tally.put("a", 1, 3)
        await open_client(hub, tally, resume=2)
        tally.put("a", 2, 4)
        hub.notice(notice(4))
        await settle()
        _, client = await open_client(hub, tally, resume=2)
        assert client.picture() == {"a": 2}


async def test_whoever_was_away_while_a_row_left_gets_the_whole() -> None:
    """Rows that left have no version to compare with, so an older position is sent a snapshot."""
    async with room() as (hub, _):
        tally = Tally()
        tally.put("a", 1, 1)
        await open_client(hub, tally)
        tally.whole = True
        del tally.lines["a"]
        tally.put("b", 1, 5)
        hub.notice(notice(5))
        await settle()
        _, before = await open_client(hub, tally, resume=4)
        _, after = await open_client(hub, tally, resume=5)
        assert [frame.event for frame in before.frames()] == ["snapshot"]
        assert after.frames() == []


async def test_a_question_whose_rows_may_leave_is_always_sent_whole() -> None:
    """A list that is cut by a limit can't be resumed row by row."""
    async with room() as (hub, _):
        tally = Tally()
        tally.sent_whole = True
        tally.put("a", 1, 1)
        _, client = await open_client(hub, tally, resume=1)
        assert [frame.event for frame in client.frames()] == ["snapshot"]
        tally.put("b", 2, 2)
        hub.notice(notice(2))
        await settle()
        assert client.frames()[-1].event == "snapshot"
        assert client.picture() == {"a": 1, "b": 2}


async def test_many_questions_resume_from_one_id() -> None:
    """Each question sends what is newer; the id that counts stands in the last frame."""
    async with room() as (hub, _):
        first, second = Tally("first"), Tally("second")
        first.put("a", 1, 4)
        second.put("b", 1, 6)
        _, client = await open_client(hub, first, second, resume=3)
        assert [frame.data["q"] for frame in client.frames()] == [0, 1]
        assert client.text.count(b"id: ") == 1
        assert client.last_id() == "e1.4", "as far as both are known to be"


async def test_whoever_was_cut_off_between_first_snapshots_goes_on_from_there() -> None:
    """An id says how many questions were answered; only the others are sent whole again."""
    async with room() as (hub, _):
        tallies = [Tally("first"), Tally("second"), Tally("third")]
        for tally in tallies:
            tally.put("a", 1, 4)
        _, client = await open_client(hub, *tallies)
        told = [(frame.event, frame.id) for frame in client.frames()]
        assert told == [("snapshot", one) for one in ("e1.4-1", "e1.4-2", "e1.4")]
        tallies[0].put("b", 2, 5)
        hub.notice(notice(5))
        await settle()
        _, again = await open_client(hub, *tallies, resume=4, had=2)
        lacking = [(frame.data["q"], frame.event, frame.data["rows"]) for frame in again.frames()]
        assert lacking == [(0, "update", {"b": 2}), (2, "snapshot", {"a": 1})]
        assert again.last_id() == "e1.5"


class Unsure(Tally):
    """A question that can't tell what a client lacks."""

    def lacking(self, rows: Rows, position: int) -> list[RowKey] | None:  # noqa: ARG002
        """Fail as a defect does."""
        raise ZeroDivisionError("unforeseen")


async def test_a_question_that_can_not_tell_what_is_lacking_is_sent_whole_beside_the_others() -> (
    None
):
    """A defect of one is in the log and the measurements, and silences no other."""
    async with room() as (hub, _):
        tallies = [Tally("first"), Unsure("second"), Tally("third")]
        for tally in tallies:
            tally.put("a", 1, 3)
            tally.put("b", 1, 5)
        before = REGISTRY.get_sample_value("livetally_defects_total", {"loop": "live resume"}) or 0
        with capture_logs() as logs:
            _, client = await open_client(hub, *tallies, resume=4)
        assert [(frame.event, frame.data["rows"]) for frame in client.frames()] == [
            ("update", {"b": 1}),
            ("snapshot", {"a": 1, "b": 1}),
            ("update", {"b": 1}),
        ]
        assert client.last_id() == "e1.5"
        assert [(one["loop"], one["log_level"]) for one in logs] == [("live resume", "error")]
        after = REGISTRY.get_sample_value("livetally_defects_total", {"loop": "live resume"})
        assert after == before + 1
        tallies[1].put("c", 1, 6)
        hub.notice(notice(6))
        await settle()
        assert client.frames()[-1].data["rows"] == {"c": 1}


async def test_with_a_failed_question_the_others_are_all_sent_anew() -> None:
    """Which were the first is not known then, and no id may say so."""
    async with room() as (hub, _):
        tallies = [Tally("first"), Tally("second")]
        stream = hub.join((await open_client(hub, tallies[0]))[0].who, "e1")
        for number, tally in enumerate(tallies):
            await hub.answered(stream, hub.follow(stream, tally, b'"q":%d,' % number))
        stream.unnumbered = True
        client = Client()
        stream.open(client, b"", Resume(4, 1), 0.0)
        assert [frame.event for frame in client.frames()] == ["snapshot"] * 2
        assert client.last_id() == ""


async def test_a_stream_with_a_failed_question_sends_no_ids() -> None:
    """So that whoever comes back when the question can be answered gets all of it."""
    async with room() as (hub, _):
        tally = Tally()
        stream = hub.join((await open_client(hub, tally))[0].who, "e1")
        await hub.answered(stream, hub.follow(stream, tally, b""))
        stream.unnumbered = True
        _, client = await open_client(hub, tally)
        stream.open(client, b"", None, 0.0)
        start = len(client.written)
        tally.put("a", 1, 1)
        hub.notice(notice(1))
        await settle()
        stream.beat(0.0)
        told = b"".join(part for part in client.written[start - 1 :])
        assert told.count(b'"a": 1') == 2
        assert told.count(b"id: ") == 1, "only the other stream's"
