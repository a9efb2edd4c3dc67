"""The page of health before a real server.

In the flow: drives Chromium while events come in.
Guarantee: the rates are of what was sent; who is no operator sees no way there.
"""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.e2e.console.desk import running_desk
from tests.e2e.console.test_console_accessibility import faults


def test_the_server_shows_how_it_is(page: Page) -> None:
    """Rates, sizes and errors are there after two readings; a lost server is said, and mended."""
    with running_desk() as desk:
        desk.fill()
        desk.sign_in(page)
        readings: list[str] = []
        page.on("response", lambda one: readings.append(one.url) if "/metrics" in one.url else None)
        page.goto(f"{desk.url}/#/health")
        expect(page.locator("lt-health")).to_have_attribute("data-state", "ready")
        expect(page.locator("lt-chart canvas")).to_have_count(6)
        store = page.locator(".tile", has_text="Store").locator(".tile-value")
        expect(store).to_contain_text("B")
        position = page.locator(".tile", has_text="Position").locator(".tile-value")
        expect(position).to_have_text("1")
        desk.send({"type": "hello"})
        expect(position).to_have_text("2", timeout=8_000)
        assert faults(page) == []
        page.goto(f"{desk.url}/#/events")
        desk.sign_in(page)
        page.set_viewport_size({"width": 390, "height": 844})
        # Not the list of metrics, which the page before may still be asking for.
        measurements = f"{desk.url}/metrics"
        page.route(measurements, lambda route: route.abort())
        page.goto(f"{desk.url}/#/health")
        expect(page.get_by_role("alert")).to_contain_text("reached")
        page.unroute(measurements)
        expect(page.locator("lt-health")).to_have_attribute("data-state", "ready", timeout=12_000)
        assert not page.evaluate("() => document.documentElement.scrollWidth > innerWidth")
