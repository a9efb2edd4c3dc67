"""A head that a connection has sent before is not parsed again: nobody can tell.

In the flow: sends the server's protocol several requests over a connection, once with its quick
way and once without.
Guarantee: both give the same bytes, however the requests are cut.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Sequence

import pytest
from starlette.types import Receive, Scope, Send

from livetally.errors import QuotaExceeded
from livetally.ingest import Receipt, gather
from livetally.server.lending import LendingProtocol
from tests.unit.quick_room import Room, Wire, answers_in, post
from tests.waiting import until_async

STORED = Receipt(9, 1, (), ())
NAMED = b"X-Request-Id: mine\r\n"
MADE = re.compile(rb"x-request-id: [0-9a-f]{8}-[0-9a-f]+")
WAY_IN = "POST /v1/events"


def plain(body: bytes = b'{"type":"a"}', *lines: str) -> bytes:
    """Write a request as a program sends one after the other: without a name of its own."""
    return post(body, *lines).replace(NAMED, b"")


def alike(answers: Sequence[bytes]) -> list[bytes]:
    """Return answers without the names that the server made."""
    return [MADE.sub(b"x-request-id: made", answer) for answer in answers]


class Parsed:
    """Counts what a connection's parser is given."""

    def __init__(self, protocol: LendingProtocol) -> None:
        """Stand before the parser of ``protocol``."""
        self._parser = protocol.parser
        self.pieces = 0
        protocol.parser = self  # type: ignore[assignment]

    def feed_data(self, data: bytes) -> None:
        """Count, and parse."""
        self.pieces += 1
        self._parser.feed_data(data)

    def __getattr__(self, name: str) -> object:
        """Do all else as the parser does."""
        return getattr(self._parser, name)


async def answered(room: Room, wire: Wire, count: int) -> list[bytes]:
    """Store whatever comes until so many answers are whole; return all of them."""

    async def enough() -> bool:
        while room.writer.submitted:
            batch, token = room.writer.submitted.pop(0)
            token.set_result(Receipt(9, len(batch), (), ()))
        return len(answers_in(wire.sent)) >= count or wire.closing

    await until_async(enough, f"{count} answers")
    return answers_in(wire.sent)


async def connected(room: Room, count: int) -> tuple[LendingProtocol, Wire]:
    """Open a connection that has had so many plain requests answered."""
    protocol, wire = room.connect()
    for number in range(1, count + 1):
        protocol.data_received(plain())
        await answered(room, wire, number)
    return protocol, wire


async def one_by_one(room: Room, requests: Sequence[bytes]) -> tuple[list[bytes], int]:
    """Send each request after the answer to the one before; return answers and pieces parsed."""
    protocol, wire = room.connect()
    parsed = Parsed(protocol)
    for number, request in enumerate(requests, 1):
        protocol.data_received(request)
        await answered(room, wire, number)
    protocol.connection_lost(None)
    return alike(answers_in(wire.sent)), parsed.pieces


async def test_the_same_head_is_parsed_twice_and_no_more() -> None:
    """Whatever the body's length is; each body is stored, and each answer the ordinary one."""
    bodies = [b'{"type":"a","subject":"%s"}' % (b"x" * size) for size in (1, 2, 300, 7, 90, 2)]
    quick = Room()
    answers, pieces = await one_by_one(quick, [plain(body) for body in bodies])
    assert pieces == 2
    assert quick.tasks == []
    assert answers == (await one_by_one(Room(quick=False), [plain(body) for body in bodies]))[0]


OTHERS = {
    "another head": plain(b'{"type":"a"}', "Accept: */*"),
    "a name": post(),
    "not json": plain(b"{"),
    "half an event": plain(b'{"type":"a","data":'),
    "no event": plain(b"7"),
    "wrong event": plain(b'{"type":"no good"}'),
    "two events": plain(b'[{"type":"a"},{"type":"b"}]'),
    "two bodies in one": plain(b'{"type":"a"}{"type":"b"}'),
    "cloudevent": plain(b'{"specversion":"1.0","id":"1","source":"s","type":"t"}'),
    "finer time": plain(b'{"type":"a","time":"2026-01-01T23:59:59.9999999Z"}'),
    "own member": plain(b'{"type":"a","attributes":"x"}'),
    "nothing": plain(b""),
    "get": b"GET /other HTTP/1.1\r\nHost: x\r\n\r\n",
    "large": plain(b'{"type":"a","data":{"a":"%s"}}' % (b"x" * 70_000)),
    "line end before": b"\r\n" + plain(),
    "wrong length": plain().replace(b"Content-Length: 12", b"Content-Length: x2"),
    "long length": plain().replace(b"Content-Length: 12", b"Content-Length: 000000012"),
    "last": plain(b'{"type":"a"}', "Connection: close"),
}


