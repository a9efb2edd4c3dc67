"""A server that takes twenty connections, and those who come when it has them.

In the flow: opens sockets to a real server, idle ones, slow ones and streams.
Guarantee: whoever is inside notices nothing; who is not is told so, and comes in when there is
room.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from livetally.testing import Server
from tests.e2e.https_server import https_server
from tests.e2e.test_security_wire import head, opened, problem, rest
from tests.e2e.walls import SHOP, talk
from tests.waiting import until

PLACES = 20


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Start a server with few places."""
    with Server(definitions=[SHOP], env={"LIVETALLY_CONNECTIONS_MAX": str(PLACES)}) as started:
        yield started


def measured(client: httpx2.Client, name: str) -> int:
    """Return one of the server's measurements."""
    (line,) = re.findall(rf"^{name} (.*)$", client.get("/metrics").text, re.MULTILINE)
    return int(float(line))


def hear(stream: socket.socket, what: bytes) -> None:
    """Read a stream until it has said this."""
    got = b""
    while what not in got:
        piece = stream.recv(65536)
        assert piece, got
        got += piece


def test_who_comes_too_late_is_told_and_who_was_there_stays(server: Server) -> None:
    """The 21st is answered 503 with the time to wait; streams count; a free place is taken."""
    ask = head(server, ask="GET /healthz")
    with talk(server, server.key) as client, ExitStack() as inside:
        until(lambda: measured(client, "livetally_connections") == 1, "the others to be gone")
        stream = inside.enter_context(opened(server))
        stream.sendall(head(server, "Accept: text/event-stream", ask="GET /v1/metrics/revenue"))
        hear(stream, b"event: snapshot")
        idle = [inside.enter_context(opened(server)) for _ in range(PLACES - 2)]
        until(lambda: measured(client, "livetally_connections") == PLACES, "all to be inside")
        refused = measured(client, "livetally_connections_refused_total")
        for _ in range(3):
            with opened(server) as late:
                late.sendall(ask)
                answer = rest(late)
            assert problem(answer) == 503
            assert b"retry-after: 1\r\n" in answer
        assert measured(client, "livetally_connections_refused_total") == refused + 3
        client.post("/v1/events", json={"type": "add_revenue", "data": {"value": "5"}})
        hear(stream, b'"value":5')
        idle[0].sendall(ask)
        assert idle[0].recv(65536).startswith(b"HTTP/1.1 200 ")
        idle[1].close()
        until(lambda: measured(client, "livetally_connections") < PLACES, "a place to be free")
        with opened(server) as next_one:
            next_one.sendall(ask)
            assert next_one.recv(65536).startswith(b"HTTP/1.1 200 ")


def test_an_event_that_was_refused_is_not_stored(server: Server) -> None:
    """A body behind a refused head is thrown away, and its sender has the answer."""
    body = b'{"type":"never"}' + b" " * 200_000
    with talk(server, server.key) as client, ExitStack() as inside:
        until(lambda: measured(client, "livetally_connections") == 1, "the others to be gone")
        for _ in range(PLACES - 1):
            inside.enter_context(opened(server))
        until(lambda: measured(client, "livetally_connections") == PLACES, "all to be inside")
        with opened(server) as late:
            late.sendall(head(server, f"Content-Length: {len(body)}") + body)
            assert problem(rest(late)) == 503
        assert client.get("/v1/events?type=never").json()["events"] == []


def test_a_flood_leaves_nothing_behind(server: Server) -> None:
    """Of a thousand who come and say nothing, none is there after a moment; others are served."""
    with talk(server, server.key) as client:
        assert client.get("/healthz").status_code == 200
        refused = measured(client, "livetally_connections_refused_total")
        flood = [opened(server) for _ in range(1_000)]
        try:
            assert client.get("/healthz").status_code == 200
            ends = [b"" for one in flood[PLACES:] if rest(one) == b""]
            assert len(ends) == 1_000 - PLACES
            more = measured(client, "livetally_connections_refused_total") - refused
            assert more > 1_000 - PLACES
        finally:
            for one in flood:
                one.close()
        until(lambda: measured(client, "livetally_connections") == 1, "all to be gone")


def test_over_https_too(tmp_path: Path) -> None:
    """Who is refused over https is refused in https."""
    with https_server(tmp_path, LIVETALLY_CONNECTIONS_MAX="1") as server, server.client() as client:
        assert client.get("/readyz").status_code == 200
        host, _, port = server.url.removeprefix("https://").partition(":")
        late = socket.create_connection((host, int(port)), timeout=20)
        with server.context.wrap_socket(late, server_hostname=host) as encrypted:
            encrypted.sendall(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = rest(encrypted)
        assert problem(answer) == 503
        assert b"strict-transport-security" in answer
        assert client.get("/readyz").status_code == 200
