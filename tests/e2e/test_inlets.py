"""Clients that know nothing of Livetally: they post and ask what they always have.

In the flow: sends their requests to a real server whose definitions give it their paths.
Guarantee: the clients' own bodies, headers and signatures, byte for byte; the numbers are compared
with what was sent.
"""

from __future__ import annotations

import gzip
import hashlib
import hmac
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from livetally.testing import Server
from tests.e2e.walls import Teams, talk
from tests.tidy.source_tree import ROOT

DEFINITION = ROOT / "tests" / "e2e" / "inlets" / "livetally.toml"
SECRET = "opensesame"
GITHUB = "It's a Secret to Everybody"
ENV = {
    "LIVE_EVENT_SECRET": SECRET,
    "GITHUB_SECRET": GITHUB,
    "LIVETALLY_FAILED_KEYS_PER_MINUTE": "1000",
}
UUID = "0b0f6c1e-0c6f-4c5e-9f0e-4a5a7c0c8e11"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Start one server for all tests here."""
    with Server(definitions=[DEFINITION], env=ENV) as started:
        yield started


@pytest.fixture(scope="module")
def teams(server: Server) -> Teams:
    """Make two teams with keys."""
    return Teams(server)


@pytest.fixture
def client(server: Server) -> Iterator[httpx2.Client]:
    """Return a client without any key."""
    with talk(server) as made:
        yield made


def events(server: Server, **parameters: str) -> list[dict[str, Any]]:
    """Return what is stored, as the default team sees it."""
    with talk(server, server.key) as operator:
        reply = operator.get("/v1/events", params=parameters)
        assert reply.status_code == 200, reply.text
        return list(reply.json()["events"])


def test_an_event_client_posts_and_reads_its_users(client: httpx2.Client) -> None:
    """The revenue client's own request is taken, and its question answered exactly."""
    headers = {"Authorization": SECRET}
    for name, value in (("add_revenue", 100), ("subtract_revenue", 50.10), ("add_revenue", 0.2)):
        body = {"userId": "user1", "name": name, "value": value}
        reply = client.post("/liveEvent", json=body, headers=headers)
        assert reply.status_code == 200, reply.text
        assert reply.json()["stored"] == 1
        assert reply.json()["position"] > 0
    answer = client.get("/userEvents/user1", headers=headers)
    assert answer.text == '{"userId":"user1","revenue":50.1}'
    assert client.get("/userEvents/nobody", headers=headers).status_code == 404


@pytest.mark.parametrize(
    ("body", "field", "part"),
    [
        ({"userId": "u", "name": "add_revenue"}, "data.value", "missing"),
        ({"userId": "u", "name": "add_revenue", "value": "ten"}, "data.value", "no number"),
        ({"userId": "u", "value": 1}, "type", "missing"),
        ({"userId": "u", "name": "add_revenue", "value": "0.0000000001"}, "data.value", "digits"),
        ([1], "type", "missing"),
    ],
)
def test_what_is_no_event_is_told(client: httpx2.Client, body: Any, field: str, part: str) -> None:
    """A client that sends nonsense hears which field is wrong and why; nothing is stored."""
    reply = client.post("/liveEvent", json=body, headers={"Authorization": SECRET})
    assert reply.status_code == 422
    [rejected] = reply.json()["rejected"]
    assert (rejected["index"], rejected["field"]) == (0, field)
    assert part in rejected["error"]


def test_a_bad_record_costs_no_good_one(client: httpx2.Client) -> None:
    """Of many records the good ones are stored, the others named by their place."""
    records = [{"userId": "list", "name": "add_revenue", "value": v} for v in (1, "x", 3)]
    reply = client.post("/liveEvent", json=records, headers={"Authorization": SECRET}).json()
    assert reply["stored"] == 2
    assert [one["index"] for one in reply["rejected"]] == [1]


@pytest.mark.parametrize("given", [None, "", "wrong", f"{SECRET}x", "Bearer nobody", "ünï"])
def test_without_the_secret_nothing_opens(server: Server, given: str | None) -> None:
    """Neither the inlet nor the answer; and the secret shows up nowhere."""
    headers = [] if given is None else [(b"Authorization", given.encode("latin-1"))]
    with talk(server) as client:
        for method, path in (("POST", "/liveEvent"), ("GET", "/userEvents/user1")):
            reply = client.request(method, path, headers=headers)
            assert reply.status_code == 401, reply.text
            assert SECRET not in reply.text
    assert SECRET not in server.log_text()


