"""Two servers on one catalog: what is changed at one holds at the other, within a second.

In the flow: two processes, each with a data directory of its own, on one catalog of each kind;
changes go in at the first, and the second is looked at.
Guarantee: definitions, settings of teams, revoked keys and ended sessions reach a process that took
no part in the change, and what it has open already.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx2
import pytest

from livetally.testing import Server
from tests.e2e.walls import SHOP, talk
from tests.waiting import until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.contract.databases import Server as Database

pytest_plugins = ("tests.contract.databases",)

WITHIN_S = 2.0
"""A second for the news, and one for a busy machine."""
CALLERS = """application = "callers"
[event.call]
data.minutes = { type = "integer", required = true }
[metric.calls]
event = "call"
aggregate = "count"
[inlet.calls]
path = "/calls"
[inlet.calls.map]
type = "'call'"
data.minutes = "minutes"
"""


class Two(tuple[Server, Server]):
    """The servers, and how to talk to them."""

    __slots__ = ()

    def talk(self, number: int, key: str | None = None, **headers: str) -> httpx2.Client:
        """Return a client of one of them; without a key, the operator's."""
        return talk(self[number], key or self[number].key, **headers)


@pytest.fixture(scope="module", params=["sqlite", "postgresql", "mariadb"])
def two(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    """Start both."""
    place = tmp_path_factory.mktemp("two")
    if request.param == "sqlite":
        url = f"sqlite:///{place / 'catalog.db'}"
    else:
        database: Database = request.getfixturevalue(f"{request.param}_server")
        url = database.make_database("livetally_two")
    env = {"LIVETALLY_CATALOG": url}
    with (
        Server(place / "one", definitions=[SHOP], env=env, key="root-of-both") as one,
        Server(place / "two", definitions=[SHOP], env=env, key="root-of-both") as other,
    ):
        yield Two((one, other))


def made_key(two: Two, team: str, scopes: list[str]) -> tuple[str, str]:
    """Make a team, if need be, and a key at the first server; return its id and text."""
    with two.talk(0) as operator:
        operator.post("/v1/teams", json={"name": team})
        body = {"team": team, "name": "ci", "scopes": scopes}
        made = operator.post("/v1/keys", json=body).json()
    return made["id"], made["key"]


def apply(two: Two, number: int, team: str, name: str, text: str) -> httpx2.Response:
    """Apply a definition at one of them, as an operator who acts for a team."""
    with two.talk(number, **{"X-Livetally-Team": team}) as client:
        headers = {"Content-Type": "application/toml"}
        return client.put(f"/v1/definitions/{name}", content=text, headers=headers)


@contextmanager
def streaming(
    two: Two, number: int, address: str, key: str | None, **headers: str
) -> Iterator[Iterator[str]]:
    """Open a stream; yield its events' texts as they come."""
    headers["Accept"] = "text/event-stream"
    with talk(two[number], key, **headers) as client, client.stream("GET", address) as reply:
        assert reply.status_code == 200, reply.read()
        yield reply.iter_text()


def test_definitions_applied_at_one_hold_at_the_other(two: Two) -> None:
    """The metric, what ingest checks, the published path and the history are there as well."""
    _, key = made_key(two, "callers", ["read", "write"])
    assert apply(two, 0, "callers", "callers", CALLERS).status_code == 200
    with two.talk(1, key) as client:
        until(
            lambda: client.get("/v1/metrics/calls").status_code == 200, "the new metric", WITHIN_S
        )
        refused = client.post("/v1/events", json={"type": "call", "data": {"minutes": "many"}})
        assert refused.status_code == 422
        assert client.post("/calls", json={"minutes": 3}).json()["stored"] == 1
        assert client.get("/v1/metrics/calls").json()["rows"][0]["value"] == 1
    with two.talk(1, **{"X-Livetally-Team": "callers"}) as operator, two.talk(0, key) as first:
        versions = operator.get("/v1/definitions/callers/versions").json()["versions"]
        assert [one["version"] for one in versions] == [1]
        # What is taken away at the second is gone at the first.
        assert first.get("/v1/metrics/calls").status_code == 200
        assert operator.delete("/v1/definitions/callers").status_code == 200
        until(lambda: first.get("/v1/metrics/calls").status_code == 404, "it to go", WITHIN_S)


def test_the_command_line_reaches_both(two: Two, tmp_path_factory: pytest.TempPathFactory) -> None:
    """``livetally apply`` against the first server changes the second."""
    _, key = made_key(two, "appliers", ["read"])
    file = tmp_path_factory.mktemp("applied") / "livetally.toml"
    text = 'application = "lots"\n[metric.lots]\nevent = "lot"\naggregate = "count"\n'
    file.write_text(text, encoding="utf-8")
    env = {**os.environ, "LIVETALLY_URL": two[0].url, "LIVETALLY_KEY": two[0].key}
    command = [sys.executable, "-m", "livetally", "apply", str(file), "--team", "appliers"]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with two.talk(1, key) as client:
        until(lambda: client.get("/v1/metrics/lots").status_code == 200, "the metric", WITHIN_S)


def test_an_open_stream_comes_back_to_the_new_definitions(two: Two) -> None:
    """A stream at the second ends with the change at the first; another team's goes on."""
    _, mine = made_key(two, "streamers", ["read", "write"])
    _, theirs = made_key(two, "bystanders", ["read", "write"])
    address = "/v1/metrics/revenue"
    with (
        streaming(two, 1, address, mine) as changed,
        streaming(two, 1, address, theirs) as unchanged,
    ):
        next(changed)
        next(unchanged)
        text = 'application = "more"\n[metric.more]\nevent = "more"\naggregate = "count"\n'
        assert apply(two, 0, "streamers", "more", text).status_code == 200
        for _ in changed:
            pass
        with two.talk(1, theirs) as client:
            body = {"type": "add_revenue", "subject": "azure", "data": {"value": "7"}}
            assert client.post("/v1/events", json=body).json()["stored"] == 1
        assert any('{"value":7}' in frame for frame in unchanged)


def test_what_conflicts_with_a_change_elsewhere_is_refused(two: Two) -> None:
    """Of definitions that both declare one metric, applied at both at once, one is active."""
    made_key(two, "rivals", ["read"])

    def attempt(number: int) -> int:
        text = f'application = "rival{number}"\n[metric.same]\nevent = "x"\naggregate = "count"\n'
        return apply(two, number % 2, "rivals", f"rival{number}", text).status_code

    with ThreadPoolExecutor(6) as threads:
        statuses = sorted(threads.map(attempt, range(6)))
    assert statuses == [200, *[400] * 5]


def test_a_teams_settings_hold_at_the_other(two: Two) -> None:
    """Quota and allowed origins, set at the first, are the second's within a second."""
    page = "https://dashboard.example"
    _, key = made_key(two, "settled", ["read"])
    with two.talk(0) as operator, two.talk(1, key, Origin=page) as client:
        assert client.get("/v1/quota").json()["limit"] == 100
        assert "access-control-allow-origin" not in client.get("/v1/quota").headers
        change = {"queries_per_hour": 7, "allowed_origins": [page]}
        assert operator.patch("/v1/teams/settled", json=change).status_code == 200
        until(lambda: client.get("/v1/quota").json()["limit"] == 7, "the quota", WITHIN_S)
        assert client.get("/v1/quota").headers["access-control-allow-origin"] == page


def test_a_key_revoked_at_one_opens_nothing_at_the_other(two: Two) -> None:
    """Its requests, session and stream token are refused, and its open streams there have ended."""
    key_id, key = made_key(two, "leavers", ["read", "write"])
    address = "/v1/metrics/revenue"
    with two.talk(0, key) as first, two.talk(1, key) as second, talk(two[1]) as browser:
        token = first.post("/v1/stream-tokens").json()["token"]
        cookie = browser.post("/v1/session", json={"key": key}).cookies["livetally_session"]
        with_cookie = {"Cookie": f"livetally_session={cookie}"}
        assert browser.get("/v1/session", headers=with_cookie).status_code == 200
        assert second.get("/v1/quota").status_code == 200
        with (
            streaming(two, 1, address, key) as by_key,
            streaming(two, 1, f"{address}?token={token}", None) as by_token,
            streaming(two, 1, address, None, **with_cookie) as by_cookie,
            two.talk(0) as operator,
        ):
            for frames in (by_key, by_token, by_cookie):
                next(frames)
            assert operator.delete(f"/v1/keys/{key_id}").status_code == 200
            until(lambda: second.get("/v1/quota").status_code == 401, "the key to end", WITHIN_S)
            until(
                lambda: browser.get("/v1/session", headers=with_cookie).status_code == 401,
                "the session to end",
                WITHIN_S,
            )
            for frames in (by_key, by_token, by_cookie):
                for _ in frames:
                    pass


SLOW_POLL = """
import os

if os.environ.get("SLOW_POLL"):
    from livetally.server import watching

    watching._POLL_S = 3600.0
"""


def test_a_server_on_postgresql_is_told(postgresql_server: Database, tmp_path: Path) -> None:
    """Its stream ends at once with a key that is revoked elsewhere, though it does not poll."""
    url = postgresql_server.make_database("livetally_told")
    (tmp_path / "sitecustomize.py").write_text(SLOW_POLL)
    env = {"LIVETALLY_CATALOG": url}
    slow = {**env, "PYTHONPATH": str(tmp_path), "SLOW_POLL": "1"}
    with (
        Server(tmp_path / "one", definitions=[SHOP], env=env, key="root-of-both") as one,
        Server(tmp_path / "two", definitions=[SHOP], env=slow, key="root-of-both") as other,
    ):
        two = Two((one, other))
        key_id, key = made_key(two, "told", ["read"])
        with two.talk(0) as operator, streaming(two, 1, "/v1/metrics/revenue", key) as frames:
            next(frames)
            began = time.monotonic()
            assert operator.delete(f"/v1/keys/{key_id}").status_code == 200
            for _ in frames:
                pass
            assert time.monotonic() - began < WITHIN_S


def test_signing_out_at_one_signs_out_at_the_other(two: Two) -> None:
    """A session that was ended at the first opens nothing at the second."""
    _, key = made_key(two, "signers", ["read"])
    with talk(two[0]) as first, talk(two[1]) as second:
        cookie = first.post("/v1/session", json={"key": key}).cookies["livetally_session"]
        headers = {"Cookie": f"livetally_session={cookie}", "X-Livetally-Console": "1"}
        assert second.get("/v1/session", headers=headers).status_code == 200
        assert first.delete("/v1/session", headers=headers).status_code == 204
        until(
            lambda: second.get("/v1/session", headers=headers).status_code == 401,
            "the session to end",
            WITHIN_S,
        )