@pytest.mark.parametrize("case", OTHERS)
async def test_what_comes_between_is_answered_as_ever(case: str) -> None:
    """And what is alike goes on, unless the connection ends with it."""
    requests = [plain(), plain(), plain(), OTHERS[case], plain(b'{"type":"b"}'), plain()]
    ends = case in {"last", "wrong length"}
    requests = requests[: 4 if ends else None]
    answers, pieces = await one_by_one(Room(), requests)
    assert answers == (await one_by_one(Room(quick=False), requests))[0]
    assert len(answers) == len(requests)
    assert pieces < len(requests)


@pytest.mark.parametrize("seed", range(40))
async def test_requests_may_be_cut_anywhere(seed: int) -> None:
    """Sent ahead, in halves, or together: both ways give the same answers in the same order."""
    chance = random.Random(seed)
    kinds = [plain(), plain(b'{"type":"b","id":"%d"}' % seed), plain(), *list(OTHERS.values())[:13]]
    requests = [plain(), plain(), *chance.choices(kinds, k=8)]
    pieces: list[bytes] = []
    for request in requests:
        cuts = sorted(chance.sample(range(1, len(request)), k=chance.choice((0, 0, 0, 1, 2))))
        pieces += [request[a:b] for a, b in zip([0, *cuts], [*cuts, len(request)], strict=True)]
    joined = [b""]
    for piece in pieces:
        if chance.random() < 0.3:
            joined[-1] += piece
        else:
            joined.append(piece)
    heard = []
    for room in (Room(), Room(quick=False)):
        order = random.Random(seed)
        protocol, wire = room.connect()
        for piece in joined:
            protocol.data_received(piece)
            if order.random() < 0.5:
                await answered(room, wire, 0)
                await asyncio.sleep(0)
        heard.append(alike(await answered(room, wire, len(requests))))
    assert heard[0] == heard[1]
    assert len(heard[0]) == len(requests)


async def sent_so(room: Room, pieces: Sequence[bytes], count: int) -> list[bytes]:
    """Send pieces after two requests that were answered; return all answers."""
    protocol, wire = await connected(room, 2)
    for piece in pieces:
        protocol.data_received(piece)
        await asyncio.sleep(0)
    return alike(await answered(room, wire, 2 + count))


@pytest.mark.parametrize("cut", [*range(1, 24), *range(24, 150, 11)])
async def test_a_known_head_with_less_than_its_body_waits_for_the_rest(cut: int) -> None:
    """And one with more is two requests."""
    request = plain(b'{"type":"a","id":"123"}')
    for pieces in (
        [request[:-cut], request[-cut:]],
        [request + request[:-cut], request[-cut:]],
        [request + request[:cut], request[cut:]],
    ):
        count = sum(map(len, pieces)) // len(request)
        heard = [await sent_so(room, pieces, count) for room in (Room(), Room(quick=False))]
        assert heard[0] == heard[1]
        assert len(heard[0]) == 2 + count
        assert all(answer.startswith(b"HTTP/1.1 200 ") for answer in heard[0])


async def test_a_head_is_kept_with_its_own_sender() -> None:
    """Of two requests in one piece each may have another key."""
    reader = plain().replace(b"Bearer writer", b"Bearer reader")
    for first, second in ((plain(), reader), (reader, plain())):
        heard = []
        for room in (Room(), Room(quick=False)):
            protocol, wire = room.connect()
            for piece, count in ((plain(), 1), (first + second, 3), (first, 4), (second, 5)):
                protocol.data_received(piece)
                await answered(room, wire, count)
            heard.append(alike(answers_in(wire.sent)))
        assert heard[0] == heard[1]
        assert len(heard[0]) == 5


async def test_an_application_is_told_the_length_of_what_came() -> None:
    """Not of the request that the head is known from."""
    room = Room()
    protocol, _ = await connected(room, 2)
    told: list[bytes] = []

    async def asked(scope: Scope, receive: Receive, _send: Send) -> None:
        message = await receive()
        told.extend([dict(scope["headers"])[b"content-length"], message["body"]])

    room._guard = asked  # type: ignore[assignment]
    body = b"{, which is not JSON"
    protocol.data_received(plain(body))

    async def heard() -> bool:
        return len(told) > 1

    await until_async(heard, "the application")
    assert told == [b"%d" % len(body), body]


