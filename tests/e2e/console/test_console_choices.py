"""Range, interval, split, zone and filters: chosen on the page, kept in the address.

In the flow: drives the console's pickers in Chromium.
Guarantee: whatever is chosen can be sent to someone as a link.
"""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from livetally.clock import US_PER_S
from livetally.testing.clock import ManualClock
from tests.e2e.console.conftest import signed_in
from tests.e2e.console.fake_server import NOW_US, FakeServer
from tests.e2e.console.looking import NOTHING, Visit

YEAR_2013 = "/metrics?from=2013-01-01&to=2014-01-01"


def test_interval_is_written_to_the_address(visit: Visit) -> None:
    """Choosing an interval changes the buckets and the address; Auto takes it out again."""
    visit.go(YEAR_2013)
    visit.page.get_by_label("Interval").select_option("month")
    visit.settle()
    assert visit.choices()["interval"] == ["month"]
    expect(visit.newest_row("departures").locator("th")).to_have_text("Dec 2013")
    visit.page.get_by_label("Interval").select_option("Auto")
    assert "interval" not in visit.choices()


def test_interval_that_makes_too_many_buckets_can_not_be_chosen(visit: Visit) -> None:
    """Minutes of a whole year would be half a million buckets: the option is there and disabled."""
    visit.go(YEAR_2013)
    minute = visit.page.get_by_label("Interval").locator("option[value=minute]")
    expect(minute).to_be_disabled()
    visit.go("/metrics?range=last-hour")
    expect(minute).to_be_enabled()


def test_range_presets_are_written_to_the_address(visit: Visit) -> None:
    """A named range is one click, and one word in the address."""
    visit.go(YEAR_2013)
    visit.page.get_by_role("button", name="Range").click()
    visit.page.get_by_role("button", name="Last 24 hours").click()
    visit.settle()
    assert visit.choices() == {"range": ["last-24-hours"]}
    expect(visit.panel("departures").locator("tbody tr")).to_have_count(24)


def test_years_with_data_are_offered(visit: Visit) -> None:
    """A year that has data is one click away, whole, in the zone that is shown."""
    visit.go("/metrics?range=last-hour")
    visit.page.get_by_role("button", name="Range").click()
    visit.page.get_by_role("button", name="2013", exact=True).click()
    visit.settle()
    assert visit.choices() == {"from": ["2013-01-01"], "to": ["2014-01-01"]}
    expect(visit.page.get_by_role("button", name="Range")).to_contain_text("2013")


def test_days_are_chosen_with_the_last_one_in_it(visit: Visit) -> None:
    """The form's last day is part of the range; the address holds the exclusive end."""
    visit.go("/metrics?range=last-hour")
    visit.page.get_by_role("button", name="Range").click()
    visit.page.get_by_label("First day").fill("2013-03-04")
    visit.page.get_by_label("Last day").fill("2013-03-10")
    visit.page.get_by_role("button", name="Show these days").click()
    visit.settle()
    assert visit.choices() == {"from": ["2013-03-04"], "to": ["2013-03-11"]}
    expect(visit.page.get_by_role("button", name="Range")).to_contain_text(
        f"4 Mar 2013 {NOTHING} 10 Mar 2013"
    )


def test_days_in_the_wrong_order_are_refused(visit: Visit) -> None:
    """A first day after the last is said in words, and the address stays."""
    visit.go("/metrics?range=last-hour")
    visit.page.get_by_role("button", name="Range").click()
    visit.page.get_by_label("First day").fill("2013-03-11")
    visit.page.get_by_label("Last day").fill("2013-03-10")
    visit.page.get_by_role("button", name="Show these days").click()
    expect(visit.page.get_by_role("alert")).to_have_text("The first day is after the last.")
    assert visit.choices() == {"range": ["last-hour"]}


def test_zone_is_found_by_typing(visit: Visit) -> None:
    """Typing a part of a zone's name and Enter chooses it; times are of that zone then."""
    visit.go("/metrics?from=2013-01-01&to=2013-01-03&interval=hour")
    visit.page.get_by_role("button", name="Zone").click()
    visit.page.get_by_role("combobox", name="Search time zones").fill("kathm")
    visit.page.keyboard.press("Enter")
    visit.settle()
    assert visit.choices()["tz"] == ["Asia/Kathmandu"]
    expect(visit.page.get_by_role("button", name="Zone")).to_contain_text("UTC+05:45")
    expect(visit.panel("departures").locator(".readout-time")).to_contain_text("UTC+05:45")


def test_zone_list_is_walked_by_keyboard(visit: Visit) -> None:
    """The arrows move through the list; the reader's own zone comes first, UTC second."""
    visit.go(YEAR_2013)
    visit.page.get_by_role("button", name="Zone").click()
    options = visit.page.get_by_role("listbox", name="Time zones").get_by_role("option")
    expect(options.first).to_contain_text("America/New York")
    visit.page.keyboard.press("ArrowDown")
    visit.page.keyboard.press("Enter")
    visit.settle()
    assert visit.choices()["tz"] == ["UTC"]


def test_split_shows_the_same_groups_in_the_same_colours(visit: Visit) -> None:
    """Split by carrier, every chart has the same groups in the same colours, the rest in grey."""
    visit.go(f"{YEAR_2013}&by=carrier")
    legend = """panel => [...panel.querySelectorAll('.readout-entry')].map(
      entry => [entry.innerText.split(/\\s/)[0], entry.querySelector('.swatch').dataset.colour])"""
    counted = visit.panel("departures").evaluate(legend)
    assert len(counted) == 8
    assert counted[-1] == ["Others", "-1"]
    assert len({colour for _, colour in counted}) == 8
    assert visit.panel("mean_departure_delay").evaluate(legend) == counted[:-1]


