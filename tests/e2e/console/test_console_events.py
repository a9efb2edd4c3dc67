"""The page of events before a real server: filtered, page by page, one in full.

In the flow: drives Chromium at a service desk with a day of events.
Guarantee: what a link says is what is shown; what an event counts into is what the server says.
"""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.console.desk import Desk, running_desk
from tests.e2e.console.test_console_accessibility import faults

# Digits that a double would not keep, and a fraction that it would spell otherwise.
EXACT = (
    '{"type":"exact","id":"e1","time":"2026-11-01T10:00:00.123456Z",'
    '"data":{"n":12345678901234567890.10}}'
)


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """Serve a day at the service desk."""
    with running_desk() as started:
        started.fill()
        yield started


def rows(page: Page) -> list[str]:
    """Return the keys of the rows that are shown, in order."""
    return [str(one.get_attribute("data-key")) for one in page.locator("lt-grid tbody tr").all()]


def test_events_are_filtered_and_paged_by_the_address(page: Page, desk: Desk) -> None:
    """Type, condition and page are in the address; Back goes back; a bad condition is explained."""
    desk.sign_in(page)
    page.goto(f"{desk.url}/#/events?tz=UTC")
    expect(page.locator("lt-grid tbody tr")).to_have_count(50)
    first = rows(page)
    page.locator("[data-next]").click()
    expect(page.locator(f"tr[data-key='{first[0]}']")).to_have_count(0)
    assert not set(first) & set(rows(page))
    assert "cursor=" in page.url
    page.go_back()
    expect(page.locator(f"tr[data-key='{first[0]}']")).to_be_visible()
    page.get_by_label("Type").select_option("incident.opened")
    expect(page.locator("lt-grid tbody tr")).to_have_count(8)
    page.get_by_label("Add a filter").fill("severity:high")
    page.keyboard.press("Enter")
    expect(page.locator("lt-grid tbody tr")).to_have_count(4)
    page.get_by_label("Add a filter").fill("severity")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert").first).to_contain_text("severity")
    page.get_by_role("button", name="severity , remove").click()
    expect(page.locator("lt-grid tbody tr")).to_have_count(4)


def test_one_event_says_what_it_counts_into(page: Page, desk: Desk) -> None:
    """An opened event names exactly the metrics whose conditions it meets, and its entity."""
    desk.sign_in(page)
    page.goto(f"{desk.url}/#/events?type=incident.opened")
    page.locator("tr[data-key='hotline opened-0'] .grid-open").click()
    detail = page.locator("lt-event-detail")
    severe = detail.get_by_role("link", name="Severe incidents")
    expect(severe).to_be_visible()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Enter")
    expect(detail.get_by_text("Label printer is out of paper")).to_be_visible()
    expect(detail.get_by_role("link", name="Incidents", exact=True)).to_be_visible()
    expect(severe).to_have_count(0)
    assert faults(page) == []
    page.keyboard.press("Escape")
    expect(detail).to_have_count(0)
    expect(page.locator("tr[data-key='hotline opened-1'] .grid-open")).to_be_focused()


def test_a_link_opens_an_event_with_every_digit(page: Page, desk: Desk) -> None:
    """A link to one event shows it on any page of the list, with the sender's own digits."""
    headers = {"Content-Type": "application/json"}
    desk.ask("POST", "/v1/events", content=EXACT.encode(), headers=headers)
    desk.sign_in(page)
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    page.goto(f"{desk.url}/#/events?type=order.placed&event=2026-11-01T10:00:00.123456%2B00:00+e1")
    expect(page.locator("lt-event-detail pre")).to_contain_text("12345678901234567890.10")
    assert faults(page) == []
    wide = page.evaluate("() => document.documentElement.scrollWidth > innerWidth")
    assert not wide


def test_new_events_come_by_themselves_until_paused(page: Page, desk: Desk) -> None:
    """An event is on top within a second of its reply; a pause holds the list and counts."""
    desk.sign_in(page)
    page.goto(f"{desk.url}/#/events?type=tail&tz=UTC")
    expect(page.get_by_text("No event is like this.")).to_be_visible()
    expect(page.locator("lt-connection")).to_have_attribute("data-state", "live")
    desk.send({"type": "tail", "id": "t1", "data": {"value": 1}})
    acknowledged = monotonic()
    expect(page.locator("tr[data-key=t1]")).to_be_visible()
    assert monotonic() - acknowledged < 1.0
    page.get_by_role("button", name="Pause").click()
    go_on = page.get_by_role("button", name="Go on")
    expect(go_on).to_be_visible()  # what is held was asked anew, and is here
    desk.send({"type": "tail", "id": "t2"}, {"type": "tail", "id": "t3"})
    expect(go_on).to_contain_text("2 new")
    assert rows(page) == ["t1"]
    go_on.click()
    expect(page.locator("lt-grid tbody tr")).to_have_count(3)
    # Two that came after the list went on light up; the first did so when it came.
    desk.send({"type": "tail", "id": "t4"})
    lit = "() => [...document.querySelectorAll('tr')].filter(one => one.getAnimations().length)"
    page.wait_for_function(f"() => ({lit})().some(one => one.dataset.key === 't4')")
    page.emulate_media(reduced_motion="reduce")
    desk.send(*({"type": "tail", "id": f"u{number}"} for number in range(60)))
    desk.send({"type": "tail", "id": "t5"})
    expect(page.locator("tr[data-key=t5]")).to_be_visible()
    still = "row => row.getAnimations().length"
    assert page.locator("tr[data-key=t5]").evaluate(still) == 0
    # No row is skipped between a page that has moved on and the one after it.
    shown = rows(page)
    page.locator("[data-next]").click()
    expect(page.locator("tr[data-key=t5]")).to_have_count(0)
    wanted = desk.ask("GET", "/v1/events?type=tail&limit=200")["events"]
    assert shown + rows(page) == [one["id"] for one in wanted]


def test_ways_are_those_that_a_key_may_go(page: Page, desk: Desk) -> None:
    """A key that may only read sees no way to keys; a link there says what it lacks."""
    page.goto(desk.url)
    page.get_by_label("Key").fill(desk.key("read"))
    page.keyboard.press("Enter")
    ways = page.get_by_role("navigation", name="Pages")
    expect(ways.get_by_role("link", name="Events")).to_be_visible()
    expect(ways.get_by_role("link", name="Keys")).to_have_count(0)
    ways.get_by_role("link", name="Events").click()
    expect(page.get_by_role("heading", name="Events")).to_be_visible()
    assert page.title() == "Events · Livetally"
