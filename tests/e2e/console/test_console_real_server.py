"""The console before the real server: what is counted appears on the page.

In the flow: a browser on the left, HTTP on the right, the whole of Livetally between them.
Guarantee: a departure that was acknowledged is in the chart within a second, and the page asks no
other host for anything (the ``page`` fixture fails when it does).
"""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic

import httpx2
import pytest
from playwright.sync_api import Page, expect

from livetally.testing import Server
from tests.tidy.source_tree import ROOT
from tests.waiting import until

FLIGHTS = ROOT / "examples" / "flights" / "livetally.toml"
DEPARTURE = {
    "type": "departure",
    "time": "2013-06-01T12:00:00Z",
    "subject": "N14228",
    "data": {"carrier": "UA", "origin": "EWR", "dep_delay": 4, "distance": 1400},
}


@pytest.fixture
def real_server() -> Iterator[Server]:
    """Start the real server with the flights' definitions and one departure."""
    with Server(definitions=[FLIGHTS]) as started:
        send(started)
        yield started


def send(server: Server) -> None:
    """Send one more departure; it is acknowledged when this returns."""
    headers = {"Authorization": f"Bearer {server.key}"}
    reply = httpx2.post(f"{server.url}/v1/events", json=DEPARTURE, headers=headers, trust_env=False)
    assert reply.json()["stored"] == 1, reply.text


def test_a_departure_is_in_the_chart_within_a_second(page: Page, real_server: Server) -> None:
    """After the 200 of a new departure the tile, the table and the chart have it within 1 s."""
    headers = {"Authorization": f"Bearer {real_server.key}"}
    link = httpx2.post(f"{real_server.url}/v1/session/link", headers=headers, trust_env=False)
    page.goto(real_server.url + link.json()["url"])
    place = "#/dashboards/flights/departures?from=2013-01-01&to=2014-01-01&interval=month&tz=UTC"
    page.goto(f"{real_server.url}/{place}")
    panel = page.locator("lt-panel[data-metric=departures]").first
    tile = page.locator("lt-tile[data-metric=departures] .tile-value").first
    expect(tile).to_have_text("1", timeout=15_000)
    expect(page.locator("lt-connection")).to_have_attribute("data-state", "live")
    drawn = "canvas => canvas.toDataURL()"
    before = panel.locator("canvas").evaluate(drawn)
    for expected in ("2", "3"):
        send(real_server)
        acknowledged = monotonic()
        expect(tile).to_have_text(expected, timeout=5_000)
        assert monotonic() - acknowledged < 1.0
    until(lambda: panel.locator("canvas").evaluate(drawn) != before, "the chart to move", 5)
