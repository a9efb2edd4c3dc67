"""The page that explores before a real server: ask anything, ask it elsewhere, keep it.

In the flow: drives Chromium at a service desk; runs the commands that the page offers.
Guarantee: what is not declared answers as it does once it is saved.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from time import monotonic

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.console.desk import Desk, running_desk
from tests.e2e.console.looking import Sight
from tests.e2e.console.test_console_accessibility import faults
from tests.waiting import until

DRAWN = "canvas => canvas.toDataURL()"
ASKED = "event=order.placed&aggregate=sum&value=total&by=channel&where=items:>2"


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """Serve a day at the service desk."""
    with running_desk() as started:
        started.fill()
        yield started


def test_what_is_explored_answers_the_same_once_it_is_saved(page: Page, desk: Desk) -> None:
    """An aggregate over an event type is charted, named, put on a dashboard, and then declared."""
    desk.sign_in(page)
    page.goto(f"{desk.url}/#/explore?{ASKED.replace('&by', '&range=all&interval=hour&tz=UTC&by')}")
    panel = page.locator("lt-panel")
    expect(panel).to_have_attribute("data-state", "ready")
    before = desk.ask("GET", f"/v1/explore?{ASKED}&interval=hour")["rows"]
    page.get_by_label("Name, as it is asked for").fill("large orders")
    page.get_by_label("Dashboard").select_option("desk")
    plan = page.locator("[data-kind=added]")
    expect(plan).to_contain_text("metric large_orders")
    assert faults(page) == []
    page.locator("[data-apply]").click()
    expect(page.locator("lt-panel[data-metric=large_orders]")).to_be_visible()
    assert "metric=large_orders" in page.url
    after = desk.ask("GET", "/v1/metrics/large_orders?by=channel&interval=hour")["rows"]
    assert after == before != []
    page.goto(f"{desk.url}/#/dashboards/desk/desk?range=all")
    expect(page.locator("lt-panel[data-metric=large_orders]")).to_be_visible()
    text = desk.ask("GET", "/v1/definitions/desk/versions")["versions"]
    assert [one["version"] for one in text] == [2, 1]


def test_what_is_explored_moves_as_events_arrive(page: Page, desk: Desk) -> None:
    """Also what nobody has declared: the chart and its table have an event within a second."""
    desk.sign_in(page)
    asked = "event=incident.opened&aggregate=unique&value=subject&range=all&interval=year&tz=UTC"
    page.goto(f"{desk.url}/#/explore?{asked}")
    panel = page.locator("lt-panel")
    expect(panel).to_have_attribute("data-state", "ready")
    expect(page.locator("lt-connection")).to_have_attribute("data-state", "live")
    if not panel.get_by_role("table").is_visible():
        panel.get_by_role("button", name="Show table").click()
    value = panel.locator("tbody tr td").first
    before, drawn = int(value.inner_text()), panel.locator("canvas").evaluate(DRAWN)
    data = {"text": "Door of lift 3 is stuck", "severity": "low", "team": "site"}
    event = {"type": "incident.opened", "subject": "INC-LIVE", "data": data}
    desk.send({**event, "time": "2026-11-19T19:00:00Z"})
    acknowledged = monotonic()
    expect(value).to_have_text(str(before + 1))
    assert monotonic() - acknowledged < 1.0
    until(lambda: panel.locator("canvas").evaluate(DRAWN) != drawn, "the chart to move")


def test_a_declared_metric_is_put_on_a_new_dashboard(page: Page, desk: Desk) -> None:
    """With its split and its filter; the page that it makes is there at once."""
    desk.sign_in(page)
    page.goto(f"{desk.url}/#/explore?metric=revenue&range=all&by=channel&where=items:>2")
    page.get_by_label("Dashboard").select_option("new")
    expect(page.locator("[data-kind=added]")).to_contain_text("dashboard explored")
    page.locator("[data-apply]").click()
    expect(page.locator("lt-plan [data-apply]")).to_have_count(0)
    page.get_by_role("link", name="Dashboards").click()
    page.get_by_role("link", name="Explored").click()
    panel = page.locator("lt-panel[data-metric=revenue]")
    expect(panel).to_have_attribute("data-state", "ready")
    expect(panel).to_contain_text("phone")
    (shown,) = desk.ask("GET", "/v1/definitions/desk")["dashboard"]["explored"]["panels"]
    assert (shown["by"], shown["where"]) == (["channel"], ["items:>2"])


def test_the_commands_ask_what_the_page_shows(page: Page, desk: Desk) -> None:
    """The curl line, run by a shell, gives the rows of the chart, quotes and all."""
    desk.send({"type": "order.placed", "data": {"total": 7, "channel": "web", "items": 1}})
    desk.sign_in(page)
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    where = "where=subject:%22it's%22,customer-01&by=channel"
    page.goto(f"{desk.url}/#/explore?metric=revenue&range=all&interval=day&tz=Europe/Oslo&{where}")
    Sight(page, desk.url).settle()
    line = page.locator("lt-command code").first.inner_text()
    ran = subprocess.run(
        ["/bin/sh", "-c", f"{line} --noproxy '*' -s"],
        env={"LIVETALLY_KEY": desk.server.key, "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(ran.stdout)
    assert told["interval"] == "day"
    assert told["tz"] == "Europe/Oslo"
    assert told["rows"]
    page.get_by_role("button", name="Python").click()
    code = page.locator("lt-command code").first
    expect(code).to_contain_text("""where=["subject:\\"it's\\",customer-01"]""")
    compile(code.inner_text(), "page", "exec")
    assert faults(page) == []
    assert not page.evaluate("() => document.documentElement.scrollWidth > innerWidth")


def test_what_can_not_be_asked_is_explained(page: Page, desk: Desk) -> None:
    """A filter that does not fit is refused where the chart would be; the page goes on."""
    desk.sign_in(page)
    page.goto(f"{desk.url}/#/explore?metric=revenue&range=all&where=items:many")
    expect(page.get_by_role("alert").first).to_contain_text("items")
    page.get_by_role("button", name="items many , remove").click()
    expect(page.locator("lt-panel")).to_have_attribute("data-state", "ready")
    page.goto(f"{desk.url}/#/explore?metric=gone")
    expect(page.get_by_role("alert")).to_contain_text("No metric is called “gone”")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("aggregate=sum", "event"),
        ("event=order.placed&aggregate=som&value=total", "aggregate"),
        ("event=order.placed&aggregate=sum", "value"),
        ("event=order.placed&aggregate=sum&value=channel", "value"),
        ("event=order.placed&aggregate=count&value=total", "value"),
        ("event=order.placed&event=other", "event"),
        (f"event={'x' * 201}", "event"),
        ("event=order.placed&interval=fortnight", "interval"),
    ],
)
def test_a_wrong_question_names_its_field(desk: Desk, query: str, field: str) -> None:
    """Every refusal of an undeclared question says which parameter is wrong."""
    reply = httpx2.get(
        f"{desk.url}/v1/explore?{query}",
        headers={"Authorization": f"Bearer {desk.server.key}"},
        trust_env=False,
    )
    assert (reply.status_code, reply.json().get("field", field)) == (400, field)


def test_what_never_happened_begins_by_itself(page: Page, desk: Desk) -> None:
    """The command that sends the first event of just this type, and then its chart."""
    desk.sign_in(page)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{desk.url}/#/explore?event=incident.reopened&range=all&interval=year&tz=UTC")
    command = page.locator("lt-first-event code").first
    expect(command).to_contain_text('{"type":"incident.reopened","data":{"status":"open",')
    assert faults(page) == []
    data = {"status": "open", "by": "ada"}
    desk.send({"type": "incident.reopened", "subject": "INC-103", "data": data})
    expect(page.locator("lt-panel")).to_have_attribute("data-state", "ready")
    expect(page.locator("lt-first-event")).to_have_count(0)
