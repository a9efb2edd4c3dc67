"""What stands on the wire itself: requests that end nowhere, never come whole, or mean two things.

In the flow: writes bytes to a real server's socket, as no client library would.
Guarantee: nobody holds a connection by being slow, nobody hides a second request in a first one,
and what is refused is refused with a problem.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from time import monotonic

import pytest

from livetally.testing import Server
from tests.e2e.walls import SHOP
from tests.waiting import until

ENV = {
    "LIVETALLY_HEADER_S_MAX": "1",
    "LIVETALLY_BODY_STALL_S_MAX": "1",
    "LIVETALLY_BODY_BYTES_PER_SECOND_MIN": "1000",
    "LIVETALLY_HEADER_BYTES_MAX": "20000",
    "LIVETALLY_FAILED_KEYS_PER_MINUTE": "1000",
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Start one server with little patience."""
    with Server(definitions=[SHOP], env=ENV) as started:
        yield started


def opened(server: Server) -> socket.socket:
    """Open a connection."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def rest(connection: socket.socket) -> bytes:
    """Return all that comes until the server ends the connection."""
    got = b""
    try:
        while piece := connection.recv(65536):
            got += piece
    except ConnectionResetError:
        pass
    return got


def told(server: Server, data: bytes) -> bytes:
    """Send bytes; return all that is said to them until the server ends the connection."""
    with opened(server) as connection:
        connection.sendall(data)
        return rest(connection)


def head(server: Server, *lines: str, ask: str = "POST /v1/events") -> bytes:
    """Return the head of a request with the operator's key."""
    start = (f"{ask} HTTP/1.1", "Host: x", f"Authorization: Bearer {server.key}")
    return "\r\n".join([*start, *lines, "", ""]).encode()


def problem(answer: bytes) -> int:
    """Return the status of an answer that must be one problem, with what guards a browser."""
    top, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in top, answer
    assert b"x-content-type-options: nosniff" in top
    status = int(top.split()[1])
    assert json.loads(body)["status"] == status
    return status


@pytest.mark.parametrize("drip", [b"", b"\r\n", b"GET /healthz HTT", b"GET / HTTP/1.1\r\nX: a"])
def test_a_header_that_never_ends_is_not_waited_for(server: Server, drip: bytes) -> None:
    """Who connects and is silent, or sends half a header, is gone in the time that is set."""
    began_s = monotonic()
    with opened(server) as connection:
        connection.sendall(drip)
        answer = rest(connection)
    assert monotonic() - began_s < 6
    if drip:
        assert problem(answer) == 408
    else:
        assert answer == b""


def test_a_byte_now_and_then_is_not_enough(server: Server) -> None:
    """A header that comes byte by byte is bound by the same time as one that stands still."""
    began_s = monotonic()
    with opened(server) as connection:
        connection.settimeout(0.2)
        ended = False
        while not ended:
            assert monotonic() - began_s < 8, "still reading"
            try:
                connection.sendall(b"G" if monotonic() - began_s < 0.1 else b"E")
                ended = connection.recv(4096) == b""
            except TimeoutError:
                continue
            except OSError:
                ended = True


@pytest.mark.parametrize("kind", ["application/json", "application/x-ndjson"])
@pytest.mark.parametrize("length", ["Content-Length: 500", "Transfer-Encoding: chunked"])
def test_a_body_that_stands_still_is_answered_408(server: Server, kind: str, length: str) -> None:
    """Half a body and then nothing: a problem, and nothing of it is acknowledged."""
    piece = b'{"type":"slow"}\n'
    if "chunked" in length:
        piece = b"%x\r\n%s\r\n" % (len(piece), piece)
    with opened(server) as connection:
        connection.sendall(head(server, f"Content-Type: {kind}", length) + piece)
        assert problem(rest(connection)) == 408


def test_a_large_body_over_a_thin_line_is_taken(server: Server) -> None:
    """What keeps coming faster than the least rate is no slow body, however long it takes."""
    line = b'{"type":"thin","data":{"x":"' + b"x" * 970 + b'"}}\n'
    body = line * 8
    length = f"Content-Length: {len(body)}"
    began_s = monotonic()
    with opened(server) as connection:
        connection.sendall(head(server, "Content-Type: application/x-ndjson", length))
        for at in range(0, len(body), len(line)):
            connection.sendall(body[at : at + len(line)])
            until(lambda at=at: monotonic() - began_s > at / 2000, "the line")  # type: ignore[misc]
        answer = connection.recv(65536)
    assert monotonic() - began_s > 2
    assert answer.startswith(b"HTTP/1.1 200 "), answer
    assert b'"stored":8' in answer


