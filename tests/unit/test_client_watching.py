"""A live question: the picture that updates add up to, over as many connections as it takes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from decimal import Decimal
from itertools import islice
from typing import Any

import httpx2
import msgspec
import pytest

from livetally.client import AsyncClient, Client, Unreachable, Update
from livetally.client.exchange import Lost, Reply
from livetally.client.pictures import MetricPicture
from livetally.client.question import question
from livetally.client.retry import Patience, Retry
from livetally.client.watching import Watching
from livetally.errors import LivetallyError, Overloaded, Unauthenticated, UnknownName
from livetally.testing.clock import ManualClock
from tests.client_fakes import AT_ONCE, FakeServer, Step, busy, drop_before, problem

ABOUT = {
    "metric": "taps",
    "interval": "day",
    "tz": "UTC",
    "from": "2026-01-01T00:00:00+00:00",
    "to": None,
}
GONE = Lost("http://fake", "gone")


def row(day: int, value: Any, shop: str = "a") -> dict[str, Any]:
    """Return a row of a day in January."""
    return {"time": f"2026-01-{day:02}T00:00:00+00:00", "shop": shop, "value": value}


def frame(kind: str, position: int, *rows: dict[str, Any]) -> bytes:
    """Return a frame as the server writes it."""
    about = ABOUT if kind == "snapshot" else {}
    data = msgspec.json.Encoder(decimal_format="number").encode(
        {**about, "position": position, "rows": rows}
    )
    return b"id: e.%d\nevent: %s\ndata: %s\n\n" % (position, kind.encode(), data)


def watching() -> Watching[Update]:
    """Return a live question that waits without chance."""
    patience = Patience(Retry(1, 1), ManualClock(), chance=lambda: 1)
    return Watching(question("taps", interval="day"), MetricPicture(), patience)


def fed(state: Watching[Update], *frames: bytes) -> list[Update]:
    """Open a connection and feed it."""
    state.call()
    state.begun(Reply(200, {}, b""))
    return [update for part in frames for update in state.feed(part)]


def test_a_snapshot_is_the_whole_answer() -> None:
    """Decimals are exact, and what is asked is told."""
    (update,) = fed(watching(), frame("snapshot", 3, row(1, Decimal("1.50")), row(2, 5)))
    assert (update.kind, update.position) == ("snapshot", 3)
    assert update.answer.metric == "taps"
    assert update.answer.rows == [row(1, Decimal("1.50")), row(2, 5)]
    assert str(update.rows[0]["value"]) == "1.50"


def test_an_update_changes_its_rows_and_no_others() -> None:
    """A row is known by its bucket and its dimensions."""
    updates = fed(
        watching(),
        frame("snapshot", 1, row(1, 1), row(1, 2, "b")),
        frame("update", 2, row(1, 7, "b")),
    )
    assert updates[1].rows == [row(1, 7, "b")]
    assert updates[1].answer.rows == [row(1, 1), row(1, 7, "b")]
    assert updates[1].answer.position == 2


def test_a_late_bucket_takes_its_place_in_time() -> None:
    """New rows are put in order, whenever they come."""
    updates = fed(
        watching(), frame("snapshot", 1, row(1, 1), row(5, 5)), frame("update", 2, row(3, 3))
    )
    assert [one["value"] for one in updates[-1].answer.rows] == [1, 3, 5]


def test_the_hour_that_comes_twice_stays_in_order() -> None:
    """On the day when summer time ends, 02:00+02:00 is before 02:00+01:00."""
    twice = [{"time": f"2026-10-25T02:00:00+0{offset}:00", "value": offset} for offset in (1, 2)]
    updates = fed(watching(), frame("snapshot", 1), frame("update", 2, *twice))
    assert [one["value"] for one in updates[-1].answer.rows] == [2, 1]


def test_an_update_that_comes_twice_changes_nothing() -> None:
    """Values are absolute."""
    again = frame("update", 2, row(1, 4))
    updates = fed(watching(), frame("snapshot", 1, row(1, 1)), again, again)
    assert updates[1].answer == updates[2].answer


def test_dimensions_that_look_alike_are_different_groups() -> None:
    """The number 1 and the boolean true are not the same group."""
    rows = [row(1, 10) | {"shop": 1}, row(1, 20) | {"shop": True}]
    (update,) = fed(watching(), frame("snapshot", 1, *rows))
    assert [one["value"] for one in update.answer.rows] == [10, 20]


def test_the_next_connection_resumes_where_the_last_one_ended() -> None:
    """The id of the last complete block is sent; heartbeats move it on."""
    state = watching()
    assert "Last-Event-ID" not in state.call().headers
    fed(state, frame("snapshot", 3, row(1, 1)), b"id: e.9\n\n", b"id: e.11\ndata: cut")
    assert state.call().headers["Last-Event-ID"] == "e.9"


def test_a_connection_cut_before_its_first_id_still_resumes() -> None:
    """A block without an id does not forget the place."""
    state = watching()
    fed(state, frame("snapshot", 3, row(1, 1)))
    fed(state, b"retry: 1000\n\n")
    assert state.call().headers["Last-Event-ID"] == "e.3"


def test_the_picture_is_kept_over_a_loss() -> None:
    """After resuming, only what changed comes, and the answer is whole."""
    state = watching()
    fed(state, frame("snapshot", 1, row(1, 1), row(2, 2)))
    (update,) = fed(state, frame("update", 5, row(2, 9)))
    assert update.answer.rows == [row(1, 1), row(2, 9)]


def test_a_reset_forgets_the_picture() -> None:
    """What another epoch said is gone; the snapshot that follows is all there is."""
    state = watching()
    fed(state, frame("snapshot", 9, row(1, 1)))
    (update,) = fed(state, b"event: reset\ndata: {}\n\n" + frame("snapshot", 2, row(4, 4)))
    assert update.answer.rows == [row(4, 4)]


def test_unknown_events_and_comments_are_passed_over() -> None:
    """A later server may send more."""
    assert fed(watching(), b": hi\n\nevent: news\ndata: {}\n\n") == []


def test_a_lost_connection_waits_as_the_server_asked() -> None:
    """The stream's retry time, and chance on top."""
    state = watching()
    fed(state, b"retry: 2500\n\n")
    assert state.wait_s(GONE) == 3.5


