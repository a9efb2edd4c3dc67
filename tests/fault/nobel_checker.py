"""Kills the Nobel example's server and database in turn while it fetches, and counts its tables.

In the flow: run by ``test_examples_kills`` with an API that grows and changes meanwhile.
Guarantee: what is compared was worked out from what the API said, in plain Python, and by SQL over
a connection of its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2

from livetally.testing import Server
from tests.e2e.walls import talk
from tests.fault.example_checker import (
    Background,
    Recount,
    Rows,
    compare,
    differences,
    plain,
    settled,
)
from tests.fault.nobel_api import Api
from tests.sink_room import Table
from tests.waiting import until

if TYPE_CHECKING:
    from tests.contract.databases import Process

__all__ = ["check", "compare_tables"]

_SOURCES = ("nobel_prizes", "nobel_laureates")
_PRIZE = ("category", "year", "amount", "laureates")
_LAUREATE = ("name", "gender", "country", "category", "year", "prizes")
_PAGES_MORE = 12
_CHANGES_OF_A_RUN = 5


class Mover(Background):
    """A thread that changes what the API tells, and has it fetched, until told to stop."""

    def __init__(self, server: Server, api: Api) -> None:
        """Nothing is changed yet."""
        self._server = server
        self._api = api
        super().__init__()

    def _work(self) -> None:
        with talk(self._server, self._server.key) as client:
            while not self._stop.wait(0.05):
                for _ in range(_CHANGES_OF_A_RUN):
                    self._api.change()
                for name in _SOURCES:
                    _run(client, name)


def _run(client: httpx2.Client, name: str) -> bool:
    """Ask for one run; false while nobody is there."""
    try:
        reply = client.post(f"/v1/sources/{name}/run")
    except httpx2.TransportError:
        return False
    assert reply.status_code in (200, 503), reply.text
    return reply.is_success


def check(server: Server, database: Process, place: str, api: Api, seed: int) -> str:
    """Start, kill the server, the database, and the server again; compare; return what happened.

    Raises:
        AssertionError: a table differs from what the API says, or an event from what it said.
    """
    with talk(server, server.key) as client:
        assert client.post("/start").json() == {"started": list(_SOURCES)}
    with Mover(server, api):
        _until_more(api)
        for kill in ("server", "database", "server"):
            if kill == "server":
                server.kill()
                server.start()
            else:
                database.kill()
                _until_more(api)
                database.start()
            _until_more(api)
    with talk(server, server.key) as client:
        for name in _SOURCES:
            _fetch_the_rest(client, name)
        until(lambda: settled(client), "the sinks to follow", 90)
    compare_tables(server, place, api, f"seed {seed}")
    with talk(server, server.key) as client:
        events = _compare_events(client, api, f"seed {seed}: events")
    return f"{events} events of {len(api.said)} versions, {api.pages} pages"


def _until_more(api: Api) -> None:
    # No killing between runs only: a page that was just sent is a run that has not ended.
    enough = api.pages + _PAGES_MORE
    until(lambda: api.pages > enough, "more pages to be fetched", 60)


def _fetch_the_rest(client: httpx2.Client, name: str) -> None:
    """Have a source fetched once more, from its first page, now that nothing changes."""

    def state() -> dict[str, Any]:
        return dict(client.get(f"/v1/sources/{name}").json())

    def rests() -> bool:
        now = state()
        return not now["fetching"] and not now["wanted"]

    until(rests, f"{name} to rest", 60)
    runs = state()["runs"]
    assert _run(client, name)
    until(lambda: state()["runs"] > runs and rests(), f"{name} to be fetched", 60)
    assert state()["last_error"] is None
    assert state()["running"], "what was started stays so over kills"


def compare_tables(server: Server, place: str, api: Api, what: str) -> None:
    """Compare the three tables with what the API says now, and with the entities and the metric.

    Raises:
        AssertionError: one differs; its name follows on ``what``.
    """
    prizes = Recount("nobel_prizes", ("id", *_PRIZE), lambda _: api.prizes(), "prize", _PRIZE)
    laureates = Recount(
        "nobel_laureates", ("id", *_LAUREATE), lambda _: api.laureates(), "laureate", _LAUREATE
    )
    with talk(server, server.key) as client:
        for one in (prizes, laureates):
            compare(client, place, one, (), f"{what}: {one.table}")
        rows = client.get("/v1/metrics/nobel_prizes?interval=year&by=category").json()["rows"]
    expected = api.prizes_by_year()
    kept = _by_year(Table(place, "nobel_prizes_by_year").rows(), "year", "prizes")
    wrong = differences(kept, expected)
    assert not wrong, f"{what}: nobel_prizes_by_year: {wrong}"
    wrong = differences(_by_year(rows, "time", "value"), expected)
    assert not wrong, f"{what}: nobel_prizes_by_year: the metric itself: {wrong}"


def _by_year(rows: list[dict[str, Any]], time: str, value: str) -> Rows:
    found = {f"{str(row[time])[:4]} {row['category']}": (plain(row[value]),) for row in rows}
    assert len(found) == len(rows), "a year and category has two rows"
    return found


def _compare_events(client: httpx2.Client, api: Api, what: str) -> int:
    """Compare the raw events with what the API ever said: each version came once at most."""
    seen: set[tuple[str, ...]] = set()
    cursor: str | None = ""
    while cursor is not None:
        parameters = {"limit": "1000", **({"cursor": cursor} if cursor else {})}
        page = client.get("/v1/events", params=parameters).json()
        for event in page["events"]:
            names = _PRIZE if event["type"] == "prize_awarded" else _LAUREATE
            cells = (str(event["data"][name]) for name in names)
            version = (event["type"], event["subject"], *cells)
            assert version not in seen, f"{what}: twice: {version}"
            assert version in api.said, f"{what}: never said: {version}"
            seen.add(version)
        cursor = page["next"]
    (row,) = client.get("/v1/metrics/nobel_records").json()["rows"]
    assert row["value"] == len(seen), f"{what}: the metric itself: {row}"
    return len(seen)