def test_guessing_secrets_is_bounded() -> None:
    """Wrong secrets count against the address like wrong keys; then even the right one waits."""
    env = {"LIVE_EVENT_SECRET": SECRET, "LIVETALLY_FAILED_KEYS_PER_MINUTE": "3"}
    with Server(definitions=[DEFINITION], env=env) as server, talk(server) as client:
        # A secret that is not set is the operator's mistake, and no open door.
        for given in ({}, {"X-Hub-Signature-256": ""}, signed(b"{}", "")):
            reply = client.post("/hooks/github", content=b"{}", headers=given)
            assert reply.status_code == 500
            assert "GITHUB_SECRET is not set" in reply.json()["detail"]
        codes = [
            client.post("/liveEvent", json={}, headers={"Authorization": secret}).status_code
            for secret in ("a", "b", "c", "d", SECRET)
        ]
    assert codes == [401, 401, 401, 429, 429]


def signed(body: bytes, secret: str = GITHUB, **more: str) -> dict[str, str]:
    """Return the headers that GitHub sends with a body."""
    made = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/044aadd",
        "X-GitHub-Delivery": "72d3162e-cc78-11e3-81ab-4c9367dc0958",
        "X-GitHub-Event": "push",
        "X-Hub-Signature-256": f"sha256={made}",
        **more,
    }


PUSH = json.dumps(
    {
        "ref": "refs/heads/main",
        "repository": {"id": 35129377, "full_name": "baxterthehacker/public-repo"},
        "head_commit": {"id": "0d1a26e", "timestamp": "2015-05-05T19:40:15-04:00"},
        "commits": [{"id": "0d1a26e"}, {"id": "4d2ab4e"}],
    }
).encode()


def test_githubs_signature_is_made_as_documented() -> None:
    """The example of GitHub's documentation gives the signature that it states.

    Source: GitHub Docs, "Validating webhook deliveries", testing the webhook payload validation.
    """
    stated = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert signed(b"Hello, World!")["X-Hub-Signature-256"] == stated


def test_githubs_webhook_is_taken_once(server: Server, client: httpx2.Client) -> None:
    """A delivery that GitHub repeats is known by its id; other events are left out."""
    first = client.post("/hooks/github", content=PUSH, headers=signed(PUSH))
    assert first.status_code == 200, first.text
    again = client.post("/hooks/github", content=PUSH, headers=signed(PUSH))
    assert (first.json()["stored"], again.json()["duplicates"]) == (1, 1)
    ping = client.post(
        "/hooks/github", content=b"{}", headers=signed(b"{}", **{"X-GitHub-Event": "ping"})
    )
    assert (ping.status_code, ping.json()["stored"]) == (200, 0)
    [push] = events(server, type="push")
    assert push["time"] == "2015-05-05T23:40:15+00:00"
    assert push["id"] == "72d3162e-cc78-11e3-81ab-4c9367dc0958"
    assert push["data"] == {"repository": "baxterthehacker/public-repo", "commits": 2}


def test_a_body_that_was_not_signed_is_refused(client: httpx2.Client) -> None:
    """Another body, another secret, no signature, and a signature of another kind."""
    headers = signed(PUSH)
    assert client.post("/hooks/github", content=PUSH + b" ", headers=headers).status_code == 401
    assert client.post("/hooks/github", content=PUSH, headers=signed(PUSH, "x")).status_code == 401
    bare = {"X-Hub-Signature-256": headers["X-Hub-Signature-256"].removeprefix("sha256=")}
    assert client.post("/hooks/github", content=PUSH, headers=bare).status_code == 401
    assert client.post("/hooks/github", content=PUSH).status_code == 401
    packed = gzip.compress(PUSH)
    headers = signed(packed) | {"Content-Encoding": "gzip"}
    assert client.post("/hooks/github", content=packed, headers=headers).status_code == 200


