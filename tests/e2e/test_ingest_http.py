"""Ingest over HTTP: encodings, streams, retries and hostile bodies against a real server.

In the flow: speaks to ``livetally serve`` through sockets and an HTTP client.
Guarantee: each refusal is a 4xx with problem details, within a bounded time; what was acknowledged
is there exactly once.
"""

from __future__ import annotations

import gzip
import json
import socket
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest

from livetally.testing import Server

if TYPE_CHECKING:
    from tests.e2e.where import Start

pytest_plugins = ("tests.e2e.where",)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LINE = b'{"type":"a","id":"%d","data":{"n":1}}\n'


@pytest.fixture(scope="module")
def server(start: Start) -> Iterator[Server]:
    """Start one server for all tests; each uses ids of its own."""
    with start() as started:
        yield started


def post(
    server: Server, body: bytes, kind: str = "application/x-ndjson", **more: str
) -> tuple[int, dict[str, Any]]:
    """POST a body on a new connection; return status and answer."""
    connection = HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": kind}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    connection.request("POST", "/v1/events", body, headers)
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    decoded: dict[str, Any] = json.loads(text)
    if answer.status != 200:
        assert answer.headers["Content-Type"] == "application/problem+json"
    return answer.status, decoded


def lines(first: int, count: int) -> bytes:
    """Return lines with ids from ``first`` on."""
    return b"".join(LINE % number for number in range(first, first + count))


@pytest.mark.parametrize(
    ("encoding", "packed"),
    [
        ("gzip", gzip.compress(lines(1000, 9)) + gzip.compress(lines(1009, 1))),
        ("zstd", zstd.compress(lines(2000, 9)) + zstd.compress(lines(2009, 1))),
    ],
    ids=["gzip", "zstd"],
)
def test_packed_bodies_may_have_several_members(
    server: Server, encoding: str, packed: bytes
) -> None:
    """All members count; cut short anywhere it is a 400, and sent again all are duplicates."""
    status, answer = post(server, packed, Content_Encoding=encoding)
    assert (status, answer["stored"]) == (200, 10)
    status, answer = post(server, packed[:-3], Content_Encoding=encoding)
    assert status == 400
    assert "unpacked" in answer["detail"]
    status, answer = post(server, packed, Content_Encoding=encoding)
    assert (status, answer["stored"], answer["duplicates"]) == (200, 0, 10)


@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
def test_a_bomb_is_refused_before_it_is_inflated_whole(server: Server, kind: str) -> None:
    """A gigabyte of line ends in a megabyte is a 413, whichever way the body is read."""
    member = gzip.compress(b"\n" * (64 * 1024 * 1024))
    status, answer = post(server, member * 16, kind, Content_Encoding="gzip")
    assert status == 413
    assert answer["detail"]


def test_lines_that_are_alike_are_taken_however_small_they_pack(server: Server) -> None:
    """Ten megabytes in twenty kilobytes are events, not a bomb: each line is paid for."""
    line = b'{"type":"alike","data":{"note":"%s"}}\n' % (b"x" * 4_000)
    packed = gzip.compress(line * 2_500)
    assert len(packed) * 400 < len(line) * 2_500
    status, answer = post(server, packed, Content_Encoding="gzip")
    assert (status, answer["stored"]) == (200, 2_500)


def test_a_retry_in_other_words_is_a_duplicate(server: Server) -> None:
    """Order, spaces and the spelling of numbers and offsets don't count; values do."""
    first = b'{"type":"p","id":"r","time":"2026-03-01T10:00:00Z","data":{"v":1.10,"w":[1,2]}}'
    again = b'{"data":{ "w": [1, 2.0], "v": 11e-1 },"time":"2026-03-01T11:00:00+01:00",'
    again += b'"id":"r","type":"p"}'
    other = first.replace(b"1.10", b"1.11")
    assert post(server, first)[1]["stored"] == 1
    status, answer = post(server, again + b"\n" + other + b"\n" + again)
    assert (status, answer["stored"], answer["duplicates"]) == (200, 0, 2)
    assert [conflict["index"] for conflict in answer["conflicts"]] == [1]


def test_a_long_retry_in_other_words_is_all_duplicates(server: Server) -> None:
    """However many are spelt anew, each is compared; the one that says something else is told."""
    spelt = b'{"type":"p","id":"l%d","data":{"v":%d,"w":1}}\n'
    anew = b'{"data":{"w":1.0,"v":%d},"id":"l%d","type":"p"}'
    count = 3_000
    assert post(server, b"".join(spelt % (n, n) for n in range(count)))[1]["stored"] == count
    items = [anew % (n if n != count - 1 else 0, n) for n in range(count)]
    status, answer = post(server, b"[" + b",".join(items) + b"]", "application/json")
    assert (status, answer["stored"], answer["duplicates"]) == (200, 0, count - 1)
    assert [conflict["index"] for conflict in answer["conflicts"]] == [count - 1]


def test_a_conflict_within_one_request(server: Server) -> None:
    """The first of two events with one id counts, and the second is told."""
    body = b'[{"type":"a","id":"c","data":{"n":1}},{"type":"a","id":"c","data":{"n":2}}]'
    _, answer = post(server, body, "application/json")
    assert (answer["stored"], [one["index"] for one in answer["conflicts"]]) == (1, [1])


def test_strict_is_all_or_nothing(server: Server) -> None:
    """With one bad line nothing is stored; without it everything is."""
    connection = HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/x-ndjson"}
    for body, status, stored in [
        (lines(3000, 2) + b"nope\n", 422, 0),
        (lines(3000, 2), 200, 2),
    ]:
        connection.request("POST", "/v1/events?strict=true", body, headers)
        answer = connection.getresponse()
        assert answer.status == status
        assert json.loads(answer.read())["stored"] == stored
    connection.close()