async def test_a_sender_is_looked_at_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that was revoked since, or that is too fast by now, is refused the ordinary way."""
    for status, spoilt in ((401, "keys"), (429, "rate")):
        room = Room()
        protocol, wire = room.connect()
        parsed = Parsed(protocol)
        for number in range(1, 4):
            protocol.data_received(plain())
            await answered(room, wire, number)
        assert parsed.pieces == 2
        if spoilt == "keys":
            monkeypatch.setattr(room.services.keys, "peek_by", lambda _: None)
            monkeypatch.setattr(room.services.keys, "peek", lambda _: None)
        else:
            room.rate.note("writer", 5_000)
            with pytest.raises(QuotaExceeded):
                room.rate.require("writer")
        protocol.data_received(plain())
        answer = (await answered(room, wire, 4))[-1]
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert room.tasks == [WAY_IN]
        assert parsed.pieces == 2


async def test_heads_that_are_never_the_same_are_looked_for_no_more() -> None:
    """And what was kept is forgotten when the connection sends another head."""
    room = Room()
    protocol, wire = room.connect()
    for number in range(1, 15):
        protocol.data_received(plain(b'{"type":"a"}', f"Traceparent: {number}"))
        await answered(room, wire, number)
    kept = protocol._head
    assert kept is not None
    assert b"Traceparent: 9" in kept.before
    long, its_wire = room.connect()
    for number in range(1, 4):
        long.data_received(plain(b'{"type":"a"}', f"Padding: {'x' * 3_000}"))
        await answered(room, its_wire, number)
    assert long._head is None


async def test_a_connection_ends_when_nothing_comes_for_its_time() -> None:
    """One timer does for many answers: it waits on as long as there was one since it began."""
    room = Room()
    protocol, wire = await connected(room, 3)
    timers = [protocol.timeout_keep_alive_task]
    protocol.data_received(plain())
    timers.append(protocol.timeout_keep_alive_task)
    assert timers[0] is timers[1] is not None
    protocol.timeout_keep_alive_handler()  # while a request waits for its answer
    assert not wire.is_closing()
    timers = [protocol.timeout_keep_alive_task]
    await answered(room, wire, 4)
    timers.append(protocol.timeout_keep_alive_task)
    protocol.timeout_keep_alive_handler()  # a moment after an answer
    assert not wire.is_closing()
    timers.append(protocol.timeout_keep_alive_task)
    assert [timer is None for timer in timers] == [True, False, False]
    protocol._answered_s -= protocol.timeout_keep_alive
    protocol.timeout_keep_alive_handler()
    assert wire.is_closing()
    protocol.connection_lost(ConnectionResetError())
    assert protocol.timeout_keep_alive_task is None


async def test_a_server_that_ends_ends_with_the_answer() -> None:
    """Also when the request's head was known."""
    room = Room()
    protocol, wire = await connected(room, 2)
    protocol.data_received(plain())
    protocol.shutdown()
    last = (await answered(room, wire, 3))[-1]
    assert b"\r\nconnection: close\r\n\r\n" in last
    assert wire.closing


async def test_nothing_of_a_request_is_kept_when_it_is_answered() -> None:
    """Neither its body nor what refers back to it, whether it was answered in a task or not."""
    room = Room()
    ends = [room.connect() for _ in range(4)]
    bodies = [b'{"type":"a","data":{"a":"%s"}}' % (b"x" * 60_000), b'{"type":"b"}', b"{", b"[{}]"]
    for (protocol, _), body in zip(ends, bodies, strict=True):
        protocol.data_received(plain(body))
    turns = [protocol.cycle for protocol, _ in ends]
    for _, wire in ends:
        await answered(room, wire, 1)
    for turn in turns:
        assert turn.body == b""
        assert getattr(turn, "_exchange", "gone") is None


async def test_a_gather_that_cannot_be_read_at_all_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A defect in reading must not leave a connection without an answer."""

    def defect(_gathered: object) -> None:
        raise LookupError

    room = Room()
    ends = [room.connect() for _ in range(2)]
    monkeypatch.setattr(gather, "_read", defect)
    for body, (protocol, _) in zip((b'{"type":"a"}', b'[{"type":"b"}]'), ends, strict=True):
        protocol.data_received(plain(body))
    for _, wire in ends:
        (answer,) = await answered(room, wire, 1)
        assert answer.startswith(b"HTTP/1.1 500 ")


async def test_one_answer_that_fails_keeps_no_other_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of those that are given together, held up or not."""
    room = Room()
    caught: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, about: caught.append(about))
    ends = [room.connect() for _ in range(4)]
    for protocol, _ in ends:
        protocol.data_received(plain())

    def fail(*_: object) -> None:
        raise LookupError

    for number, held_up in ((0, False), (2, True)):
        protocol, wire = ends[number]
        monkeypatch.setattr(wire, "write", fail)
        if held_up:
            protocol.pause_writing()
            monkeypatch.setattr(protocol.cycle, "run", fail)
    ends[3][0].pause_writing()
    await answered(room, ends[1][1], 1)
    ends[3][0].resume_writing()
    await answered(room, ends[3][1], 1)
    assert len(caught) == 2


async def test_what_cannot_be_read_is_not_answered_to_who_has_gone() -> None:
    """Nor does it harm those whose events came together with it."""
    room = Room()
    gone, its_wire = room.connect()
    stays, wire = room.connect()
    gone.data_received(plain(b"{"))
    stays.data_received(plain())
    gone.connection_lost(ConnectionResetError())
    assert len(await answered(room, wire, 1)) == 1
    assert its_wire.sent == b""
    assert room.tasks == []
