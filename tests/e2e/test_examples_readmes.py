"""Every command in every example's README runs as pasted, and the databases hold what they should.

In the flow: a folder with the examples, a shell, a real PostgreSQL and MariaDB.
Guarantee: a command that stops working fails here, by name.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from livetally.cli.demo_examples import find_examples
from tests.e2e.readme_commands import Place, blocks
from tests.sink_room import Table
from tests.tidy.source_tree import ROOT
from tests.waiting import until

if TYPE_CHECKING:
    from tests.brokers import Broker
    from tests.contract.databases import Server as Database

pytest_plugins = ("tests.contract.databases", "tests.broker_fixtures")

EXAMPLES = ROOT / "examples"
DATABASES = {
    "revenue": ("REVENUE_DATABASE_URL", "postgresql"),
    "circular": ("CIRCULAR_DATABASE_URL", "postgresql"),
    "incidents": ("INCIDENTS_DATABASE_URL", "mariadb"),
    "taps": ("", ""),
    "nobel": ("NOBEL_DATABASE_URL", "mariadb"),
    "flights": ("", ""),
}

_INCIDENTS = (
    'curl -H "Authorization: Bearer $LIVETALLY_KEY"'
    " 'http://127.0.0.1:8080/v1/entities/incident?limit=1000&cursor={cursor}'"
)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def database(place: Place) -> str:
    """Return the URL of the database that the example's sinks write to."""
    return next(url for name, url in place.variables.items() if name.endswith("_DATABASE_URL"))


def run(name: str, place: Place) -> dict[str, str]:
    """Run all blocks but the demo, which starts a server of its own; return what each said."""
    said = {}
    for block in blocks(EXAMPLES / name / "README.md"):
        if "demo" not in block:
            said[block] = place.run(block)
    return said


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """Return where to run the commands of the example that the test is called with."""
    name = request.getfixturevalue("name")
    variable, kind = DATABASES[name]
    variables = {}
    if kind:
        server: Database = request.getfixturevalue(f"{kind}_server")
        variables[variable] = server.make_database(f"livetally_{name}")
    variables["LIVETALLY_SOURCES_ALLOW_PRIVATE"] = "true"
    with Place(tmp_path, free_port(), **variables) as made:
        yield made


def test_every_example_is_here() -> None:
    """A new example needs a row above."""
    there = {path.parent.name for path in EXAMPLES.glob("*/livetally.toml")}
    assert there == {*DATABASES}


@pytest.mark.parametrize("name", ["revenue"])
def test_revenue(name: str, place: Place) -> None:
    """The old client's requests work, and users_revenue equals a recount of the file."""
    said = run(name, place)
    answered = next(text for block, text in said.items() if "userEvents" in block)
    assert '"userId":"user1"' in answered.replace(" ", "")
    expected: dict[str, Decimal] = {}
    for line in (EXAMPLES / name / "events.jsonl").read_text(encoding="utf-8").splitlines():
        event = json.loads(line, parse_float=Decimal)
        sign = 1 if event["name"] == "add_revenue" else -1
        who = event["userId"]
        expected[who] = expected.get(who, Decimal(0)) + sign * Decimal(event["value"])
    expected["user1"] -= Decimal("0.01")
    expected["user2"] += 200
    table = Table(database(place), "users_revenue")
    until(lambda: {row["user_id"]: row["revenue"] for row in table.rows()} == expected, "equality")
    assert table.primary_key() == ["user_id"]


@pytest.mark.parametrize("name", ["circular"])
def test_circular(name: str, place: Place) -> None:
    """Items and transfers are rows of PostgreSQL; what is no UUID was refused."""
    said = run(name, place)
    refused = next(text for block, text in said.items() if "bicycle" in block)
    assert json.loads(refused)["status"] == 422

    def counts() -> dict[str, int]:
        return {
            name: Table(database(place), name).ask(f"SELECT count(*) AS n FROM {name}")[0]["n"]  # noqa: S608
            for name in ("item_creations", "transfers", "items")
        }

    expected = {"item_creations": 1501, "transfers": 4501, "items": 1501}
    until(lambda: counts() == expected, "every row")
    latest = Table(database(place), "items").ask(
        "SELECT count(*) AS n FROM items JOIN (SELECT DISTINCT ON (item_id) item_id, owner_id"
        " FROM transfers ORDER BY item_id, timestamp DESC, id DESC) AS last ON last.item_id = id"
        " WHERE items.owner_id = last.owner_id"
    )
    owned = Table(database(place), "items").ask(
        "SELECT count(*) AS n FROM items WHERE owner_id IS NOT NULL"
    )
    assert latest == owned


