"""Versions of a definition, and a team's own in the place of the shared one.

In the flow: sends definitions to a real server that was started with one for all teams.
Guarantee: every applied text comes back as it was; what one team applies is no other's business.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from livetally.testing import Server
from tests.e2e.walls import SHOP

OWN = """
application = "shop"
# blue counts otherwise
[metric.hellos]
event = "hello"
aggregate = "count"
"""
BLUE = {"X-Livetally-Team": "blue"}
TOML = {"Content-Type": "application/toml"}


@pytest.fixture(scope="module")
def client() -> Iterator[httpx2.Client]:
    """Start a server with a shared definition, and a team."""
    with Server(definitions=[SHOP]) as server:
        headers = {"Authorization": f"Bearer {server.key}"}
        with httpx2.Client(base_url=server.url, headers=headers, trust_env=False) as opened:
            assert opened.post("/v1/teams", json={"name": "blue"}).status_code == 201
            yield opened


def names(client: httpx2.Client, **headers: str) -> list[str]:
    """Return the metrics that a team sees."""
    return [one["name"] for one in client.get("/v1/metrics", headers=headers).json()["metrics"]]


def test_a_teams_own_stands_in_the_place_of_the_shared_one(client: httpx2.Client) -> None:
    """The team sees its own application alone; the others see the shared one, as before."""
    shared = client.get("/v1/definitions/shop/versions", headers=BLUE).json()["versions"]
    assert [(one["version"], one["active"], one["shared"]) for one in shared] == [(1, True, True)]
    before = names(client)
    path = "/v1/definitions/shop"
    for text in (OWN, OWN.replace("otherwise", "twice")):
        assert client.put(path, content=text, headers=BLUE | TOML).status_code == 200
    assert names(client, **BLUE) == ["hellos"]
    listed = client.get("/v1/definitions", headers=BLUE).json()["applications"]
    assert [one["name"] for one in listed] == ["shop"]
    assert names(client) == before
    own = client.get(f"{path}/versions", headers=BLUE).json()["versions"]
    assert [(one["version"], one["active"], one["shared"]) for one in own] == [
        (2, True, False),
        (1, False, False),
    ]
    first = client.get(f"{path}/versions/1", headers=BLUE)
    assert (first.text, first.headers["content-type"]) == (OWN, "application/toml")


def test_a_teams_own_is_taken_away_and_the_shared_one_holds_again(client: httpx2.Client) -> None:
    """A dry run changes nothing; taking away says the same, once; the versions are kept."""
    path = "/v1/definitions/shop"
    red = {"X-Livetally-Team": "red"}
    assert client.post("/v1/teams", json={"name": "red"}).status_code == 201
    assert client.delete(path, headers=red).status_code == 404
    client.put(path, content=OWN, headers=red | TOML)
    planned = client.delete(f"{path}?dry_run=true", headers=red).json()
    assert planned.pop("applied") is False
    assert ("removed", "metric", "hellos") in [
        (one["kind"], one["what"], one["name"]) for one in planned["changes"]
    ]
    assert names(client, **red) == ["hellos"]
    told = client.delete(path, headers=red).json()
    assert told.pop("applied") is True
    assert told == planned
    assert names(client, **red) == names(client)
    assert client.delete(path, headers=red).status_code == 404
    kept = client.get(f"{path}/versions", headers=red).json()
    assert kept["holds_for"] == "all teams"
    assert [one["active"] for one in kept["versions"]] == [False]
    entry = client.get("/v1/audit", headers=red).json()["entries"][0]
    assert (entry["action"], entry["target"]) == ("definition.remove", "shop")


def test_what_would_come_back_must_fit_what_a_team_has_declared_since(
    client: httpx2.Client,
) -> None:
    """Names that the team's other applications use are not taken from them."""
    green = {"X-Livetally-Team": "green"}
    assert client.post("/v1/teams", json={"name": "green"}).status_code == 201
    client.put("/v1/definitions/shop", content=OWN, headers=green | TOML)
    (name, *_) = names(client)
    more = f'application = "more"\n[metric.{name}]\nevent = "hello"\naggregate = "count"\n'
    assert client.put("/v1/definitions/more", content=more, headers=green | TOML).is_success
    reply = client.delete("/v1/definitions/shop", headers=green)
    assert (reply.status_code, "more" in reply.json()["detail"]) == (400, True)
    assert set(names(client, **green)) == {"hellos", name}


def test_only_an_operator_takes_away_what_holds_for_all() -> None:
    """A team's administrator may not; an operator's word holds until the server is started anew."""
    with Server(definitions=[SHOP]) as server:
        headers = {"Authorization": f"Bearer {server.key}"}
        path = "/v1/definitions/shop?shared=true"
        with httpx2.Client(base_url=server.url, headers=headers, trust_env=False) as client:
            team = {"name": "admin", "scopes": ["read", "admin"]}
            key = client.post("/v1/keys", json=team).json()["key"]
            asked = {"Authorization": f"Bearer {key}"}
            assert client.delete(path, headers=asked).status_code == 403
            assert client.delete("/v1/definitions/shop").status_code == 404
            assert client.delete(f"{path}&shred=true").status_code == 400
            assert names(client) != []
            assert client.delete(path).json()["applied"] is True
            assert names(client) == []
            server.restart()
            assert names(client) != []


@pytest.mark.parametrize("version", ["0", "9", "-1", "x", "99999999999", "1.0"])
def test_a_version_that_is_not_there_is_not_found(client: httpx2.Client, version: str) -> None:
    """Anything but the number of a version names nothing."""
    reply = client.get(f"/v1/definitions/shop/versions/{version}")
    assert (reply.status_code, reply.json()["title"]) == (404, "Not found")
    assert client.get(f"/v1/definitions/none/versions/{version}").status_code == 404


def test_a_definition_sent_as_json_lasts() -> None:
    """It answers at once and after a restart; its text comes back, and can be sent again."""
    sent = {
        "application": "bakery",
        "event": {"bun": {"data": {"price": {"type": "decimal", "scale": 2, "minimum": 0.05}}}},
        "metric": {"buns": {"event": "bun", "aggregate": "count"}},
    }
    with Server() as server:
        headers = {"Authorization": f"Bearer {server.key}"}
        with httpx2.Client(base_url=server.url, headers=headers, trust_env=False) as client:
            path = "/v1/definitions/bakery"
            assert client.put(path, json=sent).json()["version"] == 1
            assert names(client) == ["buns"]
            server.restart()
            assert names(client) == ["buns"]
            text = client.get(f"{path}/versions/1").text
            again = client.put(path, content=text, headers=TOML).json()
            assert (again["applied"], again["changes"]) == (True, [])
