"""Charts that can be read with a pointer, with a keyboard, and with ears.

In the flow: drives the console's charts in Chromium.
Guarantee: nothing that a chart says is said by the drawing alone.
"""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.e2e.console.looking import NOTHING, Visit

MARCH = "/metrics?from=2013-03-01&to=2013-04-01&interval=day"


def test_chart_is_a_named_figure(visit: Visit) -> None:
    """A chart is a figure that says what it shows, in which unit and buckets."""
    visit.go(MARCH)
    figure = visit.page.get_by_role("figure", name="Departures, flights per day")
    expect(figure).to_be_visible()


def test_keyboard_walks_along_the_buckets(visit: Visit) -> None:
    """The arrows, Home and End move a cursor that says bucket and value; Escape lets it go."""
    visit.go(MARCH)
    cursor = visit.cursor("departures")
    cursor.focus()
    expect(cursor).to_have_attribute("aria-valuetext", re.compile(r"^Sun 31 Mar 2013: \d+ flights"))
    visit.page.keyboard.press("ArrowLeft")
    expect(cursor).to_have_attribute("aria-valuetext", re.compile(r"^Sat 30 Mar 2013: "))
    visit.page.keyboard.press("Home")
    expect(cursor).to_have_attribute("aria-valuetext", re.compile(r"^Fri 1 Mar 2013: "))
    visit.page.keyboard.press("Shift+ArrowRight")
    expect(cursor).to_have_attribute("aria-valuetext", re.compile(r"^Mon 11 Mar 2013: "))
    visit.page.keyboard.press("Escape")
    expect(cursor).to_have_attribute("aria-valuetext", re.compile(r"^Sun 31 Mar 2013: "))


def test_cursor_is_shared_by_every_chart(visit: Visit) -> None:
    """A bucket that is pointed at on one chart is read out on all of them."""
    visit.go(MARCH)
    visit.cursor("departures").focus()
    visit.page.keyboard.press("Home")
    for metric in ("departures", "mean_departure_delay", "aircraft"):
        told = visit.panel(metric).locator(".readout-time")
        expect(told).to_have_attribute("data-pointed", "true")
        expect(told).to_contain_text("Fri 1 Mar 2013")


def test_pointer_and_table_say_the_same(visit: Visit) -> None:
    """What the read-out says under the pointer is in the table in the same words."""
    visit.go(MARCH)
    chart = visit.panel("departures").locator("lt-chart")
    box = chart.bounding_box()
    assert box is not None
    visit.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    told = visit.panel("departures").locator(".readout-time[data-pointed=true]")
    bucket = re.match(r"\w+ \d+ \w+ \d{4}", told.inner_text())
    assert bucket is not None
    value = visit.panel("departures").locator(".readout-value").inner_text()
    row = visit.panel("departures").get_by_role("row", name=bucket.group())
    expect(row.locator("td")).to_have_text(value)


def test_brush_zooms_to_whole_buckets(visit: Visit) -> None:
    """Drawing across a chart asks for just these buckets, and Back returns."""
    visit.go(MARCH)
    box = visit.panel("departures").locator("lt-chart").bounding_box()
    assert box is not None
    middle = box["y"] + box["height"] / 2
    visit.page.mouse.move(box["x"] + box["width"] * 0.4, middle)
    visit.page.mouse.down()
    visit.page.mouse.move(box["x"] + box["width"] * 0.6, middle, steps=4)
    visit.page.mouse.up()
    visit.settle()
    chosen = visit.choices()
    assert "2013-03-12" < chosen["from"][0] < chosen["to"][0] < "2013-03-23"
    assert chosen["from"][0].endswith(("T04:00:00Z", "T05:00:00Z"))
    visit.page.go_back()
    visit.settle()
    assert visit.choices()["from"] == ["2013-03-01"]


def test_table_can_be_put_away(visit: Visit) -> None:
    """The table beside a chart is there at first on a wide page, and goes when told to."""
    visit.go(MARCH)
    panel = visit.panel("departures")
    expect(panel.get_by_role("table")).to_be_visible()
    panel.get_by_role("button", name="Hide table").click()
    expect(panel.get_by_role("table")).to_have_count(0)
    button = panel.get_by_role("button", name="Show table")
    expect(button).to_have_attribute("aria-expanded", "false")


