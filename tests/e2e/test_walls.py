"""Who may do what: every route with every kind of key, and two teams that never see each other.

In the flow: walks the table of ``walls`` against a real server.
Guarantee: a new route without a row fails; so does a door that opens for the wrong key.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from livetally.testing import Server
from tests.e2e.walls import ROUTES, SCOPES, SHOP, Row, Teams, real_routes, talk

# Each refused key counts against its address, and here all come from one.
PATIENT = {"LIVETALLY_FAILED_KEYS_PER_MINUTE": "100000"}
GUARDED = [row for row in ROUTES if row.scope != "open"]
WORKS = """application = "crimson_works"
[event.crimson_tick]
data.n = "integer"
[metric.crimson_pulse]
event = "crimson_tick"
aggregate = "count"
[alert.crimson_alert]
metric = "crimson_pulse"
window = "1 hour"
above = 5
[source.crimson_source]
url = "http://192.0.2.1/records"
every = "1 day"
[source.crimson_source.map]
type = "'crimson_tick'"
id = "id"
[sink.crimson_sink]
to = "sqlite:crimson.db"
event = "crimson_tick"
columns = { id = "id" }
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Start one server for all tests here."""
    with Server(definitions=[SHOP], env=PATIENT) as started:
        yield started


@pytest.fixture(scope="module")
def teams(server: Server) -> Teams:
    """Make the teams, and give each something that the other must not see."""
    made = Teams(server)
    for team, mark, value in (("red", "crimson", 7), ("blue", "azure", 5)):
        with talk(server, made.keys[team]["all"]) as client:
            events = [
                {"type": "add_revenue", "subject": mark, "data": {"value": value}},
                {"type": "incident", "subject": mark, "data": {"severity": value}},
                {"type": f"{mark}_only", "id": mark, "source": mark, "data": {mark: mark}},
            ]
            assert client.post("/v1/events", json=events).json()["stored"] == 3
            text = f'application = "{mark}"\n[metric.{mark}]\nevent = "{mark}_only"\n'
            reply = client.put(
                f"/v1/definitions/{mark}",
                content=f'{text}aggregate = "count"\n',
                headers={"Content-Type": "application/toml"},
            )
            assert reply.status_code == 200, reply.text
    return made


def named(row: Row) -> str:
    """Name a row in the tests' output."""
    return f"{row.method} {row.route}"


def test_every_route_has_a_row() -> None:
    """The table and the server have the same routes."""
    assert {(row.method, row.route) for row in ROUTES} == real_routes()


@pytest.mark.parametrize("row", GUARDED, ids=named)
def test_without_a_valid_key_nothing_opens(row: Row, server: Server, teams: Teams) -> None:
    """No key, nonsense, a revoked and an expired key are each refused with 401 and the way in."""
    for key in (None, "nonsense", *teams.ended.values()):
        with talk(server, key) as client:
            reply = row.send(client)
            assert reply.status_code == 401, f"{key}: {reply.text}"
            assert "www-authenticate" in reply.headers


@pytest.mark.parametrize("row", GUARDED, ids=named)
def test_a_key_opens_what_its_scope_says(row: Row, server: Server, teams: Teams) -> None:
    """Each single scope opens its own routes, and what operators do opens for no team's key."""
    for scope in SCOPES:
        with talk(server, teams.keys["red"][scope]) as client:
            reply = row.send(client)
        may = row.scope in (None, scope) and not row.operator
        assert reply.status_code != 401, scope
        assert (reply.status_code != 403) is may, f"{scope}: {reply.status_code} {reply.text}"
        assert reply.status_code < 500
    with talk(server, server.key) as client:
        reply = row.send(client)
    assert reply.status_code not in (401, 403), reply.text


@pytest.mark.parametrize("row", GUARDED, ids=named)
def test_a_team_cant_act_for_another(row: Row, server: Server, teams: Teams) -> None:
    """Naming another team is refused for every key that is not an operator's."""
    with talk(server, teams.keys["blue"]["all"], **{"X-Livetally-Team": "red"}) as client:
        assert row.send(client).status_code == 403


