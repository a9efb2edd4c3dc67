"""Hostile texts in every parameter of every route, with every statement of the engine watched.

In the flow: a server whose engine writes down each statement; a team that tries to reach another's.
Guarantee: no text of a request becomes part of a statement, no route fails by itself, and nothing
of the other team is ever in an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from livetally.api.openapi import openapi
from livetally.testing import Server
from tests.e2e.walls import SHOP, Row, Teams, talk

MARK = "zq9"
# What stands in a definition may be part of a statement, as a literal: a projection's condition is
# a part of the table and can't be bound.
DECLARED = "dq7"
_TEAM = re.compile(r"\bteam = (?:\{\w+:UInt32\}|\d+)(?!\s+OR\b)")
_LITERAL = re.compile(r"'(?:[^'\\]|\\.)*'", re.DOTALL)
TEXTS = (
    f"{MARK}' OR 1=1 --",
    f'{MARK}"); DROP TABLE events; --',
    MARK + "\\' UNION ALL SELECT * FROM events --",  # noqa: S608 - sent, never run
    f"{MARK}`; SELECT",
    f"{MARK}{{team:UInt32}} {{p0:String}}",
    f"{MARK}\n\tSETTINGS readonly = 0",
    f"{MARK}\0\u202e\ufeff",
    f"../../{MARK}/../etc/passwd",
    MARK * 2_000,
    f"{MARK}%27%s%n${{jndi:x}}",
    f"subject:{MARK}' OR team = 2",
    f"value:>{MARK}",
    f"{MARK}'.a.b:*",
    f"data.{MARK}'x:1,2,3",
    f"!{MARK}\\:~(((a+)+)+",
    "metrics/revenue?where=subject:" + quote(f"{MARK}' OR 1=1"),
    "-1",
    "99999999999999999999999999",
    "1e400",
    "NaN",
    "",
    "0001-01-01T00:00:00+23:59",
    "\U0001f4a9",
)
# Bytes that are no text at all, as they stand in an address.
RAW = ("%ff%fe", "%00", "%c0%af", "%ed%a0%80")

WATCH = """
import os

if os.environ.get("STATEMENTS"):
    from livetally.store.events.embedded import EmbeddedEngine as Engine

    kept = open(os.environ["STATEMENTS"], "a", encoding="utf-8", buffering=1)
    ask, insert = Engine._query, Engine.insert

    def watched(self, sql, *rest):
        kept.write(sql + "\\n;;\\n")
        return ask(self, sql, *rest)

    def watched_insert(self, table, columns, block, settings, *rest):
        kept.write(f"INSERT {table} {columns} {settings}\\n;;\\n")
        return insert(self, table, columns, block, settings, *rest)

    Engine._query, Engine.insert = watched, watched_insert
"""


class Watched:
    """The server, its statements, and two teams."""

    def __init__(self, server: Server, statements: Path) -> None:
        """Give red something that blue must not see."""
        self.server = server
        self.statements = statements
        self.teams = Teams(server)
        with talk(server, self.teams.keys["red"]["all"]) as red:
            event = {"type": "add_revenue", "subject": "crimson", "data": {"value": 7}}
            assert red.post("/v1/events", json=event).json()["stored"] == 1
        self.blue = talk(server, self.teams.keys["blue"]["all"])

    def check(self, reply: httpx2.Response, sent: str) -> None:
        """Fail when an answer is none, or is of the other team."""
        assert reply.status_code < 500, f"{sent!r}: {reply.status_code} {reply.text}"
        assert "crimson" not in reply.text, sent
        assert "Traceback" not in reply.text, sent
        if reply.status_code >= 400:
            assert reply.headers["content-type"] == "application/problem+json", sent


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Start the server with its engine watched."""
    place = tmp_path_factory.mktemp("watch")
    (place / "sitecustomize.py").write_text(WATCH)
    env = {
        "PYTHONPATH": str(place),
        "STATEMENTS": str(place / "statements.sql"),
        "LIVETALLY_FAILED_KEYS_PER_MINUTE": "1000000",
    }
    with Server(definitions=[SHOP], env=env) as server:
        made = Watched(server, place / "statements.sql")
        with made.blue:
            yield made


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    """Return method, path and description of every operation."""
    return [
        (method.upper(), path, described)
        for path, methods in openapi("0")["paths"].items()
        for method, described in methods.items()
    ]


GOOD = {
    "action": "refund",
    "entity": "user",
    "id": "0000000000",
    "key": "ada",
    "name": "revenue",
    "version": "1",
}


@pytest.mark.parametrize(
    ("method", "path", "described"), operations(), ids=lambda v: v if isinstance(v, str) else ""
)
def test_no_parameter_lets_anything_through(
    method: str, path: str, described: dict[str, Any], watched: Watched
) -> None:
    """Each parameter in turn is every hostile text; the answer is an answer, of the own team."""
    good = {**GOOD, "application": "shop"}
    values = [*(quote(text, safe="") for text in TEXTS), *RAW]
    for parameter in described["parameters"]:
        name = parameter["name"]
        for value in values:
            if parameter["in"] == "path":
                address = path.format(**{**good, name: value})
            else:
                address = f"{path.format(**good)}?{name}={value}"
            if method == "DELETE" and path == "/v1/session":
                continue
            reply = Row(method, path, None, address).send(watched.blue)
            if reply.headers.get("content-type", "").startswith("text/event-stream"):
                continue
            watched.check(reply, address[:200])