def test_narrow_page_shows_the_table_when_asked(visit: Visit) -> None:
    """On a telephone the table is behind its button, and nothing is wider than the screen."""
    visit.page.set_viewport_size({"width": 390, "height": 844})
    visit.go(f"{MARCH}&by=carrier")
    panel = visit.panel("departures")
    expect(panel.get_by_role("table")).to_have_count(0)
    panel.get_by_role("button", name="Show table").click()
    expect(panel.get_by_role("table")).to_be_visible()
    wide = visit.page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0


def test_every_bucket_is_there_on_the_day_clocks_change(visit: Visit) -> None:
    """10 March 2013 has 23 hours in New York, 3 November 25; both are shown whole."""
    for day, following, hours in [("03-10", "03-11", 23), ("11-03", "11-04", 25)]:
        visit.go(f"/metrics?from=2013-{day}&to=2013-{following}&interval=hour")
        expect(visit.panel("departures").locator("tbody tr")).to_have_count(hours)


def test_empty_buckets_are_zero_only_where_that_is_true(visit: Visit) -> None:
    """Where nothing departed the count is 0, and there is no mean delay."""
    visit.go("/metrics?from=2012-12-30&to=2013-01-03&interval=day")
    first = visit.panel("departures").locator("tbody tr").last
    expect(first.locator("td")).to_have_text("0")
    mean = visit.panel("mean_departure_delay").locator("tbody tr").last
    expect(mean.locator("td")).to_have_text(NOTHING)


def test_bucket_that_the_range_cuts_is_told(visit: Visit) -> None:
    """A week of which the range holds two days says so; a whole one and a running one do not."""
    visit.go("/metrics?from=2013-01-01&to=2014-01-01&interval=week")
    told = visit.panel("departures").locator(".readout-time")
    expect(told).to_have_text(re.compile(r"Week of 30 Dec 2013 UTC.05:00 · in part"))
    visit.cursor("departures").focus()
    visit.page.keyboard.press("ArrowLeft")
    expect(told).to_have_text(re.compile(r"Week of 23 Dec 2013 UTC.05:00\s*$"))
    visit.go("/metrics?range=last-hour")
    expect(told).to_have_text(re.compile(r"14:42 UTC.05:00 · so far"))


def test_old_rows_of_a_long_table_are_shown_when_asked(visit: Visit) -> None:
    """A long table begins with its newest hundred rows and grows on demand."""
    visit.go("/metrics?from=2013-01-01&to=2014-01-01&interval=day")
    rows = visit.panel("departures").locator("tbody tr")
    expect(rows).to_have_count(100)
    visit.panel("departures").get_by_role("button", name="older rows").click()
    expect(rows).to_have_count(365)


def test_colours_follow_the_theme(visit: Visit) -> None:
    """Dark colours are one click away, repaint the charts, and stay after a reload."""
    visit.go(MARCH)
    drawn = visit.picture("departures")
    visit.page.get_by_role("button", name="administrator").click()
    visit.page.get_by_role("button", name="Dark colours").click()
    expect(visit.page.locator("html")).to_have_attribute("data-theme", "dark")
    visit.page.wait_for_function(
        "before => document.querySelector('lt-panel canvas').toDataURL() !== before", arg=drawn
    )
    visit.page.reload()
    expect(visit.page.locator("html")).to_have_attribute("data-theme", "dark")


def test_a_panel_can_be_taken_along(visit: Visit) -> None:
    """CSV holds every number of the chart, PNG the picture, and a panel fills the screen."""
    visit.go("/metrics?from=2013-03-01&to=2013-03-08&interval=day&by=origin&tz=UTC")
    panel = visit.panel("departures")
    more = panel.get_by_role("button", name="More of")
    more.click()
    with visit.page.expect_download() as csv:
        visit.page.get_by_role("button", name="Download CSV").click()
    assert csv.value.suggested_filename == "Departures.csv"
    lines = csv.value.path().read_text().splitlines()
    assert lines[0].split(",")[:2] == ["time", "bucket"]
    assert len(lines) == 1 + 7
    told = visit.newest_row("departures")
    if not told.is_visible():
        panel.get_by_role("button", name="Show table").click()
    cells = [cell.inner_text() for cell in told.locator("td").all()]
    assert lines[-1].split(",")[2:] == cells
    more.click()
    with visit.page.expect_download() as png:
        visit.page.get_by_role("button", name="Download picture").click()
    assert png.value.path().read_bytes().startswith(b"\x89PNG")
    more.click()
    visit.page.get_by_role("button", name="Full screen").click()
    visit.page.wait_for_function("() => document.fullscreenElement?.matches('.panel')")
    visit.page.evaluate("() => document.exitFullscreen()")