def test_expect_continue_and_keep_alive(server: Server) -> None:
    """The body is asked for before it is sent, and the connection serves a second request."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as raw:
        body = LINE % 4000
        head = (
            f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\n"
            f"Content-Type: application/x-ndjson\r\nContent-Length: {len(body)}\r\n"
        ).encode()
        raw.sendall(head + b"Expect: 100-continue\r\n\r\n")
        assert raw.recv(4096).startswith(b"HTTP/1.1 100 ")
        for number in range(2):
            raw.sendall(body if number == 0 else head + b"\r\n" + body)
            answer = b""
            while b"rejected" not in answer:
                answer += raw.recv(4096)
            assert answer.startswith(b"HTTP/1.1 200 ")
            assert (b'"duplicates":1' in answer) is (number == 1)


def test_a_sender_that_leaves_in_mid_body_costs_nothing(server: Server) -> None:
    """Half a body is dropped without an error in the log; the next sender is served."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=30) as raw:
        raw.sendall(
            f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {server.key}\r\n"
            "Content-Type: application/x-ndjson\r\nContent-Length: 1000\r\n\r\n".encode()
        )
        raw.sendall(LINE % 5000)
    assert post(server, LINE % 5001)[1]["stored"] == 1
    assert "Traceback" not in server.log_text()


def test_a_large_chunked_body_is_taken_whole(server: Server) -> None:
    """Several chunks of lines, sent in pieces that end anywhere: each line once, by its index."""
    whole = lines(100_000, 20_000) + b"nope\n" + lines(120_000, 20_000)
    pieces = [whole[at : at + 7001] for at in range(0, len(whole), 7001)]
    connection = HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/x-ndjson"}
    connection.request("POST", "/v1/events", iter(pieces), headers, encode_chunked=True)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    assert answer["stored"] == 40_000
    assert [one["index"] for one in answer["rejected"]] == [20_000]
    again = post(server, whole)[1]
    assert (again["stored"], again["duplicates"]) == (0, 40_000)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/events", "DELETE, GET, HEAD, OPTIONS, POST"),
        ("PUT", "/v1/definitions", "GET, HEAD, OPTIONS"),
        ("POST", "/v1/definitions/shop", "DELETE, GET, HEAD, OPTIONS, PUT"),
    ],
)
def test_every_method_of_a_path_is_named(
    server: Server, method: str, path: str, allowed: str
) -> None:
    """Several routes may serve one path; a client is told of them all, also when it only asks."""
    connection = HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    for sent, status in ((method, 405), ("OPTIONS", 204)):
        connection.request(sent, path)
        answer = connection.getresponse()
        answer.read()
        assert (answer.status, answer.headers["Allow"]) == (status, allowed)
    connection.close()


@pytest.mark.parametrize(
    ("kind", "encoding", "status"),
    [
        ("text/plain", "", 415),
        ("", "", 415),
        ("application/json", "br", 415),
        ("application/json", "gzip", 400),
        ("application/json", "zstd", 400),
        ("application/cloudevents+json", "", 400),
    ],
)
def test_what_can_not_be_read_is_said(
    server: Server, kind: str, encoding: str, status: int
) -> None:
    """A media type or an encoding that is not taken is a 415, a broken body a 400."""
    got, answer = post(server, b"nope", kind, Content_Encoding=encoding)
    assert got == status
    assert answer["detail"]


def test_headers_of_a_cloudevent_make_no_lines_of_its_data(server: Server) -> None:
    """Lines are not the data of one event: they are refused, and not stored without the headers."""
    attributes = {"ce_specversion": "1.0", "ce_id": "b", "ce_source": "s", "ce_type": "a"}
    status, answer = post(server, LINE % 6000, **attributes)
    assert status == 415
    assert "CloudEvent" in answer["detail"]
    status, answer = post(server, b'{"n":1}', "application/json", **attributes)
    assert (status, answer["stored"]) == (200, 1)


def test_streams_beyond_what_the_writer_keeps_up_with() -> None:
    """Under overload each stream is taken whole or not at all; sent again, all count once.

    A stream that was let in is slowed down, never cut: 503 comes only before its first event was
    taken, with ``Retry-After``.
    """
    env = {"LIVETALLY_WAITING_EVENTS_MAX": "3000", "LIVETALLY_COMMIT_EVENTS_MAX": "500"}
    streams, events = 12, 6_000
    bodies = [lines(1_000_000 * number, events) for number in range(streams)]
    with Server(env=env) as server, ThreadPoolExecutor(streams) as threads:
        gate = Barrier(streams)

        def sent(body: bytes) -> tuple[int, dict[str, Any], str]:
            pieces = (body[at : at + 20_000] for at in range(0, len(body), 20_000))
            connection = HTTPConnection(server.url.removeprefix("http://"), timeout=60)
            kind = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/x-ndjson"}
            gate.wait()
            connection.request("POST", "/v1/events", pieces, kind, encode_chunked=True)
            answer = connection.getresponse()
            text = json.loads(answer.read())
            connection.close()
            return answer.status, text, answer.headers.get("Retry-After", "")

        answers = list(threads.map(sent, bodies))
        refused = [number for number, answer in enumerate(answers) if answer[0] == 503]
        assert refused, "not overloaded: the test shows nothing"
        for status, text, wait in answers:
            assert status in (200, 503)
            assert text["stored"] == events if status == 200 else int(wait) >= 1
        for number, body in enumerate(bodies):
            status, text = post(server, body)
            assert status == 200
            assert text["stored"] == (events if number in refused else 0)
            assert text["duplicates"] == (0 if number in refused else events)