def test_the_tap_clients_request_is_answered_for_its_team(server: Server, teams: Teams) -> None:
    """``POST /v1/api/tap/analytics`` with ``x-api-key``: each team sees the taps it sent itself."""
    for team, tags in (("red", ["t1", "t2", "t1"]), ("blue", ["t2"])):
        with talk(server, teams.keys[team]["write"]) as sender:
            for tag in tags:
                reply = sender.post("/v1/api/tap", json={"tag": tag})
                assert reply.status_code == 201, reply.text
                assert set(reply.json()) == {"id", "at"}
    question = {"startDate": "2020-01-01", "endDate": "2099-12-31", "interval": "year"}
    with talk(server) as client:
        for team, count in (("red", 3), ("blue", 1)):
            headers = {"x-api-key": teams.keys[team]["read"]}
            reply = client.post("/v1/api/tap/analytics", json=question, headers=headers)
            assert [row["count"] for row in reply.json()["data"]] == [count]
            known = {"If-None-Match": reply.headers["etag"]} | headers
            again = client.post("/v1/api/tap/analytics", json=question, headers=known)
            assert again.status_code == 304


def test_a_published_question_is_charged_like_any_other(server: Server) -> None:
    """A hundred different questions an hour for each key; what is kept costs nothing."""
    with talk(server, server.key) as operator:
        operator.post("/v1/teams", json={"name": "few"})
        operator.patch("/v1/teams/few", json={"queries_per_hour": 2})
        made = {"team": "few", "name": "k", "scopes": ["read"]}
        key = operator.post("/v1/keys", json=made).json()["key"]
    with talk(server) as client:
        replies = [
            client.post(
                "/v1/api/tap/analytics",
                json={"startDate": day, "endDate": "2023-12-22", "interval": "week"},
                headers={"x-api-key": key},
            )
            for day in ("2023-01-01", "2023-01-01", "2023-01-02", "2023-01-03")
        ]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
    assert "retry-after" in replies[-1].headers


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"startDate": "2023-13-01", "endDate": "2023-12-22", "interval": "week"}, "from"),
        ({"startDate": "2023-01-01", "endDate": "soon", "interval": "week"}, "to"),
        ({"startDate": "2023-01-01", "endDate": "2023-12-22", "interval": "fortnight"}, "interval"),
        ({"startDate": {"a": 1}, "endDate": "2023-12-22"}, "from"),
    ],
)
def test_a_question_that_makes_no_sense_is_told(
    client: httpx2.Client, teams: Teams, body: Any, field: str
) -> None:
    """The parameter and the reason, as under ``/v1``."""
    headers = {"x-api-key": teams.keys["red"]["read"]}
    reply = client.post("/v1/api/tap/analytics", json=body, headers=headers)
    assert reply.status_code == 400, reply.text
    assert reply.json()["field"] == field


def test_a_key_needs_the_scope(server: Server, teams: Teams) -> None:
    """Writing to an inlet needs ``write``, reading an answer ``read``; nonsense is no key."""
    keys = teams.keys["red"]
    with talk(server, keys["read"]) as reader:
        assert reader.post("/v1/api/tap", json={"tag": "t1"}).status_code == 403
    with talk(server) as client:
        assert client.post("/v1/api/tap", json={"tag": "t1"}).status_code == 401
        for key, code in ((keys["write"], 403), ("nonsense", 401)):
            headers = {"x-api-key": key}
            assert (
                client.post("/v1/api/tap/analytics", json={}, headers=headers).status_code == code
            )


def test_a_record_without_a_row_in_the_lookup_is_told(server: Server, teams: Teams) -> None:
    """The look-up table came with the file that the definition names."""
    with talk(server, teams.keys["blue"]["write"]) as sender:
        reply = sender.post("/v1/api/tap", json={"tag": "t9"})
    assert reply.status_code == 422
    assert "no row in look-up table 'tags'" in reply.json()["rejected"][0]["error"]


ITEMS = f"""
application = "items"
[event.item_created]
data.item = {{ type = "uuid", required = true }}
[event.transfer]
data.item = {{ type = "uuid", required = true }}
data.owner = {{ type = "uuid", required = true }}
[inlet.ownership]
path = "/items/{{id}}/ownership"
method = "PUT"
map.type = "'transfer'"
map.data.item = {{ from = "param('id')", as = "uuid" }}
map.data.owner = {{ from = "owner", as = "uuid" }}
reply = {{ status = 200, body = {{ item = "{{param.id}}", owner = "{{body.owner}}" }} }}
[inlet.public]
path = "/public"
auth = "none"
map.type = "'item_created'"
map.data.item = {{ value = "{UUID}" }}
reply = {{ status = 204 }}
"""


