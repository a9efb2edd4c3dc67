"""The page of alerts before a real server whose metric passes a bound.

In the flow: drives Chromium; what the page says is what the server knows.
Guarantee: what fires shows by itself, without a reload.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.console.desk import Desk, desk_of
from tests.e2e.console.test_console_accessibility import faults

SHOP = """
application = "bazaar"
[event.refund]
data.shop = "string"
[metric.refunds]
event = "refund"
aggregate = "count"
[alert.many_refunds]
title = "Many refunds"
description = "More goes back than anybody can look at."
metric = "refunds"
where = ["shop:north"]
window = "1 hour"
above = 2
every = "1 second"
notify = [{ email = "ops@example.org" }]
[alert.few_refunds]
metric = "refunds"
window = "5 minutes"
below = 0
"""


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """Serve two alerts, of which none fires yet."""
    with desk_of() as started:
        started.apply("bazaar", SHOP)
        yield started


def test_what_fires_shows_by_itself(page: Page, desk: Desk) -> None:
    """It moves to the top; its history says who was told, and what came of it."""
    desk.sign_in(page)
    page.goto(f"{desk.url}/#/alerts")
    many = page.locator("tr[data-key=many_refunds]")
    expect(many.locator("[data-column=state]")).to_have_text("OK")
    expect(many.locator("[data-column=watched]")).to_have_text("refunds over 1 hour")
    many.locator("[data-column=name]").get_by_role("button").click()
    detail = page.get_by_role("region", name="Alert many_refunds")
    expect(detail).to_contain_text("It has not fired yet.")
    assert faults(page) == []
    desk.ask("POST", "/v1/events", [{"type": "refund", "data": {"shop": "north"}}] * 3)
    expect(many.locator("[data-column=state]")).to_have_text("Firing", timeout=10_000)
    expect(many.locator("[data-column=value]")).to_have_text("3")
    expect(page.locator("lt-grid tbody tr").first).to_have_attribute("data-key", "many_refunds")
    expect(detail.locator(".timeline")).to_contain_text("Firing at 3", timeout=10_000)
    expect(detail.locator(".timeline")).to_contain_text("email ops@example.org", timeout=10_000)
    assert faults(page) == []
    page.keyboard.press("Escape")
    expect(detail).to_have_count(0)


def test_it_fits_a_phone_in_the_dark(page: Page, desk: Desk) -> None:
    """Nothing is cut off, and nothing scrolls sideways."""
    desk.sign_in(page)
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    page.goto(f"{desk.url}/#/alerts/many_refunds")
    expect(page.get_by_role("region", name="Alert many_refunds")).to_contain_text("above 2")
    assert faults(page) == []
    assert not page.evaluate("() => document.documentElement.scrollWidth > innerWidth")
