"""Paths of a definition that start, stop and run sources, and the answer at ``/``.

In the flow: a real server with a source, commanded by an old client's requests.
Guarantee: who may not command a source can't do it by a published path either.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from livetally.testing import Server
from tests.nobel import SOURCE, Nobel, nobel
from tests.waiting import until

_COMMANDS = """
[command.start]
path = "/start"
source = "nobel"
action = "start"
reply = { status = 202, body = { started = "{sources[].name}", by = "{query.by}" } }

[command.stop]
path = "/stop"
source = "nobel"
action = "stop"
auth = { header = "X-Secret", secret = "env:STOP_SECRET" }

[command.once]
path = "/fetch/{what}"
method = "PUT"
source = "nobel"
action = "run"
reply = { status = 204 }

[command.counted]
path = "/counted"
source = "nobel"
action = "run"
reply = { body = { letters = "{length(query.by)}" } }

[entity.prize]
key = "category"
events = ["prize"]
fields.prizes = { count = true }

[answer.persisted]
path = "/"
entity = "prize"
parameters.limit = "{query.limit}"
"""


@pytest.fixture(scope="module")
def api() -> Iterator[Nobel]:
    """The API."""
    with nobel() as said:
        yield said


@pytest.fixture(scope="module")
def server(api: Nobel, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose source waits to be started."""
    file = tmp_path_factory.mktemp("commands") / "nobel.toml"
    waits = SOURCE.replace("URL", api.url).replace("every =", "start = false\nevery =")
    file.write_text(waits + _COMMANDS)
    env = {
        "LIVETALLY_SOURCES_ALLOW_PRIVATE": "true",
        "LIVETALLY_QUERIES_PER_HOUR": "100000",
        "STOP_SECRET": "halt",
    }
    with Server(definitions=[file], env=env) as started:
        yield started


@pytest.fixture
def client(server: Server) -> Iterator[httpx2.Client]:
    """A client with the operator's key."""
    headers = {"Authorization": f"Bearer {server.key}", "Accept": "*/*"}
    with httpx2.Client(base_url=server.url, headers=headers, trust_env=False) as made:
        yield made


def test_start_fetch_stop_as_the_old_client_does(client: httpx2.Client, api: Nobel) -> None:
    """POST /start fetches, GET / shows what came, POST /stop stops; each answers as declared."""
    assert client.get("/").json()["entities"] == []
    reply = client.post("/start?by=ada")
    assert (reply.status_code, reply.json()) == (202, {"started": ["nobel"], "by": "ada"})
    until(lambda: len(client.get("/").json()["entities"]) == 5, "five categories", 30)
    assert len(client.get("/?limit=2").json()["entities"]) == 2
    stopped = client.post("/stop", headers={"X-Secret": "halt"})
    assert stopped.status_code == 200
    (one,) = stopped.json()["sources"]
    assert (one["name"], one["running"], one["next"]) == ("nobel", False, None)
    assert client.get("/v1/sources/nobel").json()["running"] is False
    audit = client.get("/v1/audit").json()["entries"]
    assert [entry["action"] for entry in audit if entry["action"].startswith("source.")][:2] == [
        "source.stop",
        "source.start",
    ]


def test_once(client: httpx2.Client) -> None:
    """PUT /fetch/... runs it once, and answers without a body; another method is refused."""
    until(lambda: not client.get("/v1/sources/nobel").json()["fetching"], "it to rest", 30)
    runs = client.get("/v1/sources/nobel").json()["runs"]
    reply = client.put("/fetch/now")
    assert (reply.status_code, reply.content) == (204, b"")
    until(lambda: client.get("/v1/sources/nobel").json()["runs"] == runs + 1, "one run", 30)
    assert client.get("/fetch/now").status_code == 405


def test_a_reply_that_can_not_be_filled_is_found_before_anything_is_done(
    client: httpx2.Client,
) -> None:
    """Else a client that tries again after a refusal would command twice."""

    def commanded() -> int:
        entries = client.get("/v1/audit").json()["entries"]
        return sum(entry["action"] == "source.run" for entry in entries)

    before = commanded()
    refused = client.post("/counted")
    assert (refused.status_code, refused.json()["field"]) == (400, "reply")
    assert commanded() == before
    assert client.post("/counted?by=ada").json() == {"letters": 3}
    assert commanded() == before + 1


@pytest.mark.parametrize("scopes", [["read", "write"], ["admin"]], ids=["read write", "admin"])
def test_a_command_needs_the_scope_admin(client: httpx2.Client, scopes: list[str]) -> None:
    """A key without it is refused, and so is nobody; a secret opens its own path only."""
    asked = {"team": "default", "name": "c", "scopes": scopes}
    key = client.post("/v1/keys", json=asked).json()["key"]
    may = "admin" in scopes
    reply = client.post("/start", headers={"Authorization": f"Bearer {key}"})
    assert reply.status_code == (202 if may else 403)
    assert client.post("/start", headers={"Authorization": ""}).status_code == 401
    assert (
        client.post("/start", headers={"Authorization": "", "X-Secret": "halt"}).status_code == 401
    )
    assert client.post("/stop", headers={"X-Secret": "go"}).status_code == 401


def test_a_browser_finds_the_console(client: httpx2.Client, server: Server) -> None:
    """At the same address: it asks for a page. Others need a key there, as everywhere."""
    page = client.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.headers["content-type"].startswith("text/html")
    assert client.get("/").headers["content-type"] == "application/json"
    assert client.get("/", headers={"Authorization": ""}).status_code == 401
    with Server() as plain, httpx2.Client(base_url=plain.url, trust_env=False) as other:
        assert other.get("/").headers["content-type"].startswith("text/html")
