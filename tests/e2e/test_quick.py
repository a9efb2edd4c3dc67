"""The plain request to a real server: answered as every other way answers it.

In the flow: writes bytes to a real server's socket; the ordinary way is had by a parameter that
changes nothing.
Guarantee: what the quick way says differs in the date, the name and the position only.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator

import pytest

from livetally.testing import Server
from tests.e2e.walls import SHOP, talk

ENV = {"LIVETALLY_KEY_EVENTS_PER_SECOND": "1000", "LIVETALLY_FAILED_KEYS_PER_MINUTE": "1000"}
PLAIN = "/v1/events"
ORDINARY = "/v1/events?strict=false"
OWN = re.compile(rb"\r\n(?:date|x-request-id|content-length): [^\r]*")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Start one server for all tests; each uses ids of its own."""
    with Server(definitions=[SHOP], env=ENV) as started:
        yield started


def opened(server: Server) -> socket.socket:
    """Open a connection."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    return socket.create_connection((host, int(port)), timeout=20)


def request(key: str, path: str, body: bytes, *lines: str, version: str = "1.1") -> bytes:
    """Write a request."""
    head = [f"POST {path} HTTP/{version}", "Host: x", f"Authorization: Bearer {key}", *lines]
    head += ["Content-Type: application/json", f"Content-Length: {len(body)}", "", ""]
    return "\r\n".join(head).encode() + body


def next_answer(connection: socket.socket, kept: bytearray) -> tuple[bytes, bytes]:
    """Return the head and the body of the next answer; ``kept`` is what was read ahead."""
    while b"\r\n\r\n" not in kept:
        kept += piece if (piece := connection.recv(65536)) else b"\r\n\r\nended"
    head, _, rest = bytes(kept).partition(b"\r\n\r\n")
    length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0])
    while len(rest) < length:
        piece = connection.recv(65536)
        assert piece, "the connection ended within an answer"
        rest += piece
    kept[:] = rest[length:]
    return head, rest[:length]


def asked(server: Server, data: bytes) -> tuple[bytes, bytes]:
    """Send one request; return its answer's head and body without what is its own."""
    with opened(server) as connection:
        connection.sendall(data)
        head, body = next_answer(connection, bytearray())
    assert b"\r\nx-request-id: " in head
    return OWN.sub(b"", head), re.sub(rb'"position":\d+', b'"position":0', body)


def event(name: str, value: int = 1) -> bytes:
    """Write an event."""
    return b'{"type":"add_revenue","id":"%s","data":{"value":%d}}' % (name.encode(), value)


@pytest.mark.parametrize("lines", [(), ("Connection: close",)], ids=["stays", "closes"])
def test_both_ways_say_the_same(server: Server, lines: tuple[str, ...]) -> None:
    """Stored, repeated, contradicting, rejected, unreadable and refused; also one that is both."""
    with talk(server, server.key) as client:
        made = client.post("/v1/keys", json={"name": "r", "scopes": ["read"]}).json()["key"]
    tag = f"same-{len(lines)}"
    for number, key, status, body in (
        (0, server.key, 200, event(f"{tag}-PATH")),
        (1, server.key, 200, event(f"{tag}-PATH")),
        (2, server.key, 200, event(f"{tag}-PATH", 2)),
        (3, server.key, 422, b'{"type":"add_revenue","data":{"value":"much"}}'),
        (4, server.key, 422, b'{"type":"add_revenue","tiem":1}'),
        (5, server.key, 200, b'[{"type":"a"},{"type":"no good"}]'),
        (6, server.key, 400, b'{"type":'),
        (7, server.key, 400, b""),
        (8, "nobody", 401, event("x")),
        (9, made, 403, event("x")),
        (
            10,
            server.key,
            200,
            b"[" + b",".join([b'{"type":"a","subject":"%s"}' % (b"s" * 999)] * 70) + b"]",
        ),
    ):
        told = [
            asked(server, request(key, path, body.replace(b"PATH", path[10:].encode()), *lines))
            for path in (PLAIN, ORDINARY)
        ]
        assert told[0] == told[1], number
        assert told[0][0].startswith(b"HTTP/1.1 %d " % status), told
        assert (b"connection: close" in told[0][0]) is bool(lines)