def apply(client: httpx2.Client, text: str, name: str) -> httpx2.Response:
    """Apply a definition."""
    headers = {"Content-Type": "application/toml"}
    return client.put(f"/v1/definitions/{name}", content=text, headers=headers)


def test_a_teams_own_path_serves_that_team_alone(server: Server, teams: Teams) -> None:
    """It is there at once, takes the team's keys, and writes into the team whoever comes."""
    path = f"/items/{UUID.upper()}/ownership"
    with talk(server, teams.keys["red"]["all"]) as red, talk(server) as nobody:
        assert red.put(path, json={"owner": UUID}).status_code == 404
        assert apply(red, ITEMS, "items").status_code == 200
        reply = red.put(path, json={"owner": UUID})
        assert reply.json() == {"item": UUID.upper(), "owner": UUID}
        assert red.put("/items/5/ownership", json={"owner": UUID}).status_code == 422
        assert red.put("/items/a%2Fb/ownership", json={"owner": UUID}).status_code == 422
        wrong = red.post(path, json={"owner": UUID})
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "PUT")
        public = nobody.post("/public")
        assert (public.status_code, public.content) == (204, b"")
        stored = red.get("/v1/events", params={"type": "item_created"}).json()["events"]
        assert [event["data"] for event in stored] == [{"item": UUID}]
    with talk(server, teams.keys["blue"]["all"]) as blue:
        assert blue.put(path, json={"owner": UUID}).status_code == 403
        assert blue.get("/v1/events", params={"type": "item_created"}).json()["events"] == []
        other = ITEMS.replace("{id}", "{x}").replace("'id'", "'x'").replace("param.id", "param.x")
        taken = apply(blue, other, "items")
        assert taken.status_code == 400
        assert [one["key"] for one in taken.json()["problems"]] == [
            "inlet.ownership.path",
            "inlet.public.path",
        ]
    with talk(server, server.key) as operator:
        assert operator.put(path, json={"owner": UUID}).status_code == 200


def test_a_definition_over_http_brings_its_rows(server: Server, teams: Teams) -> None:
    """The server reads no file that a request names."""
    text = 'application = "f"\n[lookup.t]\nfile = "/etc/hostname"\nkey = "a"\nvalue = "b"\n'
    with talk(server, teams.keys["red"]["all"]) as red:
        refused = apply(red, text, "f")
        assert refused.status_code == 400
        assert "are not here" in refused.json()["problems"][0]["reason"]
        rows = apply(red, text + '[lookup.t.rows]\na = "b"\n', "f")
        assert rows.status_code == 200, rows.text
        shown = red.get("/v1/definitions/f").json()
        assert shown["lookup"] == {"t": {"rows": {"a": "b"}}}


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"name=add_revenue&userId=form&value=7", "application/x-www-form-urlencoded", 200),
        (b'{"name":"add_revenue","userId":"l","value":1}\n\n', "application/x-ndjson", 200),
        (b'{"name":"add_revenue","userId":"t","value":1}', "text/plain", 200),
        (b"<html>down</html>", "text/html", 400),
        (b"\xff", "application/json", 400),
        (b"", "application/json", 422),
    ],
)
def test_bodies_of_all_kinds(client: httpx2.Client, content: bytes, kind: str, status: int) -> None:
    """Forms and lines are read too; what is no JSON is told."""
    headers = {"Authorization": SECRET, "Content-Type": kind}
    reply = client.post("/liveEvent", content=content, headers=headers)
    assert reply.status_code == status, reply.text


def test_an_unknown_path_is_unknown(client: httpx2.Client) -> None:
    """Whatever the method; and the program's own paths stay its own."""
    for method in ("GET", "POST", "DELETE"):
        assert client.request(method, "/nowhere/at/all").status_code == 404
    assert client.post("/healthz").status_code == 405
    assert client.get("/" + "a/" * 5_000).status_code == 404