@pytest.mark.parametrize("row", GUARDED, ids=named)
def test_a_stream_token_opens_live_reads_only(row: Row, server: Server, teams: Teams) -> None:
    """Everywhere else it is refused, as a key, in an address and in the cookie."""
    with talk(server, teams.keys["red"]["read"]) as client:
        token = client.post("/v1/stream-tokens").json()["token"]
    with talk(server, token) as client:
        assert (row.send(client).status_code == 200) is row.live
    with talk(server) as client:
        joint = "&" if "?" in row.path else "?"
        by_address = row._replace(path=f"{row.path}{joint}token={token}").send(client)
        assert (by_address.status_code == 200) is row.live
        in_cookie = row.send(client, headers={"Cookie": f"livetally_session={token}"})
        assert in_cookie.status_code == 403


@pytest.mark.parametrize("row", GUARDED, ids=named)
def test_the_cookie_carries_no_key_and_changes_need_more(
    row: Row, server: Server, teams: Teams
) -> None:
    """A key in the cookie is refused; a change with a session needs the console's header."""
    with talk(server) as client:
        key = {"Cookie": f"livetally_session={teams.keys['red']['all']}"}
        assert row.send(client, headers=key).status_code == 403
        session = {"Cookie": f"livetally_session={signed_in(server, teams.keys['red']['all'])}"}
        bare = row.send(client, headers=session)
        if row.method != "GET":
            assert bare.status_code == 403
            other = {"X-Livetally-Console": "1", "Sec-Fetch-Site": "cross-site"}
            assert row.send(client, headers=session | other).status_code == 403
            own = {"X-Livetally-Console": "1", "Sec-Fetch-Site": "same-origin"}
            bare = row.send(client, headers=session | own)
        opens = not row.operator and row.route != "/v1/session/link"
        assert (bare.status_code != 403) is opens, bare.text


def test_a_key_in_an_address_is_refused_also_for_live_reads(server: Server, teams: Teams) -> None:
    """Only stream tokens, which end soon and do little, may stand where histories keep them."""
    accept = {"Accept": "text/event-stream"}
    with talk(server) as client:
        key = teams.keys["red"]["read"]
        assert client.get(f"/v1/metrics/revenue?token={key}", headers=accept).status_code == 403
        assert client.get(f"/v1/metrics/revenue?token={key}").status_code == 401


@pytest.mark.parametrize("row", [row for row in ROUTES if row.method == "GET"], ids=named)
def test_no_answer_holds_anything_of_another_team(row: Row, server: Server, teams: Teams) -> None:
    """Blue's own administrator reads every route and finds no trace of red in it."""
    if row.live:
        return  # has its own test below
    with talk(server, teams.keys["blue"]["all"]) as client:
        reply = row.send(client)
    for mark in ("crimson", '"red"', "red-", *teams.ids["red"]):
        assert mark not in reply.text


def test_reads_by_anothers_names_find_nothing(server: Server, teams: Teams) -> None:
    """Knowing what the other team's things are called helps nobody."""
    with talk(server, teams.keys["blue"]["all"]) as client:
        assert client.get("/v1/metrics/crimson").status_code == 404
        assert client.get("/v1/definitions/crimson").status_code == 404
        assert client.get("/v1/entities/user/crimson").status_code == 404
        assert client.get("/v1/entities/user/crimson/events").json()["events"] == []
        for where in ("?subject=crimson", "?type=crimson_only", "?where=source:crimson"):
            assert client.get(f"/v1/events{where}").json()["events"] == []
        asked = {"by": "subject", "where": "subject:crimson"}
        assert client.get("/v1/metrics/revenue", params=asked).json()["rows"] == []
        for key_id in teams.ids["red"]:
            assert client.delete(f"/v1/keys/{key_id}").status_code == 404
            assert client.post(f"/v1/keys/{key_id}/rotate").status_code == 404
        body = {"team": "red", "name": "x", "scopes": ["read"]}
        assert client.post("/v1/keys", json=body).status_code == 403
        assert client.get("/v1/keys?team=*").status_code == 403
    with talk(server, teams.keys["red"]["read"]) as client:
        assert client.get("/v1/session").status_code == 200


