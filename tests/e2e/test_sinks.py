"""Sinks of a running server: who may declare them, how they are shown, and who hears of changes.

In the flow: a server process, its HTTP interface, the command line, and a real PostgreSQL.
Guarantee: a listener is a connection of its own, and hears what PostgreSQL tells it.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import psycopg
import pytest

from livetally.cli.entry import main
from livetally.testing import Server
from tests.e2e.walls import talk
from tests.waiting import until

if TYPE_CHECKING:
    from tests.contract.databases import Server as Database

pytest_plugins = ("tests.contract.databases",)

CIRCULAR = """
application = "circular"
[event.item_created]
data.item = { type = "uuid", required = true }
data.price = "decimal"
[event.item_transferred]
data.item = { type = "uuid", required = true }
data.owner = { type = "uuid", required = true }
[entity.item]
key = "item"
events = ["item_created", "item_transferred"]
fields.owner = { latest = "owner" }
[sink.transfers]
to = "env:ITEMS_DATABASE"
event = "item_transferred"
columns = { id = "id", time = "time", item = "item", owner = "owner" }
notify = "transfers"
[sink.creations]
to = "env:ITEMS_DATABASE"
event = "item_created"
columns = { id = "id", item = "item" }
notify = "creations"
[sink.items]
to = "env:ITEMS_DATABASE"
entity = "item"
notify = "items"
"""
LOCAL = """
application = "local"
[event.tap]
[metric.taps]
event = "tap"
aggregate = "count"
[sink.taps]
to = ["env:NOT_SET", "sqlite:taps.db"]
metric = "taps"
interval = "day"
"""
ITEM = "0190aaaa-0000-7000-8000-000000000001"


@pytest.fixture(scope="module")
def place(postgresql_server: Database) -> str:
    """Return the URL of an empty database."""
    return postgresql_server.make_database("livetally_items")


@pytest.fixture(scope="module")
def server(place: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Return a server whose environment names the database."""
    path = tmp_path_factory.mktemp("definitions") / "circular.toml"
    path.write_text(CIRCULAR, encoding="utf-8")
    with Server(definitions=[path], env={"ITEMS_DATABASE": place}) as running:
        yield running


def standings(server: Server) -> dict[str, dict[str, Any]]:
    """Return how each sink is."""
    with talk(server, server.key) as client:
        return {one["name"]: one for one in client.get("/v1/sinks").json()["sinks"]}


def follow(server: Server) -> None:
    """Return when every sink has written all there is."""
    until(
        lambda: all(
            one["state"] == "following" and not one["lag_positions"]
            for one in standings(server).values()
        ),
        "the sinks to follow",
    )


def send(server: Server, kind: str, name: str, **data: object) -> None:
    """Send one event; return when it is acknowledged."""
    with talk(server, server.key) as client:
        reply = client.post("/v1/events", json={"type": kind, "id": name, "data": data})
        assert reply.status_code == 200, reply.text


def test_listeners_hear_of_each_event_once_committed(server: Server, place: str) -> None:
    """Every creation and transfer is heard once, and its row can be read at that moment."""
    follow(server)
    with psycopg.connect(place, autocommit=True) as ear, psycopg.connect(place) as reader:
        ear.execute("LISTEN transfers")
        ear.execute("LISTEN items")
        ear.execute("LISTEN creations")
        send(server, "item_created", "c1", item=ITEM, price=1.5)
        send(server, "item_created", "c1", item=ITEM, price=1.5)
        owners = [f"0190bbbb-0000-7000-8000-00000000000{number}" for number in range(6)]
        for number, owner in enumerate(owners):
            send(server, "item_transferred", f"t{number}", item=ITEM, owner=owner)
        heard: list[tuple[str, dict[str, Any]]] = []
        for notice in ear.notifies(timeout=20):
            told = json.loads(notice.payload)
            heard.append((notice.channel, told))
            if notice.channel == "transfers":
                row = reader.execute(
                    "SELECT owner FROM transfers WHERE id = %s", (told["row"]["id"],)
                ).fetchone()
                assert row == (told["row"]["owner"],), "told before it was committed"
                reader.rollback()
            last = [told["row"].get("owner") for channel, told in heard if channel == "items"]
            done = last[-1:] == owners[-1:] and _transfers(heard) == owners
            if done and any(channel == "creations" for channel, _ in heard):
                break
        assert _transfers(heard) == owners
        (created,) = [told for channel, told in heard if channel == "creations"]
        assert created["row"] == {"id": "c1", "item": ITEM}
        # The item itself is told as it is: perhaps once only, when all came within one round.
        first, *later = [told["op"] for channel, told in heard if channel == "items"]
        assert (first, set(later) - {"update"}) == ("insert", set())


