"""Each example keeps its promise in its own database, whatever is killed while events arrive."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from livetally.cli.demo_examples import find_examples
from livetally.testing import Server
from tests.e2e.walls import talk
from tests.fault import nobel_checker, taps_checker
from tests.fault.example_checker import RECOUNTS, check
from tests.fault.nobel_api import Api
from tests.nobel import nobel
from tests.sink_room import Table

if TYPE_CHECKING:
    from tests.contract.databases import Server as Database

pytest_plugins = ("tests.contract.databases",)

DATABASES = {
    "circular": ("postgresql", "CIRCULAR_DATABASE_URL"),
    "revenue": ("postgresql", "REVENUE_DATABASE_URL"),
    "incidents": ("mariadb", "INCIDENTS_DATABASE_URL"),
}

# What must not go unnoticed: a row too few, a cell of another value, a count that is twice as much.
WRONG = {
    "nobel_prizes": "DELETE FROM nobel_prizes ORDER BY id LIMIT 1",
    "nobel_laureates": "UPDATE nobel_laureates SET prizes = prizes + 1 ORDER BY id LIMIT 1",
    "nobel_prizes_by_year": "UPDATE nobel_prizes_by_year SET prizes = prizes * 2 LIMIT 1",
}


@pytest.fixture
def seed() -> int:
    """Return a seed of this run's own, and say which it is."""
    drawn = int(os.environ.get("EXAMPLE_SEED", random.randrange(10**6)))
    print(f"seed {drawn}: repeat with EXAMPLE_SEED={drawn}")  # noqa: T201 - shown when it fails
    return drawn


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", DATABASES)
def test_every_table_equals_the_entity_and_the_recount_after_kills(
    name: str, seed: int, request: pytest.FixtureRequest
) -> None:
    """The server, its database, and the server again are killed; no row is wrong or missing."""
    kind, variable = DATABASES[name]
    database: Database = request.getfixturevalue(f"{kind}_server")
    place = database.make_database(f"livetally_{name}_killed")
    (shown,) = find_examples([name])
    with Server(definitions=[shown.definitions], env={variable: place}) as server:
        print(check(server, database.process, place, shown.example, RECOUNTS[name], seed))  # noqa: T201


@pytest.mark.timeout(300)
def test_nobel_tables_equal_what_the_api_said_after_kills(
    seed: int, tmp_path: Path, mariadb_server: Database
) -> None:
    """Fetched while server and database are killed, from an API that changes; nothing is amiss."""
    place = mariadb_server.make_database("livetally_nobel_killed")
    env = {"NOBEL_DATABASE_URL": place, "LIVETALLY_SOURCES_ALLOW_PRIVATE": "true"}
    (shown,) = find_examples(["nobel"])
    api = Api(seed)
    with nobel() as said:
        said.instead = api.answer
        text = Path(shown.definitions).read_text(encoding="utf-8")
        definition = tmp_path / "nobel.toml"
        definition.write_text(text.replace("https://api.nobelprize.org", said.url))
        with Server(definitions=[definition], env=env) as server:
            print(nobel_checker.check(server, mariadb_server.process, place, api, seed))  # noqa: T201
            # The last first: the one that is compared first is the one that is told of.
            for table, wrong in reversed(WRONG.items()):
                Table(place, table).do(wrong)
                with pytest.raises(AssertionError, match=f"wrong: {table}: "):
                    nobel_checker.compare_tables(server, place, api, "wrong")


@pytest.mark.timeout(300)
def test_taps_of_each_team_equal_what_was_acknowledged_after_kills(
    seed: int, postgresql_server: Database
) -> None:
    """Its catalog and the server are killed in turn; each team has its own taps, all of them."""
    catalog = postgresql_server.make_database("livetally_taps_killed")
    (shown,) = find_examples(["taps"])
    with Server(definitions=[shown.definitions], env={"LIVETALLY_CATALOG": catalog}) as server:
        sent = taps_checker.send_and_kill(server, postgresql_server.process, shown.example, seed)
        taps_checker.compare(server, sent, f"seed {seed}")
        # One tap too few, and one that went to another team: the check tells of both.
        fewer = sent._replace(taps=sent.taps[1:])
        with pytest.raises(AssertionError, match=f"wrong: {sent.taps[0]['data']['team']}: by day"):
            taps_checker.compare(server, fewer, "wrong")
        astray = {**sent.taps[0], "data": {"tag": "jade-01", "team": "jade"}}
        headers = {"x-api-key": sent.keys["amber"].write}
        with talk(server, None, **headers) as client:
            assert client.post("/v1/events", json={**astray, "id": "astray"}).is_success
        with pytest.raises(AssertionError, match="wrong: amber: by day"):
            taps_checker.compare(server, sent, "wrong")
