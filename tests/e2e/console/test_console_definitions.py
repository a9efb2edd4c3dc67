"""The page of definitions before a real server: mistakes at their lines, plans, the way back.

In the flow: drives Chromium at a service desk.
Guarantee: what is applied is what was shown; an older version comes back with its plan first.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from livetally.testing import Server
from tests.e2e.console.desk import DESK, Desk, running_desk
from tests.e2e.console.test_console_accessibility import faults

_MORE = """
[metric.phone_orders]
event = "order.placed"
aggregate = "count"
where = ["channel:phone"]
"""


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """Serve a day at the service desk."""
    with running_desk() as started:
        started.fill()
        yield started


def metrics(desk: Desk) -> list[str]:
    """Return the names of the metrics that can be asked for."""
    return [one["name"] for one in desk.ask("GET", "/v1/metrics")["metrics"]]


def test_mistakes_stand_at_their_lines_and_nothing_is_applied(page: Page, desk: Desk) -> None:
    """Each mistake names its line, marks it, and leads to it."""
    desk.sign_in(page)
    page.goto(f"{desk.url}/#/definitions/desk")
    editor = page.get_by_role("textbox", name="Definition of desk")
    expect(editor).to_have_value(DESK.read_text())
    broken = DESK.read_text().replace('aggregate = "sum"', 'aggregate = "som"')
    line = broken[: broken.index('"som"')].count("\n") + 1
    editor.fill(broken)
    mistake = page.get_by_role("button", name=f"Line {line}")
    expect(mistake).to_be_visible()
    expect(page.locator("lt-plan")).to_contain_text("did you mean 'sum'?")
    expect(page.locator("[data-marked=true]")).to_have_text(str(line))
    expect(page.locator("[data-apply]")).to_have_count(0)
    assert faults(page) == []
    mistake.click()
    expect(editor).to_be_focused()
    marked = editor.evaluate("one => one.value.slice(one.selectionStart, one.selectionEnd)")
    assert marked == 'aggregate = "som"'


def test_a_change_is_planned_applied_and_taken_back(page: Page, desk: Desk) -> None:
    """A metric that is added answers at once and is on the dashboards; going back removes it."""
    desk.sign_in(page)
    page.goto(f"{desk.url}/#/definitions/desk")
    editor = page.get_by_role("textbox", name="Definition of desk")
    expect(editor).to_have_value(DESK.read_text())
    editor.fill(DESK.read_text() + _MORE)
    change = page.locator("[data-kind=added]")
    expect(change).to_contain_text("metric phone_orders")
    assert faults(page) == []
    page.locator("[data-apply]").click()
    expect(page.get_by_text("Applied as version 2.")).to_be_focused()
    assert desk.ask("GET", "/v1/metrics/phone_orders")["rows"][0]["value"] > 0
    page.locator("[data-version='1']").get_by_role("button", name="Go back to it").click()
    expect(page.locator("[data-kind=removed]")).to_contain_text("metric phone_orders")
    page.locator("[data-apply]").click()
    expect(page.locator("[data-version='3']")).to_contain_text("applied")
    assert "phone_orders" not in metrics(desk)


def test_a_new_application_begins_with_an_example(page: Page, desk: Desk) -> None:
    """The example can be applied as it is; a key that may only read can't change anything."""
    desk.sign_in(page)
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    page.goto(f"{desk.url}/#/definitions/new")
    editor = page.get_by_role("textbox", name="Definition of new")
    expect(page.locator("[role=alert]")).to_contain_text("mistake")  # the desk's total is another
    editor.fill('application = "extra"\n[metric.all]\nevent = "hello"\naggregate = "count"\n')
    page.locator("[data-apply]").click()
    expect(page.get_by_role("heading", name="extra")).to_be_visible()
    assert not page.evaluate("() => document.documentElement.scrollWidth > innerWidth")
    assert faults(page) == []


def test_who_may_only_read_can_not_change(page: Page, desk: Desk) -> None:
    """The text is there to be read, without a way to apply it."""
    page.goto(f"{desk.url}/#/definitions/desk")
    page.get_by_label("Key").fill(desk.key("read"))
    page.keyboard.press("Enter")
    editor = page.get_by_role("textbox", name="Definition of desk")
    expect(editor).not_to_be_editable()
    expect(page.locator("lt-plan")).to_have_count(0)


def test_a_definition_is_taken_away_after_its_plan_and_comes_back(page: Page, desk: Desk) -> None:
    """What goes is listed first; then the numbers are gone, the versions are not."""
    desk.apply("gone", 'application = "gone"\n[metric.gone]\nevent = "x"\naggregate = "count"\n')
    desk.sign_in(page)
    page.goto(f"{desk.url}/#/definitions/gone")
    page.get_by_role("button", name="Take it away").click()
    expect(page.locator("lt-removal [data-kind=removed]").last).to_contain_text("metric gone")
    expect(page.get_by_role("button", name="Take gone away")).to_be_focused()
    assert faults(page) == []
    page.get_by_role("button", name="Cancel").click()
    assert "gone" in metrics(desk)
    page.get_by_role("button", name="Take it away").click()
    page.get_by_role("button", name="Take gone away").click()
    expect(page.locator("lt-definitions")).to_contain_text("not applied any more")
    assert "gone" not in metrics(desk)
    tabs = page.get_by_role("navigation", name="Applications")
    expect(tabs.get_by_role("link", name="gone")).to_have_count(0)
    assert faults(page) == []
    page.get_by_role("button", name="Go back to it").click()
    expect(page.locator("[data-kind=added]").last).to_contain_text("metric gone")
    page.locator("[data-apply]").click()
    expect(tabs.get_by_role("link", name="gone")).to_be_visible()
    assert "gone" in metrics(desk)


def test_a_teams_own_gives_way_to_the_one_of_all_teams(page: Page) -> None:
    """The page says whose is applied; a team's administrator has no way to take away all teams'."""
    with Server(definitions=[DESK]) as server:
        desk = Desk(server)
        page.goto(f"{desk.url}/#/definitions/desk")
        page.get_by_label("Key").fill(desk.key("read", "admin"))
        page.keyboard.press("Enter")
        versions = page.get_by_role("region", name="Versions")
        expect(versions).to_contain_text("holds for all teams")
        expect(page.locator("[data-remove]")).to_have_count(0)
        editor = page.get_by_role("textbox", name="Definition of desk")
        expect(editor).to_have_value(DESK.read_text())
        editor.fill(DESK.read_text() + _MORE)
        page.locator("[data-apply]").click()
        expect(versions).not_to_contain_text("holds for all teams")
        page.locator("[data-remove]").click()
        expect(page.locator("lt-removal [data-kind=removed]")).to_contain_text("phone_orders")
        page.locator("[data-really]").click()
        expect(versions).to_contain_text("holds for all teams")
        expect(editor).to_have_value(DESK.read_text())
        desk.close()