def _shown(place: Place) -> dict[str, str]:
    """Return the status of every incident; in the plant's daytime they are more than a page."""
    shown: dict[str, str] = {}
    cursor = ""
    while True:
        page = json.loads(place.run(_INCIDENTS.format(cursor=cursor)))
        shown |= {one["key"]: one["fields"]["status"] for one in page["entities"]}
        if not (cursor := page["next"] or ""):
            return shown


@pytest.mark.parametrize("name", ["incidents"])
def test_incidents(name: str, place: Place) -> None:
    """One is completed, and opened again by another process; MariaDB has each as it is."""
    run(name, place)
    table = Table(database(place), "incidents")

    def equal() -> bool:
        return _shown(place) == {row["id"]: row["status"] for row in table.rows()}

    until(equal, "every incident")
    assert len(table.rows()) > 901, "of the thirty days, one by hand, and what was simulated"
    (one,) = table.ask("SELECT status, machine FROM incidents WHERE id = 'INC-1'")
    assert one == {"status": "open", "machine": "mill"}


@pytest.mark.parametrize("name", ["nobel"])
def test_nobel(name: str, place: Place) -> None:
    """The old client starts the sources; prizes and laureates are rows of MariaDB."""
    excerpt = find_examples([name])[0].example.events_total
    with standing_in(place) as definition:
        place.run("livetally serve --definitions examples/nobel/livetally.toml")
        said: dict[str, str] = {}
        for block in blocks(definition.with_name("README.md")):
            if not any(one in block for one in ("demo", "serve", "worker", "8089")):
                if "sources list" in block:
                    until(lambda: both_ran(place), "both runs to end", 60)
                said[block] = place.run(block)
        started = next(text for block, text in said.items() if "/start" in block)
        assert json.loads(started) == {"started": ["nobel_prizes", "nobel_laureates"]}
        peace = next(text for block, text in said.items() if "category:Peace" in block)
        years = [one["fields"]["year"] for one in json.loads(peace)["entities"]]
        assert years == [1905, 1904, 1903]
        stopped = next(text for block, text in said.items() if "/stop" in block)
        assert json.loads(stopped) == {"stopped": ["nobel_prizes", "nobel_laureates"]}
        assert "stopped" in place.run("livetally sources list")
        prizes = Table(database(place), "nobel_prizes")
        laureates = Table(database(place), "nobel_laureates")
        until(lambda: len(prizes.rows()) + len(laureates.rows()) == excerpt, "every record")
    assert prizes.ask("SELECT sum(laureates) AS n FROM nobel_prizes")[0]["n"] == 31
    women = "SELECT name, prizes FROM nobel_laureates WHERE gender = 'female' ORDER BY name"
    assert laureates.ask(women) == [
        {"name": "Bertha von Suttner", "prizes": 1},
        {"name": "Marie Curie", "prizes": 1},
    ]
    by_year = Table(database(place), "nobel_prizes_by_year")
    until(lambda: len(by_year.rows()) == 25, "every year and category")


@pytest.mark.parametrize("name", ["nobel"])
def test_nobel_without_a_network_and_by_a_worker(
    name: str, place: Place, nats_server: Broker
) -> None:
    """The stand-in is fetched by the server itself, then by a worker that it tells to."""
    readme = EXAMPLES / name / "README.md"

    def run_the_block(*words: str) -> None:
        (block,) = [one for one in blocks(readme) if all(word in one for word in words)]
        place.run(block)

    run_the_block("python examples/nobel/prizes.py 8089\n")
    run_the_block("sed ")
    run_the_block("serve --definitions offline.toml")
    run_the_block("/start")
    until(lambda: both_ran(place), "both runs to end", 60)
    assert place.end_of(1) == 0
    place.give(
        LIVETALLY_NATS=f"nats://127.0.0.1:{nats_server.port}", LIVETALLY_SOURCES_ON="workers"
    )
    with standing_in(place):
        run_the_block("SOURCES_ON=workers", "serve")
        run_the_block("livetally worker")
        place.run("livetally sources run nobel_prizes")
        until(lambda: told_of_prizes(place).get("runs", 0) >= 2, "the worker's run", 60)
        prizes = told_of_prizes(place)
        assert (prizes["last_error"], prizes["duplicates"] > 0) == (None, True)


