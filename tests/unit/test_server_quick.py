"""Requests that are answered without a task: the same answers, in the same order, to the same ends.

In the flow: speaks HTTP to the server's protocol, once with its quick way and once without.
Guarantee: both ways give the same bytes; what is unusual goes the ordinary way.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

import pytest

from livetally.api import Quick
from livetally.errors import NotDurable, Overloaded
from livetally.ingest import Differing, Outcome, Receipt
from livetally.server import run
from livetally.server.build import quick_for
from livetally.settings import Settings
from livetally.telemetry import REGISTRY
from tests.unit.quick_room import Room, answers_in, post

STORED = Receipt(9, 1, (), ())
WAY_IN = "POST /v1/events"
BAD = b'{"type":"no good"}'
GET = b"GET /other HTTP/1.1\r\nHost: x\r\nX-Request-Id: mine\r\n\r\n"


async def told(room: Room, data: bytes, *outcomes: Outcome, https: bool = False) -> bytes:
    """Send one request, tell the fate of its events, and return the answer."""
    protocol, wire = room.connect(https=https)
    protocol.data_received(data)
    await room.settle(*outcomes)
    await wire.answered(1)
    protocol.connection_lost(None)
    return wire.sent


@pytest.mark.parametrize(
    ("data", "outcome"),
    [
        (post(), STORED),
        (post(), Receipt(9, 0, (0,), ())),
        (post(b'[{"type":"a"},{"type":"b"}]'), Receipt(12, 2, (), ())),
        (post(b'[{"type":"a","id":"1"},{"type":"a","id":"1"}]'), Receipt(12, 1, (1,), ())),
        (post(b' \n{"type":"a"}\n'), STORED),
        (post(b'{"type":"a"}', "Connection: close"), STORED),
        (post(b'{"type":"a"}', "Content-Type: application/json; charset=utf-8"), STORED),
    ],
    ids=["stored", "repeated", "two", "two alike", "spaces", "close", "charset"],
)
@pytest.mark.parametrize("https", [False, True])
async def test_a_plain_request_takes_no_task(data: bytes, outcome: Receipt, https: bool) -> None:  # noqa: FBT001
    """The answer is the ordinary one, byte by byte."""
    quick, ordinary = Room(), Room(quick=False)
    answer = await told(quick, data, outcome, https=https)
    assert answer == await told(ordinary, data, outcome, https=https)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert (b"strict-transport-security" in answer) is https
    assert quick.tasks == []
    assert ordinary.tasks == [WAY_IN]


@pytest.mark.parametrize(
    ("data", "outcomes", "status"),
    [
        (post(), [Receipt(9, 0, (), (Differing(0, 4),))], 200),
        (post(BAD), [], 422),
        (post(b'[{"type":"good"},{"type":"no good"}]'), [STORED], 200),
        (post(b'[{"type":"good"},{"tpye":"a"}]'), [STORED], 200),
        (post(b'{"tpye":"a"}'), [], 422),
        (post(), [NotDurable(None)], 503),
    ],
    ids=["conflict", "rejected", "one rejected", "one unread", "unread", "lost"],
)
async def test_a_fate_that_is_not_plain_is_told_in_full(
    data: bytes, outcomes: list[Outcome], status: int
) -> None:
    """The events went the quick way; the ordinary one answers."""
    quick, ordinary = Room(), Room(quick=False)
    answer = await told(quick, data, *outcomes)
    assert answer == await told(ordinary, data, *outcomes)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert quick.tasks == []
    assert quick.rate._ahead == ordinary.rate._ahead


@pytest.mark.parametrize("requests", [1, 500])
async def test_a_writer_that_is_behind_is_told_of(requests: int) -> None:
    """Also when so many are refused together that it is while the last one is still read."""
    heard: list[tuple[bytes, bytes]] = []
    for room in (Room(), Room(quick=False)):
        room.writer.refusal = Overloaded(None)
        ends = [room.connect() for _ in range(requests)]
        for protocol, _ in ends:
            protocol.data_received(post())
        first, last = ends[0][1], ends[-1][1]
        heard.append(((await first.answered(1))[0], (await last.answered(1))[0]))
    assert heard[0] == heard[1]
    assert b"retry-after: 1\r\n" in heard[0][1]


UNUSUAL = {
    "query": post(target="POST /v1/events?strict=false HTTP/1.1"),
    "wrong query": post(target="POST /v1/events?x HTTP/1.1"),
    "http 1.0": post(target="POST /v1/events HTTP/1.0"),
    "path": post(target="POST /v1/Events HTTP/1.1"),
    "method": post(target="PUT /v1/events HTTP/1.1"),
    "unknown key": post(key="nobody"),
    "no key": post(key=""),
    "other scope": post(key="reader"),
    "stream token": post(key="stream"),
    "session": post(b'{"type":"a"}', "X-Livetally-Console: 1", key="session"),
    "lines": post(b'{"type":"a"}\n{"type":"b"}\n', "Content-Type: application/x-ndjson"),
    "cloudevent": post(b'{"a":1}', "ce-specversion: 1.0", "ce-type: a", "ce-id: 1", "ce-source: b"),
    "no type": post(b'{"type":"a"}', "Content-Type: text/plain"),
    "packed": post(b'{"type":"a"}', "Content-Encoding: gzip"),
    "expected": post(b'{"type":"a"}', "Expect: 100-continue"),
    "from a page": post(b'{"type":"a"}', "Origin: https://a.example"),
    "with a cookie": post(b'{"type":"a"}', "Cookie: a=b"),
    "to a team": post(b'{"type":"a"}', "X-Livetally-Team: default"),
    "upgrade": post(b'{"type":"a"}', "Connection: upgrade", "Upgrade: h2c"),
    "twice": post(b'{"type":"a"}', "X-Request-Id: other"),
    "not json": post(b'{"type":'),
    "not utf-8": post(b'{"type":"\xff"}'),
    "no event": post(b"7"),
    "nothing": post(b""),
    "no length": post(b"").replace(b"Content-Length: 0\r\n", b""),
    "large": post(b"[%s]" % b",".join([b'{"type":"a","data":{"a":"%s"}}' % (b"x" * 40_000)] * 2)),
    "many": post(b"[" + b",".join([b'{"type":"a"}'] * 101) + b"]"),
    "chunks": post(b'c\r\n{"type":"a"}\r\n0\r\n\r\n', "Transfer-Encoding: chunked").replace(
        b"Content-Length: 22\r\n", b""
    ),
}
STORING = {"query", "http 1.0", "session", "lines", "cloudevent", "expected", "from a page"}
STORING |= {"with a cookie", "to a team", "twice", "large", "many", "chunks"}


@pytest.mark.parametrize("case", UNUSUAL)
async def test_what_is_unusual_goes_the_ordinary_way(case: str) -> None:
    """A task answers it, as if there were no other way."""
    outcomes = [STORED] if case in STORING else []
    quick, ordinary = Room(), Room(quick=False)
    answer = await told(quick, UNUSUAL[case], *outcomes)
    assert answer == await told(ordinary, UNUSUAL[case], *outcomes)
    assert len(quick.tasks) == 1
    assert quick.tasks == ordinary.tasks
    assert (b" 200 OK" in answer) is (bool(outcomes) or case in ("path", "method"))


async def test_a_small_bound_of_bodies_holds() -> None:
    """A body that is longer than the server takes is refused as ever."""
    for quick in (True, False):
        answer = await told(Room(quick=quick, body_bytes_max=20), post())
        assert answer.startswith(b"HTTP/1.1 413 ")


async def test_a_key_that_is_too_fast_is_refused() -> None:
    """What was sent the quick way counts against its rate."""
    answers = []
    for room in (Room(), Room(quick=False)):
        room.rate.note("writer", 1_000)
        await told(room, post(), STORED)
        room.tasks.clear()
        answers.append(await told(room, post()))
        assert room.tasks == [WAY_IN]
    assert answers[0] == answers[1]
    assert answers[0].startswith(b"HTTP/1.1 429 ")


async def test_requests_without_a_name_are_given_one() -> None:
    """As those that bring one that is not plain."""
    for name in (b"", b"X-Request-Id: a b\r\n"):
        room = Room()
        data = post().replace(b"X-Request-Id: mine\r\n", name)
        answer = await told(room, data, STORED)
        made = answer.partition(b"x-request-id: ")[2].partition(b"\r\n")[0]
        assert len(made.partition(b"-")[0]) == 8
        assert room.tasks == []


@pytest.mark.parametrize("step", [1, 7, 50])
async def test_a_request_may_come_in_any_pieces(step: int) -> None:
    """Also byte by byte: it is answered once, when it is whole."""
    room = Room()
    protocol, wire = room.connect()
    data = post()
    for at in range(0, len(data), step):
        assert room.writer.submitted == []
        protocol.data_received(data[at : at + step])
    await room.settle(STORED)
    assert await wire.answered(1) == [await told(Room(), post(), STORED)]
    assert room.tasks == []


async def test_requests_sent_ahead_are_answered_in_order() -> None:
    """Quick and ordinary ones in one piece; each waits for those before it."""
    for room in (Room(), Room(quick=False)):
        protocol, wire = room.connect()
        bodies = [b'{"type":"a","id":"%d"}' % number for number in range(3)]
        mixed = post(bodies[0]) + GET + post(bodies[1]) + post(b"7") + GET + post(bodies[2])
        protocol.data_received(mixed[:-5])
        await room.settle(Receipt(5, 1, (), ()))
        await room.settle(Receipt(6, 1, (), ()))
        await wire.answered(5)
        assert len(answers_in(wire.sent)) == 5
        protocol.data_received(mixed[-5:])
        await room.settle(Receipt(7, 1, (), ()))
        first, second, third, fourth, fifth, sixth = await wire.answered(6)
        for position, answer in ((5, first), (6, third), (7, sixth)):
            assert b'{"position":%d,"stored":1' % position in answer
        assert second.endswith(b"other")
        assert fourth.startswith(b"HTTP/1.1 400 ")
        assert fifth.endswith(b"other")
        assert room.tasks.count(WAY_IN) == (1 if room._quick else 4)


async def test_a_client_that_has_gone_harms_nobody() -> None:
    """Its event is stored; the others of its batch are answered."""
    room = Room()
    gone, its_wire = room.connect()
    stays, wire = room.connect()
    half, _ = room.connect()
    gone.data_received(post(b'{"type":"a","id":"1"}'))
    stays.data_received(post(b'{"type":"a","id":"2"}'))
    half.data_received(post()[:-3])
    gone.connection_lost(ConnectionResetError())
    half.connection_lost(None)
    await room.settle(Receipt(9, 2, (), ()))
    await wire.answered(1)
    assert its_wire.sent == b""
    assert room.writer.submitted == []


async def test_a_server_that_ends_answers_what_it_has_taken() -> None:
    """And says that the connection ends with it."""
    for room in (Room(), Room(quick=False)):
        protocol, wire = room.connect()
        protocol.data_received(post())
        protocol.shutdown()
        assert not wire.closing
        await room.settle(STORED)
        (answer,) = await wire.answered(1)
        assert b"\r\nconnection: close\r\n\r\n" in answer
        assert wire.closing


async def test_nothing_is_pushed_on_a_client_that_does_not_read() -> None:
    """The answer waits until it does."""
    room = Room()
    protocol, wire = room.connect()
    protocol.data_received(post())
    protocol.pause_writing()
    await room.settle(STORED)
    for _ in range(20):
        await asyncio.sleep(0)
    assert wire.sent == b""
    protocol.resume_writing()
    assert await wire.answered(1) == [await told(Room(), post(), STORED)]


async def test_a_body_that_stands_still_is_refused() -> None:
    """Once, and nothing of what comes late is taken."""
    room = Room()
    protocol, wire = room.connect()
    protocol.data_received(post()[:-3])
    for _ in range(31):
        protocol.look(1.0)
    assert wire.sent.startswith(b"HTTP/1.1 408 ")
    assert wire.closing
    protocol.data_received(post()[-3:])
    for _ in range(20):
        await asyncio.sleep(0)
    assert room.writer.submitted == []


async def test_a_connection_stays_open_from_one_request_to_the_next() -> None:
    """With the timer that ends it when none comes, as after any other answer."""
    room = Room()
    protocol, wire = room.connect()
    for number in range(1, 4):
        protocol.data_received(post())
        timers = [protocol.timeout_keep_alive_task]
        await room.settle(STORED)
        await wire.answered(number)
        timers.append(protocol.timeout_keep_alive_task)
        assert [timer is None for timer in timers] == [True, False]
        assert wire.sent.count(b"connection: close") == 0
    assert room._state.total_requests == 3
    assert room.tasks == []


@pytest.mark.parametrize(
    ("settings", "quick"),
    [
        (Settings(), True),
        (Settings(role="api"), True),
        (Settings(role="loader"), False),
        (Settings(log_requests=True), False),
        (Settings(traces="http://127.0.0.1:4318"), False),
        (Settings(behind_proxy="127.0.0.1"), False),
    ],
)
async def test_a_server_with_more_to_do_for_each_request_has_no_quick_way(
    settings: Settings, *, quick: bool
) -> None:
    """A loader takes no events; a log or a trace tells of each; a proxy's word is to be judged."""
    services = Room().services
    assert isinstance(quick_for(settings, services), Quick) is quick


