"""Events, or what was sent in them, go when their type keeps them no longer; answers say so."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from livetally.clock import SystemClock
from livetally.testing import Server
from tests.e2e.walls import talk
from tests.waiting import until

KEEP = """
application = "club"
[event.visit]
keep = "30 days"
data.minutes = "integer"
[event.payment]
[metric.minutes]
event = "visit"
aggregate = "sum"
value = "minutes"
by = ["subject"]
[metric.payments]
event = "payment"
aggregate = "count"
[entity.member]
key = "subject"
events = ["visit"]
fields.minutes = { metric = "minutes" }
"""


def day(back: int) -> str:
    """Return noon so many days ago."""
    now = datetime.fromtimestamp(SystemClock().now_us() / 1e6, UTC)
    return f"{(now - timedelta(days=back)).date().isoformat()}T12:00:00Z"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Start a server that looks every second."""
    definition = tmp_path / "club.toml"
    definition.write_text(KEEP)
    with Server(definitions=[definition], env={"LIVETALLY_RETENTION_LOOK_S": "1"}) as running:
        yield running


@pytest.mark.timeout(120)
def test_what_is_older_than_it_is_kept_goes_and_is_told_of(server: Server) -> None:
    """Only days that are over go, only of that type and team; ranges behind them say so."""
    with talk(server, server.key) as client:
        client.post("/v1/teams", json={"name": "other"})
        events: list[dict[str, Any]] = [
            {"type": kind, "id": f"{kind}{back}", "time": day(back), "subject": f"{back}"}
            | {"data": {"minutes": back}}
            for kind in ("visit", "payment")
            for back in (60, 45, 29, 1)
        ]
        newest = {"type": "visit", "id": "old and last", "time": day(50), "data": {"minutes": 5}}
        assert client.post("/v1/events", json=events).json()["stored"] == 8
        own = {"application": "club", "event": {"visit": {"keep": "300 days"}}}
        other = {"X-Livetally-Team": "other"}
        assert client.put("/v1/definitions/club", json=own, headers=other).status_code == 200
        client.post("/v1/events", json=events[:4], headers=other)
        position = client.post("/v1/events", json=newest).json()["position"]

        def total() -> dict[str, Any]:
            told: dict[str, Any] = client.get("/v1/metrics/minutes").json()
            return told

        until(lambda: total()["rows"][0]["value"] == 30, "old visits to go", 30)
        gone = day(30)[:10] + "T00:00:00Z"
        assert datetime.fromisoformat(total()["gone_before"]) == datetime.fromisoformat(gone)
        recent = client.get(f"/v1/metrics/minutes?from={day(29)[:10]}").json()
        assert "gone_before" not in recent
        assert recent["rows"][0]["value"] == 30
        payments = client.get("/v1/metrics/payments").json()
        assert (payments["rows"][0]["value"], payments.get("gone_before")) == (4, None)
        assert len(client.get("/v1/events?type=visit").json()["events"]) == 2
        assert "gone_before" in client.get("/v1/events?type=visit").json()
        assert "gone_before" not in client.get("/v1/events?type=payment").json()
        assert "gone_before" in client.get("/v1/entities/member").json()
        assert "gone_before" in client.get("/v1/entities/member/29").json()
        theirs = client.get("/v1/events?type=visit", headers=other).json()
        assert len(theirs["events"]) == 4
        assert "gone_before" not in theirs
        # Known for ever: what is too old can't be counted twice by being sent again.
        assert client.post("/v1/events", json=events).json()["duplicates"] == 8
    server.restart()
    with talk(server, server.key) as client:
        assert "gone_before" in client.get("/v1/metrics/minutes").json()
        told = client.post("/v1/events", json={"type": "payment", "id": "new"}).json()
        assert told["position"] == position + 1


THIN = """
application = "paper"
[event.read]
keep_data = "30 days"
data.page = "string"
data.seconds = "integer"
[metric.seconds]
event = "read"
aggregate = "sum"
value = "seconds"
by = ["page"]
[metric.readers]
event = "read"
aggregate = "unique"
[entity.reader]
key = "subject"
events = ["read"]
fields.last = { latest = "page" }
"""
LATER = """
[metric.referred]
event = "read"
aggregate = "count"
by = ["referrer"]
[metric.slow]
event = "read"
aggregate = "count"
where = ["seconds:>40"]
"""


def reads() -> list[dict[str, Any]]:
    """Return an event of each of five days, two of them older than a month."""
    return [
        {
            "type": "read",
            "id": f"r{back}",
            "time": day(back),
            "subject": f"reader {back % 2}",
            "data": {"page": "/a", "seconds": back, "referrer": "elsewhere", "note": "secret-note"},
        }
        for back in (60, 45, 29, 3, 1)
    ]


