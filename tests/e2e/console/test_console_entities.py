"""The page of entities before a real server: sorted, filtered, acted on, with their history.

In the flow: drives Chromium at a service desk; acts beside it as somebody else would.
Guarantee: a button does what it says once; who was slower is told so.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic

import pytest
from playwright.sync_api import Page, Route, expect

from tests.e2e.console.desk import Desk, running_desk
from tests.e2e.console.test_console_accessibility import faults


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """Serve a day at the service desk."""
    with running_desk() as started:
        started.fill()
        yield started


def cell(page: Page, key: str, column: str) -> str:
    """Return what a cell says."""
    return page.locator(f"tr[data-key='{key}'] [data-column={column}]").inner_text().strip()


def test_sorting_and_filtering_are_in_the_address(page: Page, desk: Desk) -> None:
    """A head sorts, largest first and then the other way; filters are the server's."""
    desk.sign_in(page)
    page.goto(f"{desk.url}/#/entities/customer?tz=UTC")
    first = page.locator("lt-grid tbody tr").first
    expect(page.locator("th[data-column=spent]")).to_have_attribute("aria-sort", "descending")
    page.get_by_role("button", name="Spent").click()
    expect(page.locator("th[data-column=spent]")).to_have_attribute("aria-sort", "ascending")
    page.get_by_role("button", name="Spent").click()
    expect(page.locator("th[data-column=spent]")).to_have_attribute("aria-sort", "descending")
    states = desk.ask("GET", "/v1/entities/customer?sort=-spent&limit=1")["entities"]
    expect(first).to_have_attribute("data-key", states[0]["key"])
    page.get_by_label("Add a filter").fill("channel:phone")
    page.keyboard.press("Enter")
    wanted = desk.ask("GET", "/v1/entities/customer?where=channel:phone&limit=100")["entities"]
    expect(page.locator("lt-grid tbody tr")).to_have_count(len(wanted))
    assert faults(page) == []


def test_an_action_is_shown_at_once_and_taken_back(page: Page, desk: Desk) -> None:
    """The row shows the new state before the server has answered; Undo sends the inverse."""
    desk.sign_in(page)
    page.goto(f"{desk.url}/#/entities/incident/INC-101?tz=UTC")
    row = page.locator("tr[data-key=INC-101]")
    held: list[Route] = []
    page.route("**/actions/complete", lambda route: held.append(route))  # noqa: PLW0108
    row.get_by_role("button", name="Complete").click()
    expect(row.locator("[data-column=status]")).to_have_text("done")
    assert desk.ask("GET", "/v1/entities/incident/INC-101")["fields"]["status"] is None
    held.pop().continue_()
    expect(row.get_by_role("button", name="Undo")).to_be_visible()
    assert desk.ask("GET", "/v1/entities/incident/INC-101")["fields"]["status"] == "done"
    timeline = page.locator("lt-timeline li")
    expect(timeline).to_have_count(2)
    row.get_by_role("button", name="Undo").click()
    expect(row.get_by_role("button", name="Complete")).to_be_visible()
    expect(timeline.first).to_contain_text("incident.reopened")
    assert cell(page, "INC-101", "reopened") == "1"


def test_who_was_slower_is_told(page: Page, desk: Desk) -> None:
    """When somebody else has acted before, the row says so and shows the newest state."""
    desk.sign_in(page)
    page.goto(f"{desk.url}/#/entities/incident?tz=UTC")
    row = page.locator("tr[data-key=INC-103]")
    complete = row.get_by_role("button", name="Complete")
    expect(complete).to_be_visible()

    def overtake(route: Route) -> None:
        desk.send(
            {
                "type": "incident.completed",
                "subject": "INC-103",
                "data": {"status": "done", "by": "bob"},
            }
        )
        route.continue_()

    page.route("**/actions/complete", overtake)
    complete.click()
    expect(row.get_by_role("alert")).to_contain_text("Somebody was faster.")
    expect(row.get_by_role("alert")).to_contain_text("status is 'done'")
    expect(row.get_by_role("button", name="Reopen")).to_be_visible()


def test_rows_come_change_and_leave_by_themselves(page: Page, desk: Desk) -> None:
    """What others do is in the list and in the open history within a second, and lights up."""
    desk.sign_in(page)
    page.goto(f"{desk.url}/#/entities/incident/INC-107?where=!status:done&tz=UTC")
    table = page.locator("lt-entity-table")
    expect(table).to_have_attribute("data-live", "true")
    history = page.locator("lt-timeline li")
    expect(history).to_have_count(1)
    opened = {"text": "Lift is stuck", "severity": "high", "team": "site"}
    desk.send({"type": "incident.opened", "subject": "INC-201", "data": opened})
    acknowledged = monotonic()
    expect(page.locator("tr[data-key=INC-201]")).to_be_visible()
    assert monotonic() - acknowledged < 1.0
    done = {"status": "done", "by": "eve"}
    assign = {"type": "incident.assigned", "subject": "INC-107", "data": {"team": "site"}}
    desk.send(assign)
    changed = page.locator("tr[data-key=INC-107] [data-column=team]")
    expect(changed).to_have_text("site")
    assert changed.evaluate("one => one.getAnimations().length") == 1
    quiet = page.locator("tr[data-key=INC-107] [data-column=severity]")
    assert quiet.evaluate("one => one.getAnimations().length") == 0
    expect(history).to_have_count(2)
    desk.send({"type": "incident.completed", "subject": "INC-201", "data": done})
    expect(page.locator("tr[data-key=INC-201]")).to_have_count(0)


def test_an_action_asks_for_its_parameters(page: Page, desk: Desk) -> None:
    """What an action has to be given is asked for in the row, by keyboard too, on a phone too."""
    desk.sign_in(page)
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    page.goto(f"{desk.url}/#/entities/incident?where=team:site&tz=UTC")
    row = page.locator("tr[data-key=INC-104]")
    row.get_by_role("button", name="Assign").click()
    expect(row.get_by_label("Team")).to_be_focused()
    assert faults(page) == []
    page.keyboard.type("shop")
    page.keyboard.press("Enter")
    expect(row).to_have_count(0)  # it is not on the site any more
    assert desk.ask("GET", "/v1/entities/incident/INC-104")["fields"]["team"] == "shop"


def test_a_dashboard_lists_entities(page: Page, desk: Desk) -> None:
    """A panel of entities has the same table and buttons; a key that may not write has none."""
    page.goto(desk.url)
    page.get_by_label("Key").fill(desk.key("read"))
    page.keyboard.press("Enter")
    panel = page.locator("lt-entity-panel")
    expect(panel.locator("tr[data-key=INC-106]")).to_be_visible()
    expect(panel.locator("[data-action]")).to_have_count(0)
    panel.locator("tr[data-key=INC-106] .grid-open").click()
    expect(page.locator("lt-timeline h2")).to_have_text("Invoices are sent twice")
    assert "#/entities/incident/INC-106" in page.url
