"""The page of sources before a real server that fetches from one in the Nobel Prize API's shape.

In the flow: drives Chromium; what the page commands is checked at the fetched server and over HTTP.
Guarantee: what the page says of a source is what the server knows of it, without a reload.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.e2e.console.desk import Desk, desk_of
from tests.e2e.console.test_console_accessibility import faults
from tests.nobel import SOURCE, Nobel, nobel, prize
from tests.waiting import until

BROKEN = """
[source.weather]
title = "Weather at the harbour"
url = "URL/nowhere"
every = "1 day"
map.type = "'prize'"
map.data.category = "category"
map.data.year = { from = "awardYear", as = "integer" }
"""
MESSAGES = """
[source.sensors]
url = "mqtt://127.0.0.1:1"
topic = "prizes/+"
map = { type = "'prize'", id = "id", data = "@" }
"""


@pytest.fixture(scope="module")
def api() -> Iterator[Nobel]:
    """The API; what is nowhere is not found."""
    with nobel() as said:
        said.instead = lambda path, _: (404, {}, b"") if "nowhere" in path else None
        yield said


@pytest.fixture(scope="module")
def desk(api: Nobel) -> Iterator[Desk]:
    """Serve two sources, of which one fails."""
    with desk_of(SOURCES_ALLOW_PRIVATE="true") as started:
        started.apply("nobel", (SOURCE + BROKEN + MESSAGES).replace("URL", api.url))
        until(lambda: states(started)["nobel"].get("stored") == 10, "the first run")
        until(lambda: states(started)["weather"].get("last_error"), "the failing run")
        yield started


def states(desk: Desk) -> dict[str, dict[str, object]]:
    """Return the sources by name, as the server tells them."""
    return {one["name"]: one for one in desk.ask("GET", "/v1/sources")["sources"]}


def cell(page: Page, name: str, column: str) -> Locator:
    """Find a cell of the list."""
    return page.locator(f"tr[data-key={name}] [data-column={column}]")


def test_a_source_says_how_it_is_and_a_run_shows_by_itself(
    page: Page, desk: Desk, api: Nobel
) -> None:
    """State, runs, events and errors are listed; what a run brings appears without a reload."""
    desk.sign_in(page)
    page.goto(f"{desk.url}/#/sources")
    expect(cell(page, "nobel", "state")).to_have_text("Running")
    expect(cell(page, "nobel", "stored")).to_have_text("10")
    expect(cell(page, "nobel", "schedule")).to_have_text("every 5 minutes")
    expect(cell(page, "weather", "state")).to_have_text("Failing")
    expect(cell(page, "weather", "error")).to_contain_text("404")
    assert faults(page) == []
    api.prizes.append(prize(1903, "Peace"))
    page.get_by_role("button", name="Run now: nobel").click()
    expect(cell(page, "nobel", "stored")).to_have_text("11", timeout=10_000)
    asked = len(api.asked)
    desk.ask("POST", "/v1/sources/weather/run")
    until(lambda: len(api.asked) > asked, "somebody else's run")
    cell(page, "weather", "name").get_by_role("button").click()
    detail = page.get_by_role("region", name="Source weather")
    expect(detail).to_contain_text(re.compile(r"The last \d runs failed"), timeout=10_000)
    expect(detail).to_contain_text("404")
    assert page.url.endswith("#/sources/weather")
    assert faults(page) == []
    page.keyboard.press("Escape")
    expect(detail).to_have_count(0)
    expect(page.locator("tr[data-key=weather] .grid-open")).to_be_focused()


def test_it_is_stopped_and_started(page: Page, desk: Desk, api: Nobel) -> None:
    """The page shows what the server has written down; starting fetches at once."""
    desk.sign_in(page)
    page.goto(f"{desk.url}/#/sources")
    page.get_by_role("button", name="Stop nobel").click()
    expect(cell(page, "nobel", "state")).to_have_text("Stopped")
    assert states(desk)["nobel"]["running"] is False
    expect(cell(page, "nobel", "next")).to_have_text("\u2013")
    page.reload()
    expect(cell(page, "nobel", "state")).to_have_text("Stopped")
    asked = len(api.asked)
    page.get_by_role("button", name="Start nobel").click()
    expect(cell(page, "nobel", "state")).not_to_have_text("Stopped")
    until(lambda: len(api.asked) > asked, "a fetch")


def test_its_schedule_is_changed_and_taken_back(page: Page, desk: Desk) -> None:
    """An interval or a calendar; what can't be read is said; the definition's comes back."""
    desk.sign_in(page)
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    page.goto(f"{desk.url}/#/sources/nobel")
    form = page.locator("lt-schedule-form")
    expect(form.get_by_label("Every")).to_have_value("5")
    form.get_by_label("Every").fill("2")
    form.get_by_label("Unit").select_option("hours")
    form.get_by_role("button", name="Change schedule").click()
    expect(page.locator(".facts")).to_contain_text("every 2 hours set here")
    assert states(desk)["nobel"]["schedule"] == "every 2 hours"
    form.get_by_label("Run", exact=True).select_option("cron")
    form.get_by_label("Minute, hour").fill("61 * * * *")
    form.get_by_role("button", name="Change schedule").click()
    expect(form.get_by_role("alert")).to_contain_text("minute")
    assert faults(page) == []
    form.get_by_label("Minute, hour").fill("0 6 * * mon-fri")
    form.get_by_label("Zone").fill("Europe/Oslo")
    page.keyboard.press("Enter")
    expect(page.locator(".facts")).to_contain_text("cron 0 6 * * mon-fri (Europe/Oslo)")
    assert not page.evaluate("() => document.documentElement.scrollWidth > innerWidth")
    form.get_by_role("button", name="As in the definition").click()
    expect(page.locator(".facts")).to_contain_text("every 5 minutes")
    assert states(desk)["nobel"]["schedule_of"] == "definition"


def test_who_may_only_read_commands_nothing(page: Page, desk: Desk) -> None:
    """The list is there, its buttons and forms are not."""
    page.goto(f"{desk.url}/#/sources/nobel")
    page.get_by_label("Key").fill(desk.key("read"))
    page.keyboard.press("Enter")
    expect(cell(page, "nobel", "state")).to_be_visible()
    expect(page.get_by_role("region", name="Source nobel")).to_be_visible()
    expect(page.locator("[data-run], [data-command], lt-schedule-form")).to_have_count(0)


def test_a_server_that_is_away_is_said_and_the_list_stays(page: Page, desk: Desk) -> None:
    """What is known stays on the page; it goes on by itself."""
    desk.sign_in(page)
    page.goto(f"{desk.url}/#/sources")
    expect(cell(page, "nobel", "state")).to_be_visible()
    page.route("**/v1/sources", lambda route: route.abort())
    expect(page.get_by_role("alert")).to_contain_text("reached", timeout=10_000)
    expect(cell(page, "nobel", "state")).to_be_visible()
    page.unroute("**/v1/sources")
    expect(page.get_by_role("alert")).to_have_count(0, timeout=10_000)


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_without_a_source_the_page_says_what_one_is(page: Page, width: int, scheme: str) -> None:
    """An example to copy, and the way to the definitions; it fits a telephone."""
    with desk_of() as empty:
        empty.sign_in(page)
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
        page.goto(f"{empty.url}/#/sources")
        expect(page.get_by_role("heading", name="No sources yet")).to_be_visible()
        expect(page.locator("lt-command")).to_contain_text("[source.prizes]")
        assert faults(page) == []
        assert not page.evaluate("() => document.documentElement.scrollWidth > innerWidth")


def test_messages_have_no_schedule(page: Page, desk: Desk) -> None:
    """They come by themselves: their source is started and stopped, not run or rescheduled."""
    until(lambda: states(desk)["sensors"].get("last_error"), "the broker that is not there")
    desk.sign_in(page)
    page.goto(f"{desk.url}/#/sources")
    expect(cell(page, "sensors", "schedule")).to_have_text("as messages come")
    expect(page.get_by_role("button", name="Stop sensors")).to_be_visible()
    expect(page.get_by_role("button", name="Run now: nobel")).to_be_visible()
    expect(page.get_by_role("button", name="Run now: sensors")).to_have_count(0)
    cell(page, "sensors", "name").get_by_role("button").click()
    detail = page.get_by_role("region", name="Source sensors")
    expect(detail).to_contain_text("can't be reached", timeout=10_000)
    expect(detail.get_by_role("button", name="Change schedule")).to_have_count(0)
