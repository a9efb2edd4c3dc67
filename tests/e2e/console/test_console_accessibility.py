"""The pages, looked at by axe-core.

In the flow: runs axe-core's rules inside Chromium on each page, light and dark, wide and narrow.
Guarantee: nothing that axe calls serious or critical is on any page.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.console.conftest import signed_in
from tests.e2e.console.fake_server import FakeServer
from tests.e2e.console.looking import Visit

AXE = Path(__file__).parents[3] / "node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def faults(page: Page) -> list[str]:
    """Return what axe finds at rest, each with the first element that has it."""
    if not AXE.exists():
        pytest.skip("axe-core is not installed: npm ci")
    # The answer to the question before is dimmed while the new one is awaited.
    page.wait_for_function("() => !document.querySelector('[data-stale=true]')")
    # Evaluated, not added as an element: the policy would rightly stop that.
    page.evaluate(AXE.read_text())
    found = page.evaluate(
        "tags => axe.run(document, { runOnly: { type: 'tag', values: tags } })", RULES
    )
    return [
        f"{one['impact']} {one['id']}: {one['nodes'][0]['html'][:160]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical", "moderate")
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_dashboard_has_no_serious_fault(visit: Visit, scheme: str, width: int) -> None:
    """A full dashboard with groups, a filter and an open table passes, in each form."""
    visit.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    visit.page.set_viewport_size({"width": width, "height": 900})
    visit.go("/metrics?from=2013-03-01&to=2013-04-01&by=origin&where=carrier:UA")
    visit.panel("departures").get_by_role("button", name="Show table").click()
    assert faults(visit.page) == []


@pytest.mark.parametrize("picker", ["Range", "Filter", "Zone", "administrator"])
def test_open_sheets_have_no_serious_fault(visit: Visit, picker: str) -> None:
    """The sheets that buttons open pass as well."""
    visit.go("/metrics?range=last-hour")
    visit.page.get_by_role("button", name=picker).click()
    expect(visit.page.locator("[popover]:popover-open")).to_be_visible()
    assert faults(visit.page) == []


def test_sign_in_has_no_serious_fault(page: Page, server: FakeServer) -> None:
    """The sign-in page passes, with a refusal on it."""
    page.goto(server.url)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()
    assert faults(page) == []


def test_empty_page_has_no_serious_fault(page: Page, empty_server: FakeServer) -> None:
    """The page without events passes."""
    signed_in(page, empty_server).settle()
    assert faults(page) == []


def test_everything_is_reached_by_keyboard(visit: Visit) -> None:
    """Tab goes through skip link, pages, menu, dashboards, pickers and chart, in that order."""
    visit.go("/metrics?range=last-hour")
    visit.page.locator("body").focus()
    reached: list[str] = []
    for _ in range(30):
        visit.page.keyboard.press("Tab")
        reached.append(
            visit.page.evaluate(
                "() => document.activeElement.dataset.picker"
                " ?? document.activeElement.getAttribute('role')"
                " ?? document.activeElement.innerText.trim().split('\\n')[0]"
            )
        )
    wanted = [
        *("Skip to the content", "Dashboards", "Events", "administrator", "Overview"),
        *("range", "interval", "by", "filter", "zone"),
    ]
    places = [reached.index(name) for name in [*wanted, "slider"]]
    assert places == sorted(places)
