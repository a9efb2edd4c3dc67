"""Alerts of a running server: they fire and end, and somebody hears of it, once.

In the flow: a server process, events over HTTP, a receiver of webhooks and one of letters.
Guarantee: signatures are checked here by the written rule, not by the code that made them.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
import nats
import pytest

from livetally.cli.entry import main
from livetally.testing import Server
from tests.brokers import Broker
from tests.waiting import until

pytest_plugins = ("tests.broker_fixtures",)

DEFINITION = """
application = "shop"
[event.sale]
data.shop = "string"
[metric.sales]
event = "sale"
aggregate = "count"
[alert.many]
title = "Many sales"
metric = "sales"
where = ["shop:north"]
window = "3 seconds"
above = 2
every = "1 second"
notify = [{ webhook = "env:HOOK", secret = "env:HOOK_SECRET" }, { email = "ops@example.org" }]
"""
SECRET = b"a secret of 24 bytes ..."


class Received(NamedTuple):
    """A webhook as it came."""

    headers: dict[str, str]
    body: bytes


class Receiver:
    """Takes webhooks; while it is ``down`` it answers 503."""

    def __init__(self, port: int = 0) -> None:
        """Listen on ``port``; 0 takes a free one."""
        self.got: list[Received] = []
        self.refused = 0
        self.down = False
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if receiver.down:
                    receiver.refused += 1
                else:
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    receiver.got.append(Received(headers, body))
                self.send_response(503 if receiver.down else 204)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self._server.server_port
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def said(self) -> list[tuple[str, str]]:
        """Return state and value of each message."""
        bodies = [json.loads(one.body) for one in self.got]
        return [(body["state"], body["value"]) for body in bodies]

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of webhooks that is up."""
    made = Receiver()
    yield made
    made.close()


@contextmanager
def mailbox() -> Iterator[tuple[int, list[str]]]:
    """Speak enough SMTP to take letters: RFC 5321, one session at a time."""
    letters: list[str] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, connection.makefile("rwb") as lines:
                _take_letters(lines, letters)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield listener.getsockname()[1], letters
    finally:
        listener.close()


def _take_letters(lines: Any, letters: list[str]) -> None:
    def say(text: bytes) -> None:
        lines.write(text + b"\r\n")
        lines.flush()

    say(b"220 ready")
    while command := lines.readline():
        word = command[:4].upper()
        if word == b"DATA":
            say(b"354 go on")
            text = b""
            while (line := lines.readline()) != b".\r\n":
                text += line
            letters.append(text.decode())
        say(b"221 bye" if word == b"QUIT" else b"250 ok")
        if word == b"QUIT":
            return


def serving(tmp_path: Path, port: int, text: str = DEFINITION, **env: str) -> Server:
    """Return a server with the definition, whose webhook is on ``port``."""
    definition = tmp_path / "shop.toml"
    definition.write_text(text, encoding="utf-8")
    secret = "whsec_" + base64.b64encode(SECRET).decode()
    hook = {"HOOK": f"http://127.0.0.1:{port}/hook?token=hidden", "HOOK_SECRET": secret}
    allowed = {"LIVETALLY_ALERTS_ALLOW_PRIVATE": "true"}
    return Server(tmp_path / "data", definitions=[definition], env={**hook, **allowed, **env})


def sell(server: Server, shop: str, count: int) -> None:
    """Sell something in a shop."""
    events = [{"type": "sale", "data": {"shop": shop}} for _ in range(count)]
    headers = {"Authorization": f"Bearer {server.key}"}
    httpx2.post(f"{server.url}/v1/events", json=events, headers=headers).raise_for_status()


def asked(server: Server, path: str) -> Any:
    """Return an answer."""
    headers = {"Authorization": f"Bearer {server.key}"}
    answer = httpx2.get(f"{server.url}{path}", headers=headers)
    answer.raise_for_status()
    return answer.json()


