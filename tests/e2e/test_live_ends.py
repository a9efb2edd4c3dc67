"""How streams end: with the server, the client or the key; and that nothing else ends them."""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import socket
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from livetally.testing import Server
from tests.needs import lacking
from tests.waiting import until

_STREAMS = 5_000
_DEFINITION = """
application = "shop"
[event.sale]
data.shop = "string"
[metric.sales]
event = "sale"
aggregate = "count"
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Start a shop."""
    definition = tmp_path / "shop.toml"
    definition.write_text(_DEFINITION, encoding="utf-8")
    with Server(definitions=[definition]) as started:
        yield started


def opened(
    server: Server, path: str = "/v1/metrics/sales", *, key: str = "", more: str = ""
) -> socket.socket:
    """Open a stream; return its connection with nothing read yet."""
    port = int(server.url.rsplit(":", 1)[1])
    connection = socket.create_connection(("127.0.0.1", port), timeout=20)
    connection.sendall(
        f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
        f"X-API-Key: {key or server.key}\r\n{more}\r\n".encode()
    )
    return connection


def read_until(connection: socket.socket, text: bytes) -> bytes:
    """Read until ``text`` has come."""
    data = b""
    while text not in data:
        piece = connection.recv(65536)
        assert piece, f"ended without {text!r}: {data!r}"
        data += piece
    return data


