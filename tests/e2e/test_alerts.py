"""An alert begins and ends, and whoever has to know is told once of each."""

from __future__ import annotations

import base64
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from livetally.testing import Server
from tests.e2e.walls import talk
from tests.waiting import until

SECRET = "a secret of the receiver"
DEFINITION = """
application = "shop"
[event.sale]
[metric.sales]
event = "sale"
aggregate = "count"
[alert.busy]
title = "Busy shop"
metric = "sales"
above = 3
clear = 1
window = "4 seconds"
every = "1 second"
notify = [{ webhook = "env:OPS_HOOK", secret = "env:OPS_SECRET" }, { email = "ops@example.org" }]
[alert.silent]
metric = "sales"
above = 1000
window = "1 hour"
every = "1 second"
"""


class Receiver(ThreadingHTTPServer):
    """A webhook that refuses the first request it gets."""

    def __init__(self) -> None:
        """Listen on a free port."""
        super().__init__(("127.0.0.1", 0), _Hook)
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.refused = 0
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class _Hook(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        """Take a notice, or refuse it."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not self.server.refused:
            self.server.refused += 1
            self.send_response(500)
        else:
            headers = {name.lower(): value for name, value in self.headers.items()}
            self.server.got.append((headers, body))
            self.send_response(204)
        self.end_headers()

    def log_message(self, *_words: Any) -> None:
        """Say nothing."""


class Mailbox:
    """Takes e-mail."""

    def __init__(self) -> None:
        """Be empty."""
        self.got: list[Any] = []

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        """Take one."""
        self.got.append(envelope)
        return "250 OK"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Start a webhook."""
    started = Receiver()
    yield started
    started.shutdown()
    started.server_close()


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    """Start a mail server."""
    box = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    yield box, port
    controller.stop()


@pytest.mark.timeout(120)
def test_one_notice_of_each_change(
    receiver: Receiver, mailbox: tuple[Mailbox, int], tmp_path: Path
) -> None:
    """Refused once and tried again, signed, over a restart: begun once, ended once, in history."""
    box, port = mailbox
    definition = tmp_path / "shop.toml"
    definition.write_text(DEFINITION)
    env = {
        "OPS_HOOK": receiver.url,
        "OPS_SECRET": SECRET,
        "LIVETALLY_SMTP_URL": f"smtp://127.0.0.1:{port}",
        "LIVETALLY_SMTP_FROM": "livetally@example.org",
    }
    with Server(definitions=[definition], env=env) as server:
        with talk(server, server.key) as client:
            events = [{"type": "sale", "id": f"s{number}"} for number in range(4)]
            client.post("/v1/events", json=events)
            until(lambda: len(receiver.got) == 1, "the notice of the begin", 30)
            until(lambda: len(box.got) == 1, "the mail of the begin", 30)
        server.restart()
        with talk(server, server.key) as client:
            until(lambda: len(receiver.got) == 2, "the notice of the end", 30)
            until(lambda: len(box.got) == 2, "the mail of the end", 30)
            alerts = client.get("/v1/alerts").json()["alerts"]
            assert [(one["name"], one["state"], one["changes"]) for one in alerts] == [
                ("busy", "ok", 2),
                ("silent", "ok", 0),
            ]
            notices = client.get("/v1/alerts/notices").json()["notices"]
            assert [(one["state"], one["target"]) for one in notices] == [
                ("ok", "email:ops@example.org"),
                ("ok", "webhook:OPS_HOOK"),
                ("firing", "email:ops@example.org"),
                ("firing", "webhook:OPS_HOOK"),
            ]
            assert all(one["delivered"] for one in notices)
            assert notices[-1]["attempts"] == 2
            page = client.get("/v1/alerts/notices?limit=3").json()
            older = client.get(f"/v1/alerts/notices?cursor={page['next']}").json()["notices"]
            assert [one["id"] for one in older] == [notices[-1]["id"]]
            shown = client.get("/metrics", headers={"Authorization": f"Bearer {server.key}"}).text
            assert "livetally_alerts_firing 0.0" in shown
        assert SECRET not in server.log_text()
        assert receiver.url not in server.log_text()
    assert [json.loads(body)["data"]["state"] for _, body in receiver.got] == ["firing", "ok"]
    assert json.loads(receiver.got[0][1])["data"]["value"] == 4
    for headers, body in receiver.got:
        told = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        signed = base64.b64encode(hmac.digest(SECRET.encode(), told, "sha256")).decode()
        assert headers["webhook-signature"] == f"v1,{signed}"
    assert len({headers["webhook-id"] for headers, _ in receiver.got}) == 2
    texts = [envelope.content.decode() for envelope in box.got]
    assert "Subject: [firing] busy" in texts[0]
    assert "Busy shop: 'sales' is above 3: 4" in texts[0]
    assert "Subject: [ok] busy" in texts[1]


def test_only_operators_declare_who_is_told(tmp_path: Path) -> None:
    """An alert reaches out of the server: a team's administrator can't add one."""
    with Server() as server, talk(server, server.key) as operator:
        operator.post("/v1/teams", json={"name": "red"})
        body = {"team": "red", "name": "admin", "scopes": ["admin", "read"]}
        key = operator.post("/v1/keys", json=body).json()["key"]
        headers = {"Content-Type": "application/toml"}
        with talk(server, key) as client:
            reply = client.put("/v1/definitions/shop", content=DEFINITION, headers=headers)
            assert reply.status_code == 403, reply.text
            assert "alerts" in reply.json()["detail"]