def test_it_fires_ends_and_tells_by_webhook_and_letter(
    tmp_path: Path, receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another shop's sales don't count; both messages say the same; the signature is right."""
    with mailbox() as (port, letters):
        mail = {
            "LIVETALLY_SMTP_URL": f"smtp://127.0.0.1:{port}",
            "LIVETALLY_SMTP_FROM": "livetally@example.org",
        }
        with serving(tmp_path, receiver.port, **mail) as server:
            sell(server, "south", 9)
            sell(server, "north", 3)
            until(lambda: receiver.got, "the alert to fire")
            (alert,) = asked(server, "/v1/alerts")["alerts"]
            assert (alert["state"], alert["condition"]) == ("firing", "above 2")
            assert alert["notify"] == ["webhook env:HOOK", "email ops@example.org"]
            asking = ["--url", server.url, "--key", server.key]
            assert main(["alerts", "list", *asking]) == 1
            assert "firing" in capsys.readouterr().out
            until(lambda: len(receiver.got) > 1 and len(letters) > 1, "the alert to end")
            assert main(["alerts", "list", *asking]) == 0
            capsys.readouterr()
            assert main(["alerts", "changes", "many", *asking]) == 0
            shown = capsys.readouterr().out
            assert shown.count("delivered") == 4
            changes = asked(server, "/v1/alerts/many/changes?limit=1")
            assert [one["state"] for one in changes["changes"]] == ["ok"]
            older = asked(server, f"/v1/alerts/many/changes?cursor={changes['next']}")
            assert [one["state"] for one in older["changes"]] == ["firing"]
            assert "hidden" not in json.dumps([changes, older, alert])
            assert "hidden" not in server.log_text()
    assert receiver.said() == [("firing", "3"), ("ok", "0")]
    first, second = receiver.got
    assert first.headers["webhook-id"] != second.headers["webhook-id"]
    signed = f"{first.headers['webhook-id']}.{first.headers['webhook-timestamp']}.".encode()
    mark = hmac.new(SECRET, signed + first.body, hashlib.sha256).digest()
    assert first.headers["webhook-signature"] == f"v1,{base64.b64encode(mark).decode()}"
    assert "Subject: [firing] Many sales: sales is 3" in letters[0]
    assert "To: ops@example.org" in letters[0]
    assert "Subject: [over] Many sales: sales is 0" in letters[1]


def test_a_message_outlives_the_server_and_arrives_once(tmp_path: Path, receiver: Receiver) -> None:
    """The receiver is down when it fires, then the server is killed; nothing is told twice."""
    receiver.down = True
    with serving(tmp_path, receiver.port) as server:
        sell(server, "north", 3)
        until(lambda: receiver.refused, "the first attempt")

        def noted() -> bool:
            changes = asked(server, "/v1/alerts/many/changes")["changes"]
            return bool(changes) and changes[-1]["messages"][0]["attempts"] == 1

        until(noted, "the failure to be written down")
        server.kill()
        receiver.down = False
        server.start()
        until(lambda: len(receiver.got) > 1, "both messages", within_s=30)
        (message, letter) = asked(server, "/v1/alerts/many/changes")["changes"][-1]["messages"]
        assert message["attempts"] == 2
        assert message["delivered"]
        assert "LIVETALLY_SMTP_URL" in letter["last_error"]
    assert sorted(receiver.said()) == [("firing", "3"), ("ok", "0")]


def test_a_stream_of_nats_keeps_each_message_once(
    tmp_path: Path, receiver: Receiver, nats_server: Broker
) -> None:
    """The broker is down when the alert fires, and takes the message when it is back."""
    url = f"nats://127.0.0.1:{nats_server.port}"

    async def stream() -> list[tuple[str, str]]:
        connection = await nats.connect(url)
        try:
            streams = connection.jetstream()
            await streams.add_stream(name="alerts", subjects=["alerts.>"])
            kept = (await streams.stream_info("alerts")).state.messages
            got = [await streams.get_msg("alerts", n + 1) for n in range(kept)]
            return [
                ((one.headers or {})["Nats-Msg-Id"], json.loads(one.data or b"")["state"])
                for one in got
            ]
        finally:
            await connection.close()

    assert asyncio.run(stream()) == []
    nats_server.kill()
    definition = DEFINITION.replace('{ email = "ops@example.org" }', '{ nats = "alerts.shop" }')
    with serving(tmp_path, receiver.port, definition, LIVETALLY_NATS=url) as server:
        sell(server, "north", 3)
        until(lambda: len(receiver.got) > 1, "the alert to fire and to end")
        nats_server.start()
        until(lambda: len(asyncio.run(stream())) > 1, "both messages", within_s=40)
    kept = asyncio.run(stream())
    assert sorted(state for _, state in kept) == ["firing", "ok"]
    assert len({number for number, _ in kept}) == 2


def test_a_webhook_can_not_reach_inside(tmp_path: Path, receiver: Receiver) -> None:
    """Unless the operator allows it; what is wrong is said where people look."""
    with serving(tmp_path, receiver.port, LIVETALLY_ALERTS_ALLOW_PRIVATE="false") as server:
        sell(server, "north", 3)

        def error() -> str:
            changes = asked(server, "/v1/alerts/many/changes")["changes"]
            return str(changes[-1]["messages"][0]["last_error"]) if changes else ""

        until(error, "the failure to be written down")
        assert "LIVETALLY_ALERTS_ALLOW_PRIVATE" in error()
    assert not receiver.got


def test_only_operators_declare_alerts(tmp_path: Path) -> None:
    """They send what a team counts to wherever the definition says."""
    with serving(tmp_path, 1) as server:
        root = {"Authorization": f"Bearer {server.key}"}
        httpx2.post(f"{server.url}/v1/teams", json={"name": "blue"}, headers=root)
        wanted = {"team": "blue", "name": "x", "scopes": ["admin", "read"]}
        made = httpx2.post(f"{server.url}/v1/keys", json=wanted, headers=root).json()
        blue = {"Authorization": f"Bearer {made['key']}", "Content-Type": "application/toml"}
        put = httpx2.put(f"{server.url}/v1/definitions/shop", content=DEFINITION, headers=blue)
        assert put.status_code == 403
        listed = httpx2.get(f"{server.url}/v1/alerts", headers=blue).json()
        assert listed == {"alerts": []}, "shared alerts are the default team's"
