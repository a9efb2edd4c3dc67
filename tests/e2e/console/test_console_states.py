"""What the page says when there is nothing to show, or something went wrong.

In the flow: drives the console in Chromium against a server that lacks or refuses something.
Guarantee: no state is a blank page or a spinner; each says what to do next.
"""

from __future__ import annotations

from playwright.sync_api import Page, Route, expect

from tests.e2e.console.conftest import signed_in
from tests.e2e.console.fake_server import FakeServer
from tests.e2e.console.looking import Visit


def test_range_without_events_offers_all(visit: Visit) -> None:
    """A range in which nothing happened says so, and leads to one in which something did."""
    visit.go("/metrics?from=2014-02-01&to=2014-03-01")
    panel = visit.panel("departures")
    expect(panel).to_contain_text("Nothing in this range.")
    panel.get_by_role("button", name="Show all").click()
    visit.settle()
    assert visit.choices() == {"range": ["all"]}
    expect(panel).to_have_attribute("data-state", "ready")


def test_server_without_metrics_says_how_to_define_one(
    page: Page, undefined_server: FakeServer
) -> None:
    """Without a definition there is nothing to show but the command that applies one."""
    signed_in(page, undefined_server)
    expect(page.get_by_role("heading", name="No metrics yet")).to_be_visible()
    expect(page.locator("lt-command")).to_contain_text("livetally apply")


def test_refused_question_says_why_in_its_place(visit: Visit) -> None:
    """A question that the server refuses shows the reason in its panel; the others go on."""

    def rename(route: Route) -> None:
        route.continue_(url=route.request.url.replace("mean_departure_delay", "mean_delay"))

    visit.page.route("**/v1/live?*", rename)
    visit.go("/metrics?range=last-hour")
    alert = visit.panel("mean_departure_delay").get_by_role("alert")
    expect(alert).to_contain_text("no metric is called 'mean_delay'")
    expect(visit.panel("departures")).to_have_attribute("data-state", "ready")


def test_page_that_does_not_exist_leads_back(visit: Visit) -> None:
    """A link to a dashboard that is gone says so and offers the first one."""
    visit.page.goto(f"{visit.server.url}/#/dashboards/flights/gone")
    expect(visit.page.get_by_role("heading", name="There is no such page")).to_be_visible()
    visit.page.get_by_role("button", name="Go to the first dashboard").click()
    expect(visit.page.get_by_role("heading", name="Overview")).to_be_visible()


def test_server_that_fails_can_be_asked_again(visit: Visit) -> None:
    """When the definitions can't be read, the reason is shown with a way to try again."""
    fail = True

    def refuse(route: Route) -> None:
        body = '{"title": "Store failed", "detail": "The disk is full."}'
        if fail:
            route.fulfill(status=503, body=body, content_type="application/problem+json")
        else:
            route.continue_()

    visit.page.route("**/v1/definitions", refuse)
    visit.page.reload()
    expect(visit.page.get_by_role("alert")).to_have_text("The disk is full.")
    fail = False
    visit.page.get_by_role("button", name="Try again").click()
    visit.settle()
    expect(visit.page.get_by_role("heading", name="Overview")).to_be_visible()


def test_connection_is_told_in_words(visit: Visit) -> None:
    """A page whose stream is refused says that it is not live, not by colour alone."""
    visit.settle().expect_live()
    visit.server.refuse_streams = True
    visit.server.cut_streams()
    state = visit.page.locator("lt-connection").get_by_role("status")
    expect(state).to_have_text("Offline", timeout=20_000)
    visit.server.refuse_streams = False
    expect(state).to_have_text("Live", timeout=20_000)


def test_exact_digits_survive(visit: Visit) -> None:
    """A sum with more digits than a double holds is shown with every one of them."""
    exact = "90071992547409931234.123456789"

    def answer(route: Route) -> None:
        frame = f'{{"q":%d,"position":1,"rows":[{{"value":{exact}}}]}}'
        events = "".join(f"event: snapshot\ndata: {frame % number}\n\n" for number in range(40))
        route.fulfill(body=events, content_type="text/event-stream")

    visit.page.route("**/v1/live?*", answer)
    visit.page.goto(f"{visit.server.url}/#/metrics?range=all")
    expect(visit.tile("distance")).to_have_text("90,071,992,547,409,931,234.123456789")