async def test_the_server_is_run_with_its_quick_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each connection is given it."""
    monkeypatch.setattr(run, "places", lambda wanted: wanted)  # it would raise this process's limit
    room = Room()
    quick = quick_for(Settings(), room.services)
    made = run._config(room._guard, Settings(), quick)
    protocol = cast("Any", made.http)(config=made, server_state=room._state, app_state={})
    assert protocol._quick is quick is not None


async def test_quick_answers_are_measured_like_others() -> None:
    """Counted by status, and timed from the headers to the answer."""
    names = (
        ("livetally_answers_total", {"status": "2xx"}),
        (
            "livetally_request_seconds_sum",
            {"kind": "events"},
        ),
    )
    for room in (Room(), Room(quick=False)):
        for outcome in (STORED, Receipt(9, 0, (), (Differing(0, 4),))):
            before = [REGISTRY.get_sample_value(*name) or 0.0 for name in names]
            protocol, wire = room.connect()
            protocol.data_received(post())
            await asyncio.sleep(0)
            room.clock.advance(s=2)
            await room.settle(outcome)
            await wire.answered(1)
            after = [REGISTRY.get_sample_value(*name) or 0.0 for name in names]
            assert [after[0] - before[0], round(after[1] - before[1], 6)] == [1, 2]