@pytest.mark.timeout(120)
def test_what_was_sent_goes_and_statistics_stay(tmp_path: Path) -> None:
    """Data of old days goes from every answer and from the disk; numbers of fields don't change."""
    definition = tmp_path / "paper.toml"
    definition.write_text(THIN)
    settings = {"LIVETALLY_RETENTION_LOOK_S": "1"}
    with Server(definitions=[definition], data=tmp_path / "data", env=settings) as server:
        with talk(server, server.key) as client:
            assert client.post("/v1/events", json=reads()).json()["stored"] == 5

            def events() -> list[dict[str, Any]]:
                told: list[dict[str, Any]] = client.get("/v1/events?type=read").json()["events"]
                return told

            def thinned() -> bool:
                return sum(one["data"] is None for one in events()) == 2

            until(thinned, "old data to go", 30)
            assert [one["data"] is None for one in events()] == [False] * 3 + [True] * 2
            assert "gone_before" in client.get("/v1/events?type=read").json()
            for metric, value in (("seconds", 138), ("readers", 2)):
                told = client.get(f"/v1/metrics/{metric}").json()
                assert (told["rows"][0]["value"], told.get("gone_before")) == (value, None)
            entity = client.get("/v1/entities/reader").json()
            assert "gone_before" not in entity
            assert [one["fields"]["last"] for one in entity["entities"]] == ["/a", "/a"]
            told = client.get("/v1/metrics/seconds?where=note:secret-note").json()
            assert told["rows"][0]["value"] == 33
            assert told["gone_before"][:10] == day(30)[:10]
        # One that is declared now answers over all that time, if its fields were there.
        definition.write_text(
            THIN.replace("data.page", 'data.referrer = "string"\ndata.page') + LATER
        )
        server.restart()
        with talk(server, server.key) as client:
            assert client.get("/v1/metrics/slow").json()["rows"][0]["value"] == 2
            assert "gone_before" not in client.get("/v1/metrics/slow").json()
            told = client.get("/v1/metrics/referred?where=referrer:elsewhere").json()
            assert told["rows"][0]["value"] == 3
            assert told["gone_before"][:10] == day(30)[:10]
            lines = client.post("/v1/verify?metric=seconds").text.splitlines()
            first, last = msgspec.json.decode(lines[0]), msgspec.json.decode(lines[-1])
            assert first == {"metric": "seconds", "gone_before": day(30)[:10] + "T00:00:00+00:00"}
            assert last == {"verified": True, "differences": 0}
            # An old event that comes again is known; one that is new waits for the next day.
            assert client.post("/v1/events", json=reads()).json()["duplicates"] == 5
            assert client.delete("/v1/events?subject=reader 1").status_code == 200
            assert client.get("/v1/metrics/readers").json()["rows"][0]["value"] == 1


@pytest.mark.timeout(120)
def test_the_oldest_days_go_when_a_type_is_too_large(tmp_path: Path) -> None:
    """Whole days go, the oldest first, and only of that type; today stays."""
    definition = tmp_path / "log.toml"
    definition.write_text(
        'application = "log"\n[event.line]\nkeep_size = "1 MB"\n[event.other]\n'
        '[metric.lines]\nevent = "line"\naggregate = "count"\n'
    )
    rng = Random(11)
    settings = {"LIVETALLY_RETENTION_LOOK_S": "1"}
    with (
        Server(definitions=[definition], env=settings) as server,
        talk(server, server.key) as client,
    ):

        def send(kind: str, back: int) -> None:
            sent = [
                {"type": kind, "time": day(back), "data": {"text": rng.randbytes(500).hex()}}
                for _ in range(500)
            ]
            assert client.post("/v1/events", json=sent).json()["stored"] == 500

        for back in (3, 2, 1):
            send("line", back)
        send("other", 9)

        def lines() -> dict[str, Any]:
            told: dict[str, Any] = client.get("/v1/metrics/lines").json()
            return told

        send("line", 0)
        until(lambda: lines()["rows"][0]["value"] <= 1500, "the oldest days to go", 30)
        told = lines()
        assert told["rows"][0]["value"] in (1000, 1500)
        assert told["gone_before"][:10] in (day(1)[:10], day(2)[:10])
        assert client.get("/v1/events?type=other&limit=1").json()["events"]
        for _ in range(4):
            send("line", 0)
        until(lambda: lines()["gone_before"][:10] == day(0)[:10], "all but today to go", 30)
        assert lines()["rows"][0]["value"] == 2500
