"""Numbers, tables and charts that move as events arrive, and what the page says when they can't.

In the flow: drives the console in Chromium while the fake server gets events and breaks streams.
Guarantee: after any break the page shows what a fresh page would.
"""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.e2e.console.conftest import signed_in
from tests.e2e.console.fake_server import FakeServer
from tests.e2e.console.looking import Visit
from tests.waiting import until


def count_of(visit: Visit) -> int:
    """Read the number of departures on its tile."""
    return int((visit.tile("departures").text_content() or "").replace(",", ""))


def emit_and_wait(server: FakeServer) -> None:
    """Add one departure and wait until the stream has been told, so that each is an update."""
    told = server.updates_told
    server.emit()
    until(lambda: server.updates_told > told, "an update to be told")


def test_event_moves_tile_table_and_chart(visit: Visit) -> None:
    """One more departure is on the tile, in the table and in the drawing, without a reload."""
    visit.go("/metrics?range=last-hour")
    before, drawn = count_of(visit), visit.picture("departures")
    newest = visit.newest_row("departures").locator("td")
    shown = int(newest.inner_text())
    visit.server.emit(7)
    expect(visit.tile("departures")).to_have_text(f"{before + 7:,}")
    expect(newest).to_have_text(str(shown + 7))
    assert visit.picture("departures") != drawn


def test_position_is_told(visit: Visit) -> None:
    """The page says at which position of the log it is, and moves on with it."""
    visit.go("/metrics?range=last-hour")
    position = visit.server.emit()
    connection = visit.page.locator("lt-connection")
    expect(connection).to_have_attribute("data-position", str(position))
    expect(connection).to_contain_text(f"position {position:,}")


def test_one_stream_carries_every_question(visit: Visit) -> None:
    """However many panels a page has, its tab holds one stream."""
    visit.go("/metrics?range=last-hour&by=carrier")
    assert len(visit.server.streams) == 1
    assert visit.server.opened_streams[-1].count("q=") > 10


def test_changed_number_lights_up_and_others_do_not(visit: Visit) -> None:
    """What changed is animated once; a tile whose number stayed is not touched."""
    visit.go("/metrics?range=last-hour")
    before = count_of(visit)
    visit.server.emit(1, delay=12.0, distance=0)
    expect(visit.tile("departures")).to_have_text(f"{before + 1:,}")
    lit = "element => element.getAnimations().length"
    assert visit.tile("departures").evaluate(lit) == 1
    assert visit.tile("cancellations").evaluate(lit) == 0


def test_nothing_moves_for_readers_who_asked_for_none(visit: Visit) -> None:
    """With reduced motion a changed number changes, and nothing is animated."""
    visit.page.emulate_media(reduced_motion="reduce")
    visit.go("/metrics?range=last-hour")
    before = count_of(visit)
    visit.server.emit()
    expect(visit.tile("departures")).to_have_text(f"{before + 1:,}")
    assert visit.page.evaluate("() => document.getAnimations().length") == 0


def test_broken_stream_resumes_with_what_was_missed(visit: Visit) -> None:
    """After a break the page catches up, and the server sends changes only, no snapshot."""
    visit.go("/metrics?range=last-hour").expect_live()
    before, position = count_of(visit), len(visit.server.events)
    visit.server.refuse_streams = True
    visit.server.cut_streams()
    # The browser's own attempt is refused, which ends its attempts: now the page has to try.
    until(lambda: visit.server.refused_streams, "an attempt to be refused")
    expect(visit.page.locator("lt-connection")).not_to_have_attribute("data-state", "live")
    visit.server.emit(3)
    visit.server.refuse_streams = False
    expect(visit.tile("departures")).to_have_text(f"{before + 3:,}", timeout=20_000)
    visit.expect_live()
    assert visit.server.resumed_from[-1] == f"e1.{position}"


def test_new_epoch_starts_from_a_snapshot(visit: Visit) -> None:
    """When the server has another history than the page, the page takes the server's."""
    visit.go("/metrics?range=last-hour").expect_live()
    visit.server.epoch = "e2"
    del visit.server.events[-500:]
    visit.server.cut_streams()
    expect(visit.tile("departures")).to_have_text("0")
    expect(visit.panel("departures")).to_have_attribute("data-state", "empty")


def test_first_event_appears_by_itself(page: Page, empty_server: FakeServer) -> None:
    """An empty server shows the command that sends an event, and the charts once one is there."""
    visit = signed_in(page, empty_server).settle()
    expect(page.get_by_role("heading", name="No events yet")).to_be_visible()
    command = page.locator("lt-command code")
    expect(command).to_contain_text(f"curl {empty_server.url}/v1/events")
    expect(command).to_contain_text('{"type":"departure","data":{"carrier":"example",')
    empty_server.emit(2)
    expect(visit.tile("departures")).to_have_text("2")
    expect(visit.panel("departures")).to_have_attribute("data-state", "ready")


def test_updates_are_drawn_at_most_four_times_a_second(page: Page, server: FakeServer) -> None:
    """However fast commits come, the page draws four times a second, and loses none of them."""
    server.dashboards = {"one": {"panels": [{"kind": "number", "metric": ["departures"]}]}}
    visit = signed_in(page, server).settle()
    before = count_of(visit)
    page.evaluate(
        """() => {
          const value = document.querySelector('lt-tile .tile-value');
          globalThis.drawings = 0;
          new MutationObserver(() => { globalThis.drawings += 1; })
            .observe(value, { characterData: true, subtree: true, childList: true });
          globalThis.began = performance.now();
        }"""
    )
    for _ in range(100):
        emit_and_wait(server)
    expect(visit.tile("departures")).to_have_text(f"{before + 100:,}")
    drawings, lasted_ms = page.evaluate(
        "() => [globalThis.drawings, performance.now() - globalThis.began]"
    )
    assert 1 <= drawings <= lasted_ms / 250 + 2