@pytest.mark.parametrize("field", ["type", "id", "source", "subject", "time", "data", "value"])
def test_no_field_of_an_event_lets_anything_through(field: str, watched: Watched) -> None:
    """Events with hostile texts are stored as they are, or refused; both can be read back."""
    for text in TEXTS:
        event: dict[str, Any] = {"type": "add_revenue", "subject": "ada", "data": {"value": 1}}
        if field == "value":
            event["data"] = {"value": text, text: text}
        else:
            event[field] = {text: {text: text}} if field == "data" else text
        watched.check(watched.blue.post("/v1/events", json=event), text[:100])
    watched.check(watched.blue.get("/v1/events?limit=1000"), "reading back")
    watched.check(watched.blue.get("/v1/metrics/revenue?by=subject,source,type"), "grouping")


def test_no_definition_lets_anything_through(watched: Watched) -> None:
    """Hostile names, filters and values in a definition are refused, or mean only themselves."""
    for text in [text.replace(MARK, DECLARED) for text in TEXTS]:
        for part in (
            {"metric": {text: {"event": "a", "aggregate": "count"}}},
            {"metric": {"m": {"event": text, "aggregate": "count", "where": [f"subject:{text}"]}}},
            {"metric": {"m": {"event": "a", "aggregate": "count", "where": [text], "by": [text]}}},
            {"metric": {"m": {"event": "a", "aggregate": "sum", "value": text}}},
            {"event": {text: {"data": {text: "string"}}}, "description": text},
            {"event": {"a": {"data": {"x": {"type": "string", "one_of": [text]}}}}},
            {"entity": {"e": {"key": text, "events": ["a"], "fields": {text: {"latest": text}}}}},
        ):
            body = {"application": "hostile", **part}
            reply = watched.blue.put("/v1/definitions/hostile", json=body)
            watched.check(reply, str(part)[:200])
            if reply.status_code == 200:
                for ask in ("/v1/metrics/m", "/v1/metrics/m?by=subject", "/v1/entities/e"):
                    watched.check(watched.blue.get(ask), f"{ask} of {str(part)[:200]}")


def test_no_administrative_text_lets_anything_through(watched: Watched) -> None:
    """Names of teams and keys, origins and the team's header are texts, whatever is in them."""
    with talk(watched.server, watched.server.key) as operator:
        for text in TEXTS:
            key = {"name": text, "scopes": ["read"], "team": text}
            settings = {"allowed_origins": [text]}
            for method, path, body in (
                ("POST", "/v1/teams", {"name": text}),
                ("POST", "/v1/keys", key),
                ("POST", "/v1/keys", key | {"team": "blue", "scopes": [text]}),
                ("PATCH", "/v1/teams/blue", settings),
                ("PATCH", "/v1/teams/blue", {"queries_per_hour": text}),
                ("POST", "/v1/session", {"key": text}),
                ("POST", "/v1/stream-tokens", {"expires_s": text}),
            ):
                watched.check(operator.request(method, path, json=body), f"{path} {text[:100]!r}")
            shown = text.encode("ascii", "ignore").decode().translate(dict.fromkeys(range(32)))
            for name in ("X-Livetally-Team", "If-None-Match", "Last-Event-ID", "Origin", "Cookie"):
                reply = operator.get("/v1/metrics/revenue", headers={name: shown.strip()[:4_000]})
                if name != "X-Livetally-Team":
                    assert reply.status_code == 200
                watched.check(reply, f"{name}: {shown[:100]!r}")


def test_no_statement_held_anything_that_was_sent(watched: Watched) -> None:
    """After all of it: the engine was asked, never with a text of a request in the statement."""
    watched.blue.get("/v1/events", params={"subject": f"{MARK}' OR 1=1"})
    statements = watched.statements.read_text(encoding="utf-8")
    assert "team = {v0:UInt32}" in statements
    at = statements.find(MARK)
    assert at < 0, statements[max(0, at - 500) : at + 200]
    bare = _LITERAL.sub("''", statements)
    at = bare.find(DECLARED)
    assert at < 0, bare[max(0, at - 500) : at + 200]
    with talk(watched.server, watched.teams.keys["red"]["all"]) as red:
        rows = red.get("/v1/metrics/revenue?by=subject").json()["rows"]
        assert [(row["subject"], row["value"]) for row in rows] == [("crimson", 7)]
    assert "unexpected error" not in watched.server.log_text()


# What the store asks for itself: how far it is, which commits and identities it has.
_OF_THE_STORE = (
    "SELECT max(position) FROM",
    "SELECT position, count() FROM livetally.events WHERE position >",
)


def test_every_statement_on_events_is_of_one_team(watched: Watched) -> None:
    """Of all routes: whoever forgets the team in a new statement is told here."""
    statements = watched.statements.read_text(encoding="utf-8").split("\n;;\n")
    of_events = [one for one in statements if "FROM livetally.events" in one]
    assert len(of_events) > 50
    open_to_all = {
        one[:300]
        for one in of_events
        if not _TEAM.search(_LITERAL.sub("''", one)) and not one.startswith(_OF_THE_STORE)
    }
    assert open_to_all == set()