def test_what_red_has_defined_is_not_there_for_blue(server: Server, teams: Teams) -> None:
    """Source, alert, sink, erasure of red: blue's administrator can't see or change them."""
    with talk(server, server.key, **{"X-Livetally-Team": "red"}) as operator:
        reply = operator.put(
            "/v1/definitions/crimson_works",
            content=WORKS,
            headers={"Content-Type": "application/toml"},
        )
        assert reply.status_code == 200, reply.text
    with (
        talk(server, teams.keys["red"]["all"]) as red,
        talk(server, teams.keys["blue"]["all"]) as blue,
    ):
        gone = red.delete("/v1/events?subject=crimson_person").json()
        tried = [
            ("GET", "/v1/sources/crimson_source", None),
            ("PATCH", "/v1/sources/crimson_source", {"schedule": None}),
            *(
                ("POST", f"/v1/sources/crimson_source/{do}", None)
                for do in ("run", "stop", "start")
            ),
            ("GET", "/v1/alerts/crimson_alert", None),
            ("GET", "/v1/alerts/crimson_alert/changes", None),
            ("POST", "/v1/sinks/crimson_sink/rebuild", None),
            ("GET", "/v1/definitions/crimson_works", None),
            ("GET", "/v1/definitions/crimson_works/versions", None),
            ("GET", "/v1/definitions/crimson_works/versions/1", None),
            ("DELETE", "/v1/definitions/crimson_works", None),
            ("GET", "/v1/explore?metric=crimson_pulse", None),
        ]
        for method, path, body in tried:
            answer = blue.request(method, path, json=body)
            assert answer.status_code in (400, 404), f"{method} {path}: {answer.text}"
        for path in ("sources", "alerts", "sinks", "definitions", "erasures", "audit", "metrics"):
            assert "crimson" not in blue.get(f"/v1/{path}").text
            if path not in ("audit", "erasures"):
                assert "crimson" in red.get(f"/v1/{path}").text, path
        assert gone["fingerprint"] in red.get("/v1/erasures").text
        assert gone["fingerprint"] not in blue.get("/v1/erasures").text
        assert red.get("/v1/sources/crimson_source").json()["running"] is True


def test_a_kept_answer_is_kept_for_its_own_team(server: Server, teams: Teams) -> None:
    """The same question, asked by both teams in turn, has each team's own answer and tag."""
    ask = "/v1/metrics/revenue?interval=year&by=subject"
    with (
        talk(server, teams.keys["red"]["all"]) as red,
        talk(server, teams.keys["blue"]["all"]) as blue,
    ):
        first, other, again = red.get(ask), blue.get(ask), red.get(ask)
        assert "crimson" in first.text
        assert "crimson" not in other.text
        assert "azure" in other.text
        assert first.json()["rows"] == again.json()["rows"]
        tagged = blue.get(ask, headers={"If-None-Match": first.headers["etag"]})
        assert "crimson" not in tagged.text
        # The same id in another team is another event.
        event = {"type": "azure_only", "id": "crimson", "source": "crimson"}
        assert blue.post("/v1/events", json=event).json()["stored"] == 1


def test_a_cursor_of_another_team_shows_nothing_of_it(server: Server, teams: Teams) -> None:
    """A page's cursor says where to go on, not in whose events."""
    with (
        talk(server, teams.keys["red"]["all"]) as red,
        talk(server, teams.keys["blue"]["all"]) as blue,
    ):
        cursor = red.get("/v1/events?limit=1").json()["next"]
        page = blue.get("/v1/events", params={"limit": 100, "cursor": cursor})
        assert "crimson" not in page.text


