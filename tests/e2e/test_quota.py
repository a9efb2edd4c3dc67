"""A hundred questions an hour for each key, and what is not counted.

In the flow: asks a real server with a team's own key, over a restart.
Guarantee: the 101st charged question in a moving hour is refused with the right ``Retry-After``.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from livetally.testing import Server
from tests.tidy.source_tree import ROOT

FLIGHTS = ROOT / "examples" / "flights" / "livetally.toml"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Start a server with its default quota."""
    with Server(tmp_path / "data", definitions=[FLIGHTS]) as started:
        yield started


def team_key(server: Server) -> str:
    """Make a team and a key that may read and write."""
    operator = {"Authorization": f"Bearer {server.key}"}
    with httpx2.Client(base_url=server.url, headers=operator, trust_env=False) as client:
        assert client.post("/v1/teams", json={"name": "blue"}).status_code == 201
        body = {"team": "blue", "name": "ci", "scopes": ["read", "write"]}
        return str(client.post("/v1/keys", json=body).json()["key"])


def asking(server: Server, key: str) -> httpx2.Client:
    """Return a client that sends the key."""
    headers = {"Authorization": f"Bearer {key}"}
    return httpx2.Client(base_url=server.url, headers=headers, trust_env=False)


def test_the_101st_question_is_refused_also_after_a_restart(server: Server) -> None:
    """A hundred different questions are answered; the next is told when to come back."""
    key = team_key(server)
    with asking(server, key) as client:
        for number in range(100):
            reply = client.get("/v1/metrics/departures", params={"where": f"flight:{number}"})
            assert reply.status_code == 200, reply.text
            assert f"r={99 - number};" in reply.headers["ratelimit"]
            assert reply.headers["ratelimit-policy"] == '"queries";q=100;w=3600'
    server.stop()
    server.start()
    with asking(server, key) as client:
        reply = client.get("/v1/metrics/departures", params={"where": "flight:1"})
        assert reply.status_code == 429
        assert 3000 < int(reply.headers["retry-after"]) <= 3600
        assert reply.json()["title"] == "Quota used up"
        assert client.get("/v1/events").status_code == 429
        # Sending is no question, and what there is to ask is not either.
        assert client.post("/v1/events", json={"type": "a"}).status_code == 200
        assert client.get("/v1/metrics").status_code == 200


def test_answers_that_did_not_change_are_free(server: Server) -> None:
    """Cache hits and 304 are free; a commit that touches the answer makes it cost again."""
    with asking(server, team_key(server)) as client:
        ask = "/v1/metrics/departures?interval=day&from=2013-01-01&to=2014-01-01"
        first = client.get(ask)
        assert "r=99;" in first.headers["ratelimit"]
        assert "ratelimit" not in client.get(ask).headers
        again = client.get(ask, headers={"If-None-Match": first.headers["etag"]})
        assert again.status_code == 304
        assert "ratelimit" not in again.headers
        event = {
            "type": "departure",
            "time": "2013-05-05T05:00:00Z",
            "data": {"carrier": "UA", "origin": "EWR"},
        }
        assert client.post("/v1/events", json=event).json()["stored"] == 1
        changed = client.get(ask, headers={"If-None-Match": first.headers["etag"]})
        assert changed.status_code == 200
        assert "r=98;" in changed.headers["ratelimit"]


def test_an_operator_is_not_charged(server: Server) -> None:
    """The operator's key asks as often as it likes."""
    with asking(server, server.key) as client:
        for number in range(105):
            reply = client.get("/v1/metrics/departures", params={"where": f"flight:{number}"})
            assert reply.status_code == 200
            assert "ratelimit" not in reply.headers
