"""What PostgreSQL tells on a channel becomes events: once committed, and each one once.

In the flow: a real PostgreSQL server, clients that tell it things, and a real server that listens.
Guarantee: a transaction that was rolled back is never counted; a database that was killed is heard
again when it is back; no address of the own network is reached unless that is allowed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from livetally.testing import Server
from tests.e2e.walls import talk
from tests.waiting import until

if TYPE_CHECKING:
    from tests.contract.databases import Server as Database

pytest_plugins = ("tests.contract.databases",)

DEFINITION = """
application = "till"

[event.sale]
data.value = { type = "decimal", required = true }
data.place = "string"

[metric.sales]
event = "sale"
aggregate = "count"
by = ["place"]

[metric.taken]
event = "sale"
aggregate = "sum"
value = "value"

[source.till]
url = "URL"
channel = "Sold here"
user = "env:TILL_USER"
map.type = "'sale'"
map.id = "n"
map.data.place = "param('channel')"
map.data.value = { from = "value", as = "decimal", required = true }
"""
WITHIN_S = 20.0

Begin = Callable[..., Server]


@pytest.fixture
def url(postgresql_server: Database) -> str:
    """Return where an empty database is."""
    return postgresql_server.make_database("livetally_till")


@pytest.fixture
def begin(url: str, tmp_path: Path) -> Iterator[Begin]:
    """Return what starts a server that listens to the database."""
    opened: list[Server] = []

    def start(**settings: str) -> Server:
        file = tmp_path / "till.toml"
        file.write_text(DEFINITION.replace("URL", url.replace("livetally@", "")), encoding="utf-8")
        env = {"LIVETALLY_SOURCES_ALLOW_PRIVATE": "true", "TILL_USER": "livetally", **settings}
        opened.append(Server(definitions=[file], env=env))
        return opened[-1].__enter__()

    yield start
    for one in opened:
        one.__exit__(None, None, None)


def counted(server: Server, metric: str = "sales") -> Any:
    """Return a metric's total."""
    with talk(server, server.key) as client:
        rows = client.get(f"/v1/metrics/{metric}").json()["rows"]
    return rows[0]["value"] if rows else 0


def source(server: Server) -> dict[str, Any]:
    """Return the source as the server shows it."""
    with talk(server, server.key) as client:
        return dict(client.get("/v1/sources/till").json())


def sell(connection: psycopg.Connection[Any], *numbers: int) -> None:
    """Tell of sales, in the transaction that is open."""
    for n in numbers:
        payload = json.dumps({"n": f"n{n}", "value": n})
        connection.execute("SELECT pg_notify('Sold here', %s)", [payload])


def listeners(url: str) -> int:
    """Return how many connections listen."""
    asked = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%'"
    with psycopg.connect(url) as connection:
        row = connection.execute(asked).fetchone()
    return int(row[0]) if row else 0


def test_what_is_committed_is_counted_and_nothing_else(url: str, begin: Begin) -> None:
    """Nothing comes before the commit or of a rollback; what comes twice counts once."""
    server = begin()
    until(lambda: listeners(url) == 1, "the server to listen", WITHIN_S)
    with psycopg.connect(url) as connection:
        sell(connection, 1)
        connection.rollback()
        sell(connection, 2, 3)
        assert counted(server) == 0
        connection.commit()
        until(lambda: counted(server) == 2, "the first two", WITHIN_S)
        sell(connection, *range(2, 1_000))
        connection.execute("NOTIFY \"Sold here\", 'no JSON'")
        connection.execute('NOTIFY sold, \'{"n": "other", "value": 1}\'')
        connection.commit()
        until(lambda: counted(server) == 998, "all of them", WITHIN_S)
        sell(connection, 1_000)
        connection.commit()
        until(lambda: counted(server) == 999, "the last one", WITHIN_S)
    assert counted(server, "taken") == sum(range(2, 1_001))
    with talk(server, server.key) as client:
        rows = client.get("/v1/metrics/sales?by=place").json()["rows"]
    assert rows == [{"place": "Sold here", "value": 999}]
    assert "message rejected" in server.log_text()


def test_a_database_that_was_killed_is_listened_to_again(
    url: str, begin: Begin, postgresql_server: Database
) -> None:
    """The source says what is wrong while it is gone, and goes on when it is back."""
    server = begin()
    until(lambda: listeners(url) == 1, "the server to listen", WITHIN_S)
    with psycopg.connect(url) as connection:
        sell(connection, 1)
    until(lambda: counted(server) == 1, "the first", WITHIN_S)
    postgresql_server.process.kill()
    try:
        until(lambda: "can't be listened to" in source(server)["last_error"], "it to say so")
    finally:
        postgresql_server.process.start()
    until(lambda: listeners(url) == 1, "the server to listen again", WITHIN_S)
    with psycopg.connect(url) as connection:
        sell(connection, 2)
    until(lambda: counted(server) == 2, "the second", WITHIN_S)
    server.kill()
    server.start()
    until(lambda: listeners(url) == 1, "the server to listen after its own end", WITHIN_S)
    with psycopg.connect(url) as connection:
        sell(connection, 2, 3)
    until(lambda: counted(server) == 3, "the third", WITHIN_S)


def test_the_own_network_is_not_reached_unless_allowed(url: str, begin: Begin) -> None:
    """A database of a private address is refused, and nobody has tried to connect to it."""
    server = begin(LIVETALLY_SOURCES_ALLOW_PRIVATE="false")
    until(lambda: source(server)["last_error"], "the refusal", WITHIN_S)
    assert "no public address" in source(server)["last_error"]
    assert listeners(url) == 0


def test_no_team_makes_the_server_listen(begin: Begin) -> None:
    """A definition with such a source is an operator's to apply."""
    server = begin()
    with talk(server, server.key) as operator:
        assert operator.post("/v1/teams", json={"name": "blue"}).status_code == 201
        body = {"team": "blue", "name": "admin", "scopes": ["admin"]}
        key = operator.post("/v1/keys", json=body).json()["key"]
    text = DEFINITION.replace("till", "own").replace("sale", "deal").replace("taken", "got")
    with talk(server, key) as client:
        headers = {"Content-Type": "application/toml"}
        reply = client.put(
            "/v1/definitions/own",
            content=text.replace("URL", "postgresql://localhost/x"),
            headers=headers,
        )
        assert reply.status_code == 403, reply.text