@pytest.mark.parametrize("address", ["/v1/metrics/revenue?by=subject", "/v1/live?q=LIVE"])
def test_a_stream_tells_nothing_of_another_team(address: str, server: Server, teams: Teams) -> None:
    """Red's event reaches no stream of blue, though blue's next one does."""
    address = address.replace("LIVE", "metrics/revenue%3Fby%3Dsubject")
    with (
        talk(server, teams.keys["red"]["write"]) as red,
        talk(server, teams.keys["blue"]["write"]) as blue,
        streaming(server, address, teams.keys["blue"]["read"]) as frames,
    ):
        seen = next(frames)
        red.post("/v1/events", json=revenue("crimson", 1))
        mark = f"azure{time.monotonic_ns()}"
        blue.post("/v1/events", json=revenue(mark, 1))
        while mark not in seen:
            seen += next(frames)
    assert "crimson" not in seen


def test_an_open_stream_ends_with_its_key(server: Server, teams: Teams) -> None:
    """Revoking a key ends the streams that were opened with it, and with its stream tokens."""
    with talk(server, teams.keys["red"]["all"]) as client:
        made = client.post("/v1/keys", json={"name": "soon gone", "scopes": ["read"]}).json()
        with talk(server, made["key"]) as own:
            token = own.post("/v1/stream-tokens").json()["token"]
        address = "/v1/metrics/revenue"
        with (
            streaming(server, address, made["key"]) as by_key,
            streaming(server, f"{address}?token={token}", None) as by_token,
        ):
            next(by_key)
            next(by_token)
            assert client.delete(f"/v1/keys/{made['id']}").status_code == 200
            for _ in by_key:
                pass
            for _ in by_token:
                pass


def test_the_audit_log_says_who_did_what(server: Server, teams: Teams) -> None:
    """An administrator reads the own team's entries page by page; an operator reads all."""
    with talk(server, teams.keys["blue"]["all"]) as client:
        made = client.post("/v1/keys", json={"name": "noted", "scopes": ["read"]}).json()
        page = client.get("/v1/audit?limit=1").json()
        newest = page["entries"][0]
        assert (newest["action"], newest["target"]) == ("key.create", made["id"])
        assert newest["who"] in teams.ids["blue"]
        older = client.get("/v1/audit", params={"cursor": page["next"]}).json()
        assert newest["id"] not in [entry["id"] for entry in older["entries"]]
        assert {entry["team"] for entry in older["entries"]} == {"blue"}
    with talk(server, server.key) as operator:
        everybody = operator.get("/v1/audit?limit=1000").json()["entries"]
        assert {"red", "blue"} <= {entry["team"] for entry in everybody}
    with talk(server, server.key, **{"X-Livetally-Team": "red"}) as operator:
        assert {one["team"] for one in operator.get("/v1/audit").json()["entries"]} == {"red"}


def signed_in(server: Server, key: str) -> str:
    """Sign in with a key; return the session's token."""
    with talk(server) as client:
        reply = client.post("/v1/session", json={"key": key})
        assert reply.status_code == 204
        assert "HttpOnly" in reply.headers["set-cookie"]
        assert "SameSite=lax" in reply.headers["set-cookie"]
        return str(reply.cookies["livetally_session"])


def revenue(subject: str, value: int) -> dict[str, Any]:
    """Return an event."""
    return {"type": "add_revenue", "subject": subject, "data": {"value": value}}


@contextmanager
def streaming(server: Server, address: str, key: str | None) -> Iterator[Iterator[str]]:
    """Open a stream; yields its pieces."""
    accept = {"Accept": "text/event-stream"}
    with talk(server, key) as client, client.stream("GET", address, headers=accept) as reply:
        assert reply.status_code == 200, reply.read()
        yield reply.iter_text()