def test_group_is_hidden_on_every_chart(visit: Visit) -> None:
    """Choosing a group's name hides it everywhere, and a reload keeps it hidden."""
    visit.go(f"{YEAR_2013}&by=origin")
    drawn = visit.picture("distance")
    visit.panel("departures").get_by_role("button", name="JFK").click()
    assert visit.choices()["hide"] == ["JFK"]
    hidden = visit.panel("distance").get_by_role("button", name="JFK")
    expect(hidden).to_have_attribute("aria-pressed", "false")
    assert visit.picture("distance") != drawn
    visit.page.reload()
    visit.settle()
    expect(hidden).to_have_attribute("aria-pressed", "false")


def test_group_of_a_list_filters_the_page(visit: Visit) -> None:
    """Choosing a group in a list shows only it; the filter can be taken away again."""
    visit.go(YEAR_2013)
    whole = visit.tile("departures").text_content()
    by_origin = visit.page.locator("lt-top-list[data-metric=departures]").nth(1)
    expected = by_origin.locator("[data-group=JFK]").text_content() or ""
    by_origin.get_by_role("button", name="JFK").click()
    visit.settle()
    assert visit.choices()["where"] == ["origin:JFK"]
    expect(visit.tile("departures")).to_have_text(expected)
    visit.page.get_by_role("list", name="Filters").get_by_role("button").click()
    expect(visit.tile("departures")).to_have_text(whole or "")


def test_reload_keeps_what_is_seen(visit: Visit) -> None:
    """The same link shows the same: choices, table and number."""
    visit.go(f"{YEAR_2013}&interval=quarter&tz=UTC&by=origin&where=carrier:UA")
    before = [visit.page.url, visit.tile("departures").text_content()]
    visit.page.reload()
    visit.settle()
    assert [visit.page.url, visit.tile("departures").text_content()] == before
    expect(visit.page.get_by_label("Interval")).to_have_value("quarter")
    expect(visit.page.get_by_label("Split by")).to_have_value("origin")


def test_back_returns_to_the_choice_before(visit: Visit) -> None:
    """The browser's Back undoes a choice."""
    visit.go(YEAR_2013)
    visit.page.get_by_label("Split by").select_option("origin")
    visit.settle()
    visit.page.go_back()
    visit.settle()
    expect(visit.page.get_by_label("Split by")).to_have_value("")


def test_choices_go_along_to_another_dashboard(visit: Visit) -> None:
    """A link in the frame keeps range and zone, so that two dashboards show the same time."""
    visit.go(f"{YEAR_2013}&tz=UTC")
    visit.page.get_by_role("link", name="Overview").click()
    visit.settle()
    assert visit.choices() == {"from": ["2013-01-01"], "to": ["2014-01-01"], "tz": ["UTC"]}
    expect(visit.tile("departures")).not_to_have_text(NOTHING)


@pytest.mark.parametrize(
    "nonsense",
    [
        "range=for-ever",
        "interval=fortnight",
        "tz=Mars/Olympus",
        "from=soon",
        "from=2014-01-01&to=2013-01-01",
    ],
)
def test_nonsense_in_the_address_is_passed_over(visit: Visit, nonsense: str) -> None:
    """A mangled link shows the dashboard with its own choices instead of an error."""
    visit.go(f"/metrics?{nonsense}")
    expect(visit.panel("departures")).to_have_attribute("data-state", "ready")


def test_page_moves_to_its_own_range_when_events_begin(page: Page) -> None:
    """A page about the last hour shows all while all is old, and turns to what arrives."""
    half_a_second_to_the_minute = NOW_US + 39_500_000
    page.clock.set_fixed_time(half_a_second_to_the_minute / US_PER_S)
    server = FakeServer(clock=ManualClock(half_a_second_to_the_minute))
    server.dashboards = {
        "now": {"range": "1 hour", "panels": [{"kind": "bar", "metric": ["departures"]}]}
    }
    server.events = [one for one in server.events if one.at_s < 1_400_000_000]
    server.start()
    try:
        visit = signed_in(page, server).settle()
        chosen = page.get_by_role("button", name="Range")
        expect(chosen).to_contain_text("All")
        server.emit(3)
        expect(chosen).to_contain_text("Last hour")
        visit.settle()
        expect(visit.newest_row("departures").locator("td")).to_have_text("3")
    finally:
        server.stop()


def test_a_filter_is_picked_and_taken_away(visit: Visit) -> None:
    """A field and a value, by keyboard alone; the address keeps them, every panel obeys."""
    visit.go("/metrics?range=all")
    whole = visit.tile("departures").text_content()
    picker = visit.page.locator("[data-picker=filter]")
    picker.focus()
    visit.page.keyboard.press("Enter")
    visit.page.get_by_label("Only where").select_option("origin")
    visit.page.keyboard.press("Tab")
    visit.page.keyboard.type("JFK")
    visit.page.keyboard.press("Enter")
    visit.settle()
    assert visit.choices()["where"] == ["origin:JFK"]
    expect(picker).to_contain_text("1 in force")
    expect(visit.tile("departures")).not_to_have_text(whole or "")
    picker.click()
    visit.page.get_by_role("button", name="Take the filter away").click()
    visit.settle()
    assert "where" not in visit.choices()
    expect(visit.tile("departures")).to_have_text(whole or "")
