"""A crash in the middle of loading loses no acknowledged departure and counts none twice."""

from __future__ import annotations

import os
from collections.abc import Iterator
from random import Random
from threading import Thread
from zoneinfo import ZoneInfo

import httpx2
import pytest

from examples.flights.departures import EVENTS_TOTAL, bodies
from livetally.testing import Server
from tests.flights_oracle import METRICS, expected, grouped, scheduled
from tests.flights_server import DEFINITIONS, FlightsApi, difference, flights_api, loaded
from tests.waiting import until

_LINES = 2_000
_ZONE = ZoneInfo("America/New_York")


class Loader(Thread):
    """Sends the file until the server is gone, and notes what was acknowledged."""

    def __init__(self, api: FlightsApi) -> None:
        """Send to ``api``."""
        super().__init__(daemon=True)
        self.acknowledged = 0
        self._api = api

    def run(self) -> None:
        """Send one body after the other; the first that gets no answer is the last."""
        for events, ndjson in bodies(size=_LINES):
            try:
                self._api.send(ndjson)
            except httpx2.TransportError:
                return
            self.acknowledged += events


@pytest.fixture
def random(request: pytest.FixtureRequest) -> Random:
    """Return what draws the moments of the crashes; a failure shows its seed."""
    seed = int(os.environ.get("FAULT_SEED") or Random().randrange(10**6))
    request.node.add_report_section("setup", "seed", f"repeat it with FAULT_SEED={seed}")
    return Random(seed)


@pytest.fixture
def server() -> Iterator[Server]:
    """Start a server without any event."""
    with Server(definitions=[DEFINITIONS]) as running:
        yield running


@pytest.mark.timeout(300)
def test_killed_while_loading(server: Server, random: Random) -> None:
    """Killed twice while a body is on its way, and loaded again: every number is exact."""
    killed_while_loading(server, random.randrange(1, 20_000))
    stored = killed_while_loading(server, random.randrange(40_000, 120_000))
    with flights_api(server) as api:
        assert loaded(api) == {"stored": EVENTS_TOTAL - stored, "duplicates": stored}
        assert faults(api) == []


def killed_while_loading(server: Server, moment: int) -> int:
    """Kill the server after ``moment`` departures and start it again; return what it has."""
    with flights_api(server) as api:
        loader = Loader(api)
        loader.start()
        until(lambda: loader.acknowledged >= moment, f"{moment} departures", 60)
        server.kill()
        loader.join()
    server.start()
    with flights_api(server) as api:
        stored = int(api.ask("departures")[0]["value"])
    # The body on its way may have become durable although its answer was lost.
    assert loader.acknowledged <= stored <= loader.acknowledged + _LINES
    return stored


def faults(api: FlightsApi) -> list[str]:
    """Return what is wrong in the answers about every metric, in total and by day."""
    wrong = []
    for interval, by in ((None, []), ("day", ["carrier", "origin"]), ("week", [])):
        groups = grouped(scheduled(), interval, _ZONE, by)
        for metric in METRICS:
            got = api.ask(metric, interval=interval, tz=_ZONE.key, by=by)
            if fault := difference(got, expected(metric, groups, _ZONE, by)):
                wrong.append(f"{metric}: {fault}")
    return wrong