def test_a_body_that_nobody_reads_is_not_waited_for_either(server: Server) -> None:
    """A refused request's body must come as fast as one that is taken."""
    refused = b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
    began_s = monotonic()
    with opened(server) as connection:
        connection.sendall(refused)
        assert rest(connection).startswith(b"HTTP/1.1 401 ")
    assert monotonic() - began_s < 6


def test_slow_senders_keep_nobody_else_waiting(server: Server) -> None:
    """While two hundred bodies stand still, others are served; afterwards none of them is left."""
    start = head(server, "Content-Type: application/x-ndjson", "Content-Length: 1000")
    slow = [opened(server) for _ in range(200)]
    try:
        for connection in slow:
            connection.sendall(start + b'{"type":"held"')
        assert told(server, head(server, "Connection: close", ask="GET /healthz")).startswith(
            b"HTTP/1.1 200 "
        )
        assert {problem(rest(connection)) for connection in slow} == {408}
    finally:
        for connection in slow:
            connection.close()


@pytest.mark.parametrize(
    "long",
    [
        b"GET /" + b"a" * 30_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 30_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"a" * 30_000,
        b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 30_000 + b"\r\n",
        b"GET / HTTP/1.1\r\n" + b"a" * 30_000,
    ],
    ids=["address", "value", "value without end", "many", "name without end"],
)
def test_a_header_is_bounded(server: Server, long: bytes) -> None:
    """An address, a header or many of them, ended or not, are 431 beyond the bound."""
    answer = told(server, long)
    assert problem(answer) in (400, 431)


def test_many_requests_at_once_are_bounded(server: Server) -> None:
    """A few requests sent ahead are answered in order; thousands end the connection."""
    last = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    few = told(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 4 + last)
    assert few.count(b"HTTP/1.1 200 ") == 5
    many = told(server, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n" * 4000)
    assert many.count(b"HTTP/1.1 200 ") <= 65


SMUGGLED = b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "lines",
    [
        "Content-Length: 4\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 4",
        "Content-Length: 4\r\nContent-Length: 5",
        "Content-Length: 4, 5",
        "Content-Length: +4",
        "Content-Length: 0x4",
        "Content-Length: -1",
        "Content-Length : 4",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding:\x0bchunked",
        "X: a\rTransfer-Encoding: chunked",
        "X: a\nTransfer-Encoding: chunked\r\nContent-Length: 4",
        " Transfer-Encoding: chunked",
        "X: a\r\n Transfer-Encoding: chunked",
        "X: a\x00b\r\nContent-Length: 4",
    ],
)
def test_a_body_that_two_servers_could_read_differently_is_refused(
    server: Server, lines: str
) -> None:
    """Nothing behind an ambiguous head is ever taken for a request of its own."""
    answer = told(server, head(server, *lines.split("\r\n")) + b"0\r\n\r\n" + SMUGGLED)
    assert b"openapi" not in answer.partition(b"\r\n\r\n")[2].partition(b"HTTP/1.1")[2], lines
    assert problem(answer) == 400


@pytest.mark.parametrize(
    "chunks",
    [
        b"0;\n\r\n\r\n",
        b"4\r\nabcdX0\r\n\r\n",
        b"-1\r\n\r\n",
        b"fffffffffffffffff\r\n",
        b" 0\r\n\r\n",
    ],
)
def test_broken_chunks_are_refused(server: Server, chunks: bytes) -> None:
    """A chunk whose length or end is not one ends the connection."""
    start = head(server, "Transfer-Encoding: chunked", "Content-Type: application/x-ndjson")
    answer = told(server, start + chunks + SMUGGLED)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"HTTP/1.1 400 " in answer


def test_requests_behind_a_stream_are_never_answered(server: Server) -> None:
    """A request sent together with one that opens a stream does not write into the stream."""
    live = head(server, "Accept: text/event-stream", ask="GET /v1/metrics/revenue")
    behind = head(server, ask="GET /v1/keys") + head(server, ask="GET /healthz")
    for late in (False, True):
        with opened(server) as connection:
            connection.sendall(live if late else live + behind)
            got = b""
            while b"event: snapshot" not in got:
                got += connection.recv(65536)
            if late:
                connection.sendall(behind)
            # The stream lives: an event of its question reaches it.
            with opened(server) as sender:
                body = b'{"type":"add_revenue","data":{"value":1}}'
                length = f"Content-Length: {len(body)}"
                sender.sendall(head(server, "Content-Type: application/json", length) + body)
                assert b"200 OK" in sender.recv(4096)
            while b"event: update" not in got:
                piece = connection.recv(65536)
                assert piece, got
                got += piece
        assert got.count(b"HTTP/1.1 ") == 1
        assert b'"keys"' not in got
    assert "Traceback" not in server.log_text()