def test_requests_sent_ahead_are_answered_in_their_order(server: Server) -> None:
    """Plain and other ones in one piece, and the last in two."""
    ask = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    look = b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
    parts: list[bytes] = []
    for number in range(8):
        path = PLAIN if number % 3 else ORDINARY
        parts += [request(server.key, path, b"[%s]" % b",".join([b'{"type":"a"}'] * (number + 1)))]
        parts += [ask] if number % 2 else []
    data = b"".join(parts)
    kept = bytearray()
    with opened(server) as connection:
        connection.sendall(data[:-9])
        for number in range(8):
            if number == 7:
                connection.sendall(data[-9:])
            head, body = next_answer(connection, kept)
            assert head.startswith(b"HTTP/1.1 200 ")
            assert json.loads(body)["stored"] == number + 1
            if number % 2:
                assert next_answer(connection, kept)[1] == b"ok\n"
        connection.sendall(look)
        assert b" 200 " in connection.recv(65536)
        connection.sendall(request(server.key, PLAIN, event("after")))
        assert json.loads(next_answer(connection, kept)[1])["stored"] == 1
        connection.sendall(request(server.key, PLAIN, event("old"), version="1.0"))
        head, _ = next_answer(connection, kept)
        assert b"\r\nconnection: close" in head
        assert connection.recv(1) == b""


def test_a_client_that_leaves_before_its_answer_has_sent_its_event(server: Server) -> None:
    """Others are served as before, and the event is there."""
    asked(server, request(server.key, PLAIN, event("stays")))  # now the key is known
    for number in range(20):
        with opened(server) as connection:
            connection.sendall(request(server.key, PLAIN, event(f"left-{number}")))
    told = [asked(server, request(server.key, PLAIN, event(f"left-{n}"))) for n in range(20)]
    assert b'"duplicates":1' in b"".join(body for _, body in told)
    assert "Traceback" not in server.log_text()


def test_a_key_that_sends_too_fast_is_refused_by_both_ways() -> None:
    """The plain way counts as the ordinary one does."""
    for first, path in ((PLAIN, ORDINARY), (ORDINARY, PLAIN), (PLAIN, PLAIN)):
        with Server(env={"LIVETALLY_KEY_EVENTS_PER_SECOND": "1"}) as server:
            with opened(server) as connection:
                for _ in range(8):
                    connection.sendall(request(server.key, first, b'[{"type":"a"},{"type":"b"}]'))
                head, _ = next_answer(connection, bytearray())
                assert head.startswith(b"HTTP/1.1 200 ")
            head, body = asked(server, request(server.key, path, event("fast")))
            assert head.startswith(b"HTTP/1.1 429 "), body
            assert b"\r\nretry-after: " in head


def test_a_server_that_stops_answers_what_it_took() -> None:
    """Every request gets a whole answer or none, and what was acknowledged is there."""
    with Server() as server:
        connections = [opened(server) for _ in range(50)]
        asked(server, request(server.key, PLAIN, event("first")))
        for number, connection in enumerate(connections):
            connection.sendall(request(server.key, PLAIN, event(f"last-{number}")))
        assert server.stop() == 0
        acknowledged = []
        for number, connection in enumerate(connections):
            said = b""
            with connection:
                while piece := connection.recv(65536):
                    said += piece
            if said:
                head, _, body = said.partition(b"\r\n\r\n")
                assert head.startswith(b"HTTP/1.1 200 ")
                assert json.loads(body)["stored"] == 1
                acknowledged.append(number)
        assert acknowledged
        server.start()
        for number in acknowledged:
            _, body = asked(server, request(server.key, PLAIN, event(f"last-{number}")))
            assert json.loads(body)["duplicates"] == 1
