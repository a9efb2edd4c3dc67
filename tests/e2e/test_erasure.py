"""Erasing a subject: no answer counts it, and no file holds it."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import pytest

from livetally.cli import main
from livetally.testing import Server
from tests.byte_search import files_with
from tests.e2e.walls import talk
from tests.waiting import until

WHO = "zoe-quillfeather-7731"
DEFINITION = """
application = "club"
[event.visit]
data.minutes = "integer"
data.guest = "string"
[metric.minutes]
event = "visit"
aggregate = "sum"
value = "minutes"
by = ["subject"]
[metric.visitors]
event = "visit"
aggregate = "unique"
value = "subject"
[entity.member]
key = "subject"
events = ["visit"]
fields.minutes = { metric = "minutes" }
[sink.members]
to = "sqlite:club.db"
entity = "member"
[sink.visits]
to = "sqlite:club.db"
event = "visit"
columns = { id = "id", who = "subject", minutes = "minutes" }
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Start a server whose club has visitors, in several parts of the table."""
    definition = tmp_path / "club.toml"
    definition.write_text(DEFINITION)
    with Server(definitions=[definition], env={"LIVETALLY_QUERIES_PER_HOUR": "100000"}) as running:
        with talk(running, running.key) as client:
            for number in range(12):
                reply = client.post("/v1/events", json=visits(number))
                assert reply.json()["stored"] == 3
        yield running


def visits(number: int) -> list[dict[str, Any]]:
    """Return a commit: two visits of others and one of hers."""
    who = (f"guest-{number}", "ada", WHO)
    return [
        {
            "type": "visit",
            "id": f"{subject}/{number}",
            "subject": subject,
            "time": f"2026-03-{number + 1:02}T10:00:00Z",
            "data": {"minutes": 10, "guest": subject},
        }
        for subject in who
    ]


def minutes(client: httpx2.Client) -> Any:
    """Return the total."""
    return client.get("/v1/metrics/minutes").json()["rows"][0]["value"]


def done(client: httpx2.Client) -> bool:
    """Tell whether every erasure has ended."""
    return all(one["done"] for one in client.get("/v1/erasures").json()["erasures"])


def sunk(server: Server) -> int:
    """Return how many rows the kept tables have."""
    with contextlib.closing(sqlite3.connect(server.data / "sinks" / "club.db")) as database:
        members = database.execute("SELECT count(*) FROM members").fetchone()[0]
        return int(members + database.execute("SELECT count(*) FROM visits").fetchone()[0])


@pytest.mark.timeout(180)
def test_nothing_of_an_erased_subject_is_left(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Answers, entities, live views, sinks and files hold nothing of her; all of the others."""
    with talk(server, server.key) as client:
        until(lambda: sunk(server) == 14 + 36, "the sinks")
        assert minutes(client) == 360
        stream_id = live_id(client)
        held = files_with(server.data, WHO)
        # The index of ids has nothing but hashes, whose end its own tests look at.
        # The journal lets go of it after some seconds without events.
        assert {path.split("/")[0] for path in held} - {"journal"} == {"events", "sinks"}, held

        monkeypatch.setenv("LIVETALLY_URL", server.url)
        monkeypatch.setenv("LIVETALLY_KEY", server.key)
        assert main(["erase", WHO, "--no-wait", "--yes"]) == 0
        assert "12 events" in capsys.readouterr().out
        assert minutes(client) == 240
        assert client.get(f"/v1/entities/member/{WHO}").status_code == 404
        assert client.get(f"/v1/events?subject={WHO}").json()["events"] == []
        assert len(client.get("/v1/events?limit=100").json()["events"]) == 24
        rows = client.get("/v1/metrics/minutes?by=subject&interval=month").json()["rows"]
        assert WHO not in {row["subject"] for row in rows}
        assert client.get("/v1/metrics/visitors").json()["rows"][0]["value"] == 13
        with client.stream(
            "GET",
            "/v1/metrics/minutes",
            headers={"Accept": "text/event-stream", "Last-Event-ID": stream_id},
        ) as reply:
            pieces = reply.iter_text()
            seen = next(pieces)
            while '"value":240' not in seen:
                seen += next(pieces)
        assert "event: reset" in seen
        # The retry time and the ids beside the data are any numbers.
        data = [line for line in seen.splitlines() if line.startswith("data:")]
        assert data
        assert not [line for line in data if "360" in line]

        until(lambda: done(client), "the erasure to end", 90)
        assert files_with(server.data, WHO) == []
        assert sunk(server) == 13 + 24
        assert client.post("/v1/verify").text.splitlines()[-1].startswith('{"verified":true')
        audit = client.get("/v1/audit").json()["entries"][0]
        assert audit["action"] == "subject.erase"
        assert WHO not in str(audit)

        # What is sent from now on is new, and positions go on.
        position = client.get("/v1/events?limit=1").json()["position"]
        told = client.post("/v1/events", json=visits(3)).json()
        assert (told["stored"], told["duplicates"]) == (1, 2)
        assert told["position"] == position + 1
    server.restart()
    with talk(server, server.key) as client:
        assert minutes(client) == 250


@pytest.mark.timeout(180)
def test_positions_never_come_again_after_the_newest_was_erased(server: Server) -> None:
    """A restart after the erasure of the newest commit goes on behind it."""
    with talk(server, server.key) as client:
        last = {"type": "visit", "id": "last", "subject": "only once", "data": {"minutes": 1}}
        position = client.post("/v1/events", json=last).json()["position"]
        assert client.delete("/v1/events?subject=only once").json()["erased"] == 1
        assert client.delete("/v1/events?subject=only once").json()["erased"] == 0
        assert client.delete("/v1/events").status_code == 400
    server.restart()
    with talk(server, server.key) as client:
        assert client.post("/v1/events", json=last).json()["position"] == position + 1


@pytest.mark.timeout(240)
def test_an_erasure_that_was_killed_is_finished(server: Server) -> None:
    """Kill -9 at any moment of it: after the next start nothing of the subject is left."""
    chance = Random(11)
    begun = 0
    for number in range(4):
        with talk(server, server.key) as client:
            client.post("/v1/events", json=visits(20 + number))
            until(lambda: sunk(server) >= 14, "the sinks")
            killer = threading.Timer(chance.uniform(0.0, 0.12), server.kill)
            killer.start()
            with contextlib.suppress(httpx2.TransportError):
                client.delete(f"/v1/events?subject={WHO}")
            killer.join()
        server.start()
        with talk(server, server.key) as client:
            noted = len(client.get("/v1/erasures").json()["erasures"])
            if noted == begun:
                continue  # it was killed before it had begun
            begun = noted
            assert client.get(f"/v1/events?subject={WHO}").json()["events"] == []
            until(lambda: done(client), "the erasure to end", 90)
            assert files_with(server.data, WHO) == []
    assert begun, "every one was killed before it had begun"


def live_id(client: httpx2.Client) -> str:
    """Return the id of a stream's first frame."""
    accept = {"Accept": "text/event-stream"}
    with client.stream("GET", "/v1/metrics/minutes", headers=accept) as reply:
        seen = ""
        for piece in reply.iter_text():
            seen += piece
            lines = [line for line in seen.splitlines()[:-1] if line.startswith("id: ")]
            if lines:
                return lines[-1].removeprefix("id: ")
    raise AssertionError(seen)