def asked(server: Server, method: str, path: str, body: Any = None) -> Any:
    """Ask as the operator."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"X-API-Key": server.key, "Content-Type": "application/json"}
    request = urllib.request.Request(server.url + path, data, headers, method=method)  # noqa: S310
    with urllib.request.urlopen(request, timeout=20) as reply:  # noqa: S310
        text = reply.read()
    return json.loads(text) if text.startswith(b"{") else text.decode()


def streams_of(server: Server) -> int:
    """Return how many streams the server says are open."""
    lines = asked(server, "GET", "/metrics").split("\n")
    return int(float(next(one for one in lines if one.startswith("livetally_live_streams "))[23:]))


def test_a_server_with_five_thousand_streams_stops_in_five_seconds(server: Server) -> None:
    """SIGTERM ends every stream, each with its own time to come back, and the process with 0."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard < 2 * _STREAMS:
        lacking(f"only {hard} files may be open: ulimit -n {2 * _STREAMS}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.ExitStack() as stack:
        connections = []
        for _ in range(_STREAMS // 250):
            fresh = [stack.enter_context(opened(server)) for _ in range(250)]
            for connection in fresh:
                read_until(connection, b"event: snapshot")
            connections += fresh
        assert streams_of(server) == _STREAMS
        began = time.monotonic()
        assert server.stop(timeout_s=20) == 0
        assert time.monotonic() - began < 5
        waits = set()
        for connection in connections:
            last = b""
            while piece := connection.recv(65536):
                last += piece
            assert last.endswith(b"0\r\n\r\n"), "every stream ends in order"
            waits.add(last.rsplit(b"retry: ", 1)[1].split(b"\n")[0])
        assert len(waits) > 500, "they come back one after the other"


def test_clients_that_vanish_are_noticed(server: Server) -> None:
    """A client that closes or resets its connection is counted no more, though nothing changes."""
    first, second = opened(server), opened(server)
    for connection in (first, second):
        read_until(connection, b"event: snapshot")
    assert streams_of(server) == 2
    first.close()
    until(lambda: streams_of(server) == 1, "the closed stream to be noticed")
    # Linger zero: a reset instead of an orderly end.
    second.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    second.close()
    until(lambda: streams_of(server) == 0, "the reset stream to be noticed")


def test_a_client_that_does_not_read_costs_nothing_and_misses_nothing(server: Server) -> None:
    """While one client does not read, others are told; when it reads, it has the latest value."""
    with opened(server) as stuck, opened(server) as other:
        read_until(other, b"event: snapshot")
        for _ in range(30):
            asked(server, "POST", "/v1/events", {"type": "sale"})
        read_until(other, b'"value":30')
        read_until(stuck, b'"value":30')


def test_revoking_a_key_ends_its_streams_at_once(server: Server) -> None:
    """The streams of the key end within a second; those of others go on."""
    made = asked(server, "POST", "/v1/keys", {"name": "page", "scopes": ["read"]})
    with opened(server, key=made["key"]) as revoked, opened(server) as other:
        for connection in (revoked, other):
            read_until(connection, b"event: snapshot")
        began = time.monotonic()
        asked(server, "DELETE", f"/v1/keys/{made['id']}")
        while revoked.recv(65536):
            pass
        assert time.monotonic() - began < 2
        asked(server, "POST", "/v1/events", {"type": "sale"})
        read_until(other, b'"value":1')
    with opened(server, key=made["key"]) as again:
        assert read_until(again, b"\r\n").startswith(b"HTTP/1.1 401")


def test_a_changed_definition_resets_the_streams_that_come_back(server: Server) -> None:
    """Applying a definition ends the streams of the team; resuming gets a reset and a snapshot."""
    with opened(server) as connection:
        text = read_until(connection, b"event: snapshot").decode()
        changed = _DEFINITION.replace('"count"', '"unique"\nvalue = "shop"')
        put = urllib.request.Request(  # noqa: S310 - this machine
            f"{server.url}/v1/definitions/shop",
            changed.encode(),
            {"X-API-Key": server.key, "Content-Type": "application/toml"},
            method="PUT",
        )
        urllib.request.urlopen(put, timeout=20).close()  # noqa: S310
        while connection.recv(65536):
            pass
    last_id = text.split("id: ")[1].split("\n")[0]
    with opened(server, more=f"Last-Event-ID: {last_id}\r\n") as connection:
        text = read_until(connection, b"event: snapshot").decode()
        assert text.index("event: reset") < text.index("event: snapshot")


def test_another_teams_definition_resets_nobody(server: Server) -> None:
    """A team that applies a definition of its own leaves the others' streams and ids alone."""
    asked(server, "POST", "/v1/teams", {"name": "blue"})
    with opened(server) as connection:
        text = read_until(connection, b"event: snapshot").decode()
        put = urllib.request.Request(  # noqa: S310 - this machine
            f"{server.url}/v1/definitions/own",
            b'application = "own"\n[metric.visits]\nevent = "visit"\naggregate = "count"\n',
            {
                "X-API-Key": server.key,
                "X-Livetally-Team": "blue",
                "Content-Type": "application/toml",
            },
            method="PUT",
        )
        urllib.request.urlopen(put, timeout=20).close()  # noqa: S310
        asked(server, "POST", "/v1/events", {"type": "sale"})
        read_until(connection, b'"value":1')
    last_id = text.split("id: ")[1].split("\n")[0]
    with opened(server, more=f"Last-Event-ID: {last_id}\r\n") as connection:
        text = read_until(connection, b'"value":1').decode()
        assert "event: update" in text
        assert "reset" not in text


def test_a_question_about_the_largest_groups_is_sent_whole(server: Server) -> None:
    """Where one group can push out another, each change brings all rows."""
    path = "/v1/metrics/sales?by=shop&top=1"
    with opened(server, path) as connection:
        read_until(connection, b"event: snapshot")
        asked(server, "POST", "/v1/events", {"type": "sale", "data": {"shop": "a"}})
        text = read_until(connection, b'"shop":"a","value":1')
        assert b"event: snapshot" in text
        assert b"event: update" not in text


@pytest.mark.parametrize(
    "question",
    [
        "metrics/sales?by=shop&fill=zero",
        "explore?event=sale&aggregate=count&by=shop&fill=zero",
        "explore?event=sale&aggregate=count&by=shop&fill=zero&interval=day",
    ],
)
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside another"])
def test_a_filled_question_goes_on_where_it_was(
    server: Server, question: str, *, beside: bool
) -> None:
    """Two groups, nothing new while away: an id alone, then what changes; no other is silenced."""
    for shop in "ab":
        asked(server, "POST", "/v1/events", {"type": "sale", "data": {"shop": shop}})
    path = f"/v1/{question}"
    if beside:
        path = f"/v1/live?{urlencode({'q': [question, 'metrics/sales']}, doseq=True)}"
    with opened(server, path) as connection:
        text = read_until(connection, b'"q":1' if beside else b"event: snapshot").decode()
    last_id = text.split("id: ")[-1].split("\n")[0].partition("-")[0]
    with opened(server, path, more=f"Last-Event-ID: {last_id}\r\n") as connection:
        text = read_until(connection, f"id: {last_id}\n".encode()).decode()
        asked(server, "POST", "/v1/events", {"type": "sale", "data": {"shop": "a"}})
        text += read_until(connection, b'"shop":"a","value":2').decode()
        if beside and '"value":3' not in text:
            text += read_until(connection, b'"value":3').decode()
        assert "event: snapshot" not in text
    until(lambda: streams_of(server) == 0, "the stream to be counted no more", 20)
    assert "livetally_defects_total{" not in asked(server, "GET", "/metrics")


def test_an_old_proxy_gets_a_stream_without_chunks(server: Server) -> None:
    """HTTP/1.0 knows no chunks: the frames come as they are, and the end of the connection ends."""
    port = int(server.url.rsplit(":", 1)[1])
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(
            b"GET /v1/metrics/sales HTTP/1.0\r\nAccept: text/event-stream\r\n"
            b"X-API-Key: %s\r\n\r\n" % server.key.encode()
        )
        text = read_until(connection, b"}\n\n")
        assert b"chunked" not in text.lower()
        assert b"\r\n\r\nretry: " in text
        assert server.stop() == 0


def test_asking_for_the_head_of_a_stream_opens_none(server: Server) -> None:
    """HEAD gets the headers and an end."""
    request = urllib.request.Request(  # noqa: S310 - this machine
        f"{server.url}/v1/live?q=metrics/sales", headers={"X-API-Key": server.key}, method="HEAD"
    )
    with urllib.request.urlopen(request, timeout=20) as reply:  # noqa: S310
        assert reply.headers["Content-Type"].startswith("text/event-stream")
        assert reply.read() == b""
    assert streams_of(server) == 0


def test_bad_questions_are_refused_before_the_first_byte(server: Server) -> None:
    """A question of its own that can't be answered is a problem, not an empty stream."""
    for path, status in (
        ("/v1/metrics/sale", b"404"),
        ("/v1/metrics/sales?interval=fortnight", b"400"),
        ("/v1/live", b"400"),
        ("/v1/live?p=metrics/sales", b"400"),
    ):
        with opened(server, path) as connection:
            assert read_until(connection, b"\r\n").split()[1] == status
    assert streams_of(server) == 0


def test_one_bad_question_of_many_holds_up_no_other(server: Server) -> None:
    """The bad one is told as a problem with its number, the good ones are answered and followed."""
    path = "/v1/live?q=metrics/sales&q=metrics/nothing&q=entities/x"
    with opened(server, path) as connection:
        text = read_until(connection, b'"q":0')
        assert b'"q":1,"type"' in text
        assert b'"q":2,"type"' in text
        asked(server, "POST", "/v1/events", {"type": "sale"})
        assert b"id: " not in read_until(connection, b'"value":1')
        assert select.select([connection], [], [], 0)[0] == []


_GATED = """
import os, pathlib, time
from livetally.server.allowances import Allowances

real = Allowances.allowed_origins

def gated(self, team):
    pathlib.Path(os.environ["GATE"], "reached").touch()
    while not pathlib.Path(os.environ["GATE"], "open").exists():
        time.sleep(0.01)
    return real(self, team)

Allowances.allowed_origins = gated
"""


def test_a_key_that_is_revoked_while_its_stream_opens_opens_none(tmp_path: Path) -> None:
    """The key was looked up, then it is revoked, and only then the stream begins."""
    (tmp_path / "sitecustomize.py").write_text(_GATED, encoding="utf-8")
    (tmp_path / "shop.toml").write_text(_DEFINITION, encoding="utf-8")
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    env = {"PYTHONPATH": paths, "GATE": str(tmp_path)}
    with Server(definitions=[tmp_path / "shop.toml"], env=env) as server:
        made = asked(server, "POST", "/v1/keys", {"name": "short", "scopes": ["read"]})
        more = "Origin: https://elsewhere.example\r\n"
        with opened(server, key=made["key"], more=more) as opening:
            until((tmp_path / "reached").exists, "the key to be looked up")
            asked(server, "DELETE", f"/v1/keys/{made['id']}")
            (tmp_path / "open").touch()
            assert read_until(opening, b"\r\n").startswith(b"HTTP/1.1 401 ")
        assert streams_of(server) == 0