def _transfers(heard: list[tuple[str, dict[str, Any]]]) -> list[str]:
    return [told["row"]["owner"] for channel, told in heard if channel == "transfers"]


def test_a_listener_hears_nothing_of_what_is_undone(server: Server, place: str) -> None:
    """While the sink's transaction can't be committed, nobody is told; then everybody is."""
    follow(server)
    with (
        psycopg.connect(place, autocommit=True) as ear,
        psycopg.connect(place) as blocker,
    ):
        ear.execute("LISTEN transfers")
        # Whoever holds this row keeps the sink from committing.
        blocker.execute("SELECT * FROM livetally_sinks WHERE table_name = 'transfers' FOR UPDATE")
        send(server, "item_transferred", "held", item=ITEM, owner=ITEM)
        until(lambda: standings(server)["transfers"]["lag_positions"], "the sink to be behind")
        assert list(ear.notifies(timeout=0.5)) == []
        blocker.rollback()
        (notice,) = ear.notifies(timeout=20, stop_after=1)
    assert json.loads(notice.payload)["row"]["id"] == "held"


def test_the_command_line_lists_and_rebuilds(
    server: Server, place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was changed behind the sink's back is mended by one command."""
    send(server, "item_created", "c9", item="0190aaaa-0000-7000-8000-000000000009")
    follow(server)
    with psycopg.connect(place, autocommit=True) as theirs:
        theirs.execute("DELETE FROM items")
        at = ["--url", server.url, "--key", server.key]
        assert main(["sinks", "rebuild", "items", *at]) == 0
        count = theirs.execute("SELECT count(*) FROM items").fetchone()
    assert count == (2,)
    assert "items: the table is true at position" in capsys.readouterr().out
    assert main(["sinks", "list", *at]) == 0
    shown = capsys.readouterr().out
    assert "env:ITEMS_DATABASE" in shown
    assert "postgresql" in shown
    assert main(["sinks", "rebuild", "none", *at]) == 1
    assert "no sink is called 'none'" in capsys.readouterr().err
    with talk(server, server.key) as client:
        newest = client.get("/v1/audit").json()["entries"][0]
    assert (newest["action"], newest["target"], newest["who"]) == ("sink.rebuild", "items", "root")


def test_measurements_and_answers_hold_no_secret(server: Server, place: str) -> None:
    """The lag of each sink is measured; no answer names the database's address."""
    follow(server)
    with talk(server, server.key) as client:
        measured = client.get("/metrics").text
        shown = client.get("/v1/sinks").text
    assert 'livetally_sink_lag_positions{sink="items",team="1"} 0.0' in measured
    assert 'livetally_sink_lag_seconds{sink="items",team="1"} 0.0' in measured
    assert place not in measured + shown


def test_only_operators_declare_sinks(server: Server) -> None:
    """A team's administrator may not name a database of the server's; an operator may, for it."""
    with talk(server, server.key) as operator:
        operator.post("/v1/teams", json={"name": "green"})
        made = operator.post(
            "/v1/keys", json={"team": "green", "name": "a", "scopes": ["admin", "write"]}
        )
        key = made.json()["key"]
        with talk(server, key) as admin:
            refused = apply(admin)
            assert refused.status_code == 403
            assert "only an operator" in refused.json()["detail"]
            assert apply(operator, **{"X-Livetally-Team": "green"}).status_code == 200
            # What is not changed may be applied again by the team itself.
            assert apply(admin).status_code == 200
            assert admin.post("/v1/events", json={"type": "tap"}).status_code == 200
            (sink,) = admin.get("/v1/sinks").json()["sinks"]
            assert (sink["name"], sink["table"]) == ("taps", "taps")
        assert "taps" not in standings(server)
    kept = server.data / "sinks" / "taps.db"
    until(lambda: kept.exists() and _taps(kept) == [1], "the tap in the file")


def apply(client: httpx2.Client, **headers: str) -> httpx2.Response:
    """Apply the definition with a sink in a file."""
    headers["Content-Type"] = "application/toml"
    return client.put("/v1/definitions/local", content=LOCAL, headers=headers)


def _taps(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        try:
            return [row[0] for row in connection.execute("SELECT value FROM taps")]
        except sqlite3.OperationalError:
            return []


def test_a_missing_variable_is_told(tmp_path: Path) -> None:
    """Without the variable the sink says which one it needs, and the server serves on."""
    path = tmp_path / "circular.toml"
    path.write_text(CIRCULAR, encoding="utf-8")
    with Server(definitions=[path]) as server:
        send(server, "item_created", "c1", item=ITEM, price=1)
        until(lambda: standings(server)["items"]["error"], "the reason")
        assert "ITEMS_DATABASE is not set" in standings(server)["items"]["error"]
        assert standings(server)["items"]["lag_positions"] == 1