def told_of_prizes(place: Place) -> dict[str, Any]:
    """Return what is said of the source of prizes."""
    told = json.loads(place.run("livetally sources list --json"))
    return next(one for one in told["sources"] if one["name"] == "nobel_prizes")


def both_ran(place: Place) -> bool:
    """Whether both sources have come to the end of a run."""
    told = json.loads(place.run("livetally sources list --json"))
    return all(one.get("runs") for one in told["sources"])


@contextmanager
def standing_in(place: Place) -> Iterator[Path]:
    """Have the example's stand-in answer for the API: its address is all that changes."""
    address = f"http://127.0.0.1:{free_port()}"
    whole = place.folder / "examples"
    whole.unlink()
    shutil.copytree(EXAMPLES / "nobel", whole / "nobel")
    definition = whole / "nobel" / "livetally.toml"
    text = definition.read_text(encoding="utf-8")
    definition.write_text(text.replace("https://api.nobelprize.org", address), encoding="utf-8")
    command = [sys.executable, str(whole / "nobel" / "prizes.py"), address.rpartition(":")[2]]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield definition
        finally:
            process.kill()


@pytest.mark.parametrize("name", ["taps"])
def test_taps(name: str, place: Place) -> None:
    """Ten teams, each with its own taps; the old request answers for the key's team only."""
    said = run(name, place)
    answered = next(text for block, text in said.items() if "analytics" in block)
    data = json.loads(answered)["data"]
    rows = (place.folder / "blue.csv").read_text(encoding="utf-8").splitlines()[1:]
    days = [line.split(",")[2][:10] for line in rows]
    expected = sum("2025-01-01" <= day <= "2025-12-22" for day in days)
    assert sum(row["count"] for row in data) == expected
    assert len(data) == 52


@pytest.mark.parametrize("name", ["flights"])
def test_flights(name: str, place: Place) -> None:
    """A year of departures, by month and by the hours of a day that has 23."""
    said = run(name, place)
    (asked,) = [text for block, text in said.items() if "--fill zero" in block]
    assert asked.count("\n2013-03-10 ") == 23
    (mean,) = [text for block, text in said.items() if "mean_departure_delay" in block]
    assert json.loads(mean)["rows"][0]["value"] == pytest.approx(12.63907, abs=1e-5)


@pytest.mark.timeout(300)
def test_the_demo_of_each_example_runs_as_pasted(tmp_path: Path) -> None:
    """One after the other, as each chooses a port; it loads everything and ends in order."""
    for name in (one for one in DATABASES if one != "flights"):  # it has test_flights_demo
        folder = tmp_path / name
        folder.mkdir()
        (block,) = [one for one in blocks(EXAMPLES / name / "README.md") if "demo" in one]
        with Place(folder, 0) as place:
            said = place.run(block)
            total = find_examples([name])[0].example.events_total
            assert f"{total:,} events are stored." in said
            assert place.end_of(0) == 0
        assert (folder / "livetally-demo" / "demo.key").is_file()


def test_the_demo_shows_several_together(tmp_path: Path) -> None:
    """One server, three examples, all of their history, and their tables in files."""
    port = free_port()
    with Place(tmp_path, port) as place:
        place.run(f"livetally demo circular revenue incidents --port {port} --data shown")
        key = (tmp_path / "shown" / "demo.key").read_text(encoding="ascii").strip()
        headers = {"Authorization": f"Bearer {key}"}
        with httpx2.Client(
            base_url=f"http://127.0.0.1:{port}", headers=headers, trust_env=False
        ) as client:
            for shown in find_examples(["circular", "revenue", "incidents"]):
                (row,) = client.get(shown.example.stored).json()["rows"]
                assert row["value"] == shown.example.events_total

            def following() -> bool:
                sinks = client.get("/v1/sinks").json()["sinks"]
                return len(sinks) == 6 and all(one["state"] == "following" for one in sinks)

            until(following, "every sink to follow")
        assert place.end_of(0) == 0
    files = {path.name for path in (tmp_path / "shown" / "sinks").glob("*.db")}
    assert files == {"circular.db", "revenue.db", "incidents.db"}
