"""What a person does and sees on the console, in words that tests use.

In the flow: wraps a Playwright page for the tests of the console.
Guarantee: every step waits for what it needs to see, never for a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qs

from playwright.sync_api import Locator, Page, expect

from tests.e2e.console.fake_server import FakeServer

# Nothing on the page is waiting for an answer, and something has been answered.
_SETTLED = """() => {
  const busy = document.querySelectorAll('[data-stale=true], [data-state=waiting]');
  return document.querySelector('lt-panel, lt-tile, lt-first-event') && busy.length === 0;
}"""


NOTHING = "\u2013"
"""What stands where there is no value: a dash as wide as an n."""


@dataclass(frozen=True)
class Sight:
    """A page that is signed in, and the address of its server."""

    page: Page
    url: str

    def go(self, place: str) -> Self:
        """Go to the part of the address after ``#`` and wait until every panel has its answer."""
        self.page.goto(f"{self.url}/#{place}")
        return self.settle()

    def settle(self) -> Self:
        """Wait until nothing on the page waits for an answer."""
        self.page.wait_for_function(_SETTLED)
        return self

    def panel(self, metric: str) -> Locator:
        """Find the chart panel that shows ``metric`` first."""
        return self.page.locator(f"lt-panel[data-metric={metric}]").first

    def tile(self, metric: str) -> Locator:
        """Find the number of a tile."""
        return self.page.locator(f"lt-tile[data-metric={metric}] .tile-value")

    def cursor(self, metric: str) -> Locator:
        """Find the keyboard cursor over a chart."""
        return self.panel(metric).get_by_role("slider")

    def newest_row(self, metric: str) -> Locator:
        """Find the first row of a panel's table."""
        return self.panel(metric).locator("tbody tr").first

    def picture(self, metric: str) -> str:
        """Return what is drawn on a chart's canvas, to compare with another time."""
        drawn = self.panel(metric).locator("canvas").evaluate("canvas => canvas.toDataURL()")
        return str(drawn)

    def choices(self) -> dict[str, list[str]]:
        """Return what is in the address after the page's path."""
        address = str(self.page.evaluate("() => location.hash"))
        return parse_qs(address.partition("?")[2])

    def expect_live(self) -> None:
        """Wait until the page says that it is live."""
        expect(self.page.locator("lt-connection")).to_have_attribute("data-state", "live")


@dataclass(frozen=True)
class Visit(Sight):
    """A page that is signed in at the fake server."""

    server: FakeServer
