"""A hundred questions an hour for each key, and what is not counted.

In the flow: asks a real server with a team's own key, over a restart.
Guarantee: the 101st charged question in a moving hour is refused with the right ``Retry-After``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import httpx2
import pytest
from limits import RateLimitItemPerHour
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from livetally.clock import US_PER_S, SystemClock
from livetally.testing import Server
from tests.tidy.source_tree import ROOT
from tests.waiting import until

if TYPE_CHECKING:
    from tests.contract.databases import Server as Database

pytest_plugins = ("tests.contract.databases",)

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


def test_two_servers_on_one_postgresql_catalog_count_together(
    postgresql_server: Database, tmp_path: Path
) -> None:
    """A key has its hundred in all, whichever process it asks, and after one has started again.

    Each has a data directory of its own. A key made, set or revoked at one holds at the other.
    """
    env = {"LIVETALLY_CATALOG": postgresql_server.make_database("livetally_two_servers")}
    one = Server(tmp_path / "one", definitions=[FLIGHTS], env=env, key="root-of-both")
    two = Server(tmp_path / "two", definitions=[FLIGHTS], env=env, key="root-of-both")
    with one, two:
        key = team_key(one)
        with asking(one, key) as first, asking(two, key) as second:
            limits = Oracle(100)
            for number in range(100):
                client = (first, second)[number % 3 == 0]
                reply = client.get("/v1/metrics/departures", params={"where": f"flight:{number}"})
                assert reply.status_code == 200, reply.text
                assert limits.hit()
                assert f"r={99 - number};" in reply.headers["ratelimit"]
            assert not limits.hit()
            two.restart()
            for client in (first, second):
                refused = client.get("/v1/metrics/departures")
                assert refused.status_code == 429
                wait_s = int(refused.headers["retry-after"])
                assert abs(wait_s - limits.wait_s()) <= 1
                assert refused.headers["ratelimit"] == f'"queries";r=0;t={wait_s}'
            # The team's own setting, made at one, holds at the other at once.
            with asking(one, one.key) as operator:
                change = {"queries_per_hour": 101}
                assert operator.patch("/v1/teams/blue", json=change).status_code == 200
                until(lambda: second.get("/v1/quota").json()["limit"] == 101, "the new setting", 2)
                assert second.get("/v1/metrics/departures").status_code == 200
                assert first.get("/v1/metrics/departures?limit=2").status_code == 429
                key_id = key.split("_")[1]
                assert operator.delete(f"/v1/keys/{key_id}").status_code == 200
                until(lambda: second.get("/v1/quota").status_code == 401, "the key to end", 2)


class Oracle:
    """The moving window of the library ``limits``, by this machine's clock."""

    def __init__(self, per_hour: int) -> None:
        """Admit ``per_hour``."""
        self._item = RateLimitItemPerHour(per_hour)
        self._window = MovingWindowRateLimiter(MemoryStorage())

    def hit(self) -> bool:
        """Count one, if there is room."""
        return bool(self._window.hit(self._item))

    def wait_s(self) -> float:
        """Return how long it is until there is room."""
        return (
            float(self._window.get_window_stats(self._item).reset_time)
            - SystemClock().now_us() / US_PER_S
        )


def test_the_fields_are_those_of_the_current_draft(server: Server) -> None:
    """Both fields are lists of named items with whole numbers, and a refusal names its policy.

    Source: draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4; RFC 9651 (structured fields).
    """
    key = team_key(server)
    with asking(server, server.key) as operator:
        operator.patch("/v1/teams/blue", json={"queries_per_hour": 1})
    with asking(server, key) as client:
        for status in (200, 429):
            reply = client.get("/v1/metrics/departures?limit=1" + "0" * (status // 400))
            assert reply.status_code == status
            policy, left = reply.headers["ratelimit-policy"], reply.headers["ratelimit"]
            name = re.fullmatch(r'("[a-z]+");q=1;w=3600', policy)
            assert name, policy
            assert re.fullmatch(rf"{name[1]};r=0;t=3\d\d\d", left), left
            if status == 429:
                assert reply.headers["retry-after"] == left.partition("t=")[2]
                problem = reply.json()
                assert problem["type"].endswith("/http-problem-types#quota-exceeded")
                assert problem["violated-policies"] == [name[1].strip('"')]


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


def test_a_persons_session_and_open_streams_are_free(server: Server) -> None:
    """Five questions of a signed-in person and three open streams leave a key its only question."""
    key = team_key(server)
    with asking(server, server.key) as operator:
        change = {"queries_per_hour": 1}
        assert operator.patch("/v1/teams/blue", json=change).status_code == 200
    with httpx2.Client(base_url=server.url, trust_env=False) as browser:
        assert browser.post("/v1/session", json={"key": key}).status_code == 204
        for number in range(5):
            reply = browser.get("/v1/metrics/departures", params={"where": f"flight:{number}"})
            assert reply.status_code == 200, reply.text
            assert "ratelimit" not in reply.headers
    accept = {"Accept": "text/event-stream"}
    with asking(server, key) as client, ExitStack() as streams:
        token = client.post("/v1/stream-tokens").json()["token"]
        page = streams.enter_context(httpx2.Client(base_url=server.url, trust_env=False))
        for sender, path in (
            (client, "/v1/metrics/departures?where=flight:6"),
            (client, "/v1/live?q=metrics/departures"),
            (page, f"/v1/metrics/departures?where=flight:7&token={token}"),
        ):
            stream = streams.enter_context(sender.stream("GET", path, headers=accept))
            assert stream.status_code == 200
            # The answer itself has come, so that what it costs is known.
            assert any("snapshot" in line for line in stream.iter_lines())
        left = {"limit": 1, "remaining": 1, "window_s": 3600}
        assert client.get("/v1/quota").json() == left
        assert client.get("/v1/metrics/departures?where=flight:8").status_code == 200
        assert client.get("/v1/quota").json() == left | {"remaining": 0}
        assert client.get("/v1/metrics/departures?where=flight:9").status_code == 429


def test_an_operator_is_not_charged(server: Server) -> None:
    """The operator's key asks as often as it likes."""
    with asking(server, server.key) as client:
        for number in range(105):
            reply = client.get("/v1/metrics/departures", params={"where": f"flight:{number}"})
            assert reply.status_code == 200
            assert "ratelimit" not in reply.headers