def test_a_server_that_never_answered_is_an_error() -> None:
    """The address is probably wrong: the caller hears it at once."""
    state = watching()
    state.call()
    with pytest.raises(Unreachable, match="http://fake: gone"):
        state.wait_s(GONE)


def test_a_busy_server_is_asked_again_after_its_time() -> None:
    """503 with Retry-After is no end of the stream."""
    state = watching()
    state.call()
    reply = busy(503, retry_after="9")(FakeServer(), httpx2.Request("GET", "http://fake"))
    state.begun(Reply(503, dict(reply.headers), reply.content))
    assert state.wait_s(GONE) == 10.0


def test_a_problem_that_will_not_go_away_ends_the_stream() -> None:
    """Before the stream, and in it."""
    gone = problem(404, "Not found", "…", field="metric", reason="no metric is called 'taps'")
    with pytest.raises(UnknownName):
        watching().begun(Reply(404, {}, gone.content))
    with pytest.raises(UnknownName):
        fed(watching(), b"event: problem\ndata: " + gone.content + b"\n\n")


def test_a_problem_that_passes_leads_to_another_connection() -> None:
    """The server says that its store failed, and ends the stream."""
    passing = problem(503, "Store failed", "…")
    assert fed(watching(), b"event: problem\ndata: " + passing.content + b"\n\n") == []
    with pytest.raises(LivetallyError):
        fed(watching(), b"event: problem\ndata: nonsense\n\n")


def streamed(*frames: bytes) -> Step:
    """Return a step that streams these frames and ends."""
    return lambda _server, _request: httpx2.Response(
        200, content=b"".join(frames), headers={"Content-Type": "text/event-stream"}
    )


SCRIPT: list[Step] = [
    streamed(b"retry: 0\n\n", frame("snapshot", 1, row(1, 1))),
    drop_before,
    busy(503, retry_after="0"),
    streamed(b"retry: 0\n\n", frame("update", 4, row(2, 2))),
    lambda _s, _r: problem(401, "Key needed", "The key is unknown, expired or revoked."),
]


def test_watching_goes_on_over_losses_until_the_key_ends() -> None:
    """The sync client: a snapshot, a lost connection, a busy server, an update, a revoked key."""
    server = FakeServer(list(SCRIPT))
    seen: list[Update] = []
    with (
        Client("http://fake", "k", transport=server.transport, retry=AT_ONCE) as client,
        pytest.raises(Unauthenticated),
    ):
        seen.extend(client.watch("taps", interval="day"))
    assert_followed(server, seen)


async def test_watching_goes_on_over_losses_on_an_event_loop() -> None:
    """The async client does the same."""
    server = FakeServer(list(SCRIPT))
    seen: list[Update] = []

    async def follow() -> None:
        async with AsyncClient(
            "http://fake", "k", transport=server.transport, retry=AT_ONCE
        ) as client:
            async for update in client.watch("taps", interval="day"):
                seen.append(update)  # noqa: PERF401 - what came before the error counts

    with pytest.raises(Unauthenticated):
        await follow()
    assert_followed(server, seen)


def assert_followed(server: FakeServer, seen: list[Update]) -> None:
    """Check what was asked and what was told over ``SCRIPT``."""
    assert [update.kind for update in seen] == ["snapshot", "update"]
    assert seen[-1].answer.rows == [row(1, 1), row(2, 2)]
    resumed = [request.headers.get("last-event-id") for request in server.requests]
    assert resumed == [None, "e.1", "e.1", "e.1", "e.4"]
    assert all(request.headers["accept"] == "text/event-stream" for request in server.requests)


def test_a_watcher_that_stops_closes_its_connection() -> None:
    """Leaving the loop is enough."""
    server = FakeServer([streamed(frame("snapshot", 1, row(1, 1)), frame("update", 2, row(1, 2)))])
    with Client("http://fake", transport=server.transport) as client:
        assert len(list(islice(client.watch("taps"), 2))) == 2
    assert len(server.requests) == 1


@pytest.mark.parametrize("step", [drop_before, busy(400)], ids=["unreachable", "refused"])
async def test_a_question_that_can_not_be_asked_raises_at_once(step: Callable[..., Any]) -> None:
    """Both clients tell the caller instead of trying for ever."""
    with Client("http://fake", transport=FakeServer([step]).transport) as client:
        with pytest.raises(LivetallyError) as caught:
            next(iter(client.watch("taps")))
        assert not isinstance(caught.value, Overloaded)
    async with (
        AsyncClient("http://fake", transport=FakeServer([step]).transport) as client_async,
        aclosing(client_async.watch("taps")) as updates,
    ):
        with pytest.raises(LivetallyError):
            await anext(updates)
