"""Events that are older than their type's ``keep`` go, and answers say what they lack."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

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
