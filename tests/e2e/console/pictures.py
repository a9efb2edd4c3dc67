"""Takes the pictures of the console that README and guides show.

In the flow: loads the departures of 2013 and a day at a service desk into real servers, drives
Chromium, writes PNG files.
Guarantee: same code, same pictures, but for the moments at which the server itself did something:
the data is published or made from a seed, the page's clock stands still.

By hand: ``python -m tests.e2e.console.pictures [FOLDER]``; takes about three minutes.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from playwright.sync_api import Browser, Page, sync_playwright

from examples.flights.departures import bodies
from livetally.clock import US_PER_S
from livetally.testing import Server
from tests.e2e.console.desk import Desk, running_desk
from tests.e2e.console.fake_server import NOW_US
from tests.e2e.console.looking import Sight
from tests.e2e.console.test_console_alerts import SHOP
from tests.nobel import SOURCE, nobel
from tests.tidy.source_tree import ROOT

DEFINITIONS = ROOT / "examples/flights/livetally.toml"
SIZES = {1440: 900, 390: 844}
SCHEMES = ("light", "dark")
_NARROW_PX = 720
_STILL = "() => !document.querySelector('main [data-stale=true], main [data-state=waiting]')"
_ADDED = """
[metric.phone_orders]
title = "Orders by phone"
event = "order.placed"
aggregate = "count"
where = ["channel:phone"]
"""
_NAMES = {"dashboards": "desk", "keys/teams": "teams", "keys/audit": "audit"}
_SOURCES = """
[source.weather]
title = "Weather at the harbour"
url = "URL/now"
every = "1 hour"
map.type = "'prize'"
map.data.category = "category"
map.data.year = { from = "awardYear", as = "integer" }
[source.archive]
title = "Archive of the desk before"
url = "URL/archive"
cron = "0 6 * * mon-fri"
tz = "Europe/Oslo"
start = false
map.type = "'prize'"
map.data.category = "category"
map.data.year = { from = "awardYear", as = "integer" }
"""
SUMMER = "/metrics?from=2013-06-03&to=2013-09-02"
# The port that people use, because the empty page shows it.
PORT = 8080


def main(folder: Path) -> None:
    """Take every picture, in both schemes and sizes."""
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        with Server(definitions=[DEFINITIONS], port=PORT) as server:
            for page, name in _pages(browser, server, folder):
                page.goto(server.url)
                page.get_by_label("Key").wait_for()
                page.screenshot(path=f"{name('sign-in')}")
                _signed_in(page, server).settle()
                page.screenshot(path=f"{name('empty')}")
                _take_empty(page, server, name)
            _load(server)
            for page, name in _pages(browser, server, folder):
                _take_full(_signed_in(page, server), name)
        with nobel() as api, running_desk(PORT, SOURCES_ALLOW_PRIVATE="true") as desk:
            api.instead = lambda path, _: (503, {}, b"") if "now" in path else None
            desk.fill()
            desk.apply("nobel", (SOURCE + _SOURCES).replace("URL", api.url))
            for team in ("blue", "red"):
                desk.ask("POST", "/v1/teams", {"name": team})
            desk.apply("bazaar", SHOP)
            desk.send(*({"type": "refund", "data": {"shop": "north"}} for _ in range(4)))
            _used_up(desk)
            for page, name in _pages(browser, desk.server, folder):
                _take_desk(page, desk, name)
            for page, name in _pages(browser, desk.server, folder, now=True):
                _take_sources(page, desk, name)
        browser.close()


def _take_empty(page: Page, server: Server, name: _Namer) -> None:
    """Take every other page while nothing has happened, and what a lost server looks like."""
    for place in ("explore", "events", "entities", "sources", "alerts", "definitions/new"):
        page.goto(f"{server.url}/#/{place}")
        page.locator("lt-command, textarea, main .first").first.wait_for()
        page.wait_for_function(_STILL)
        page.screenshot(path=name(f"{place.partition('/')[0]}-empty"))


def _used_up(desk: Desk) -> None:
    """Leave a key without queries, and one that was revoked."""
    desk.ask("PATCH", "/v1/teams/blue", {"queries_per_hour": 3})
    for called in ("wallboard", "notebook"):
        made = desk.ask("POST", "/v1/keys", {"team": "blue", "name": called, "scopes": ["read"]})
        headers = {"Authorization": f"Bearer {made['key']}"}
        for number in range(4 if called == "wallboard" else 1):
            # Another question each time: what is answered already is not charged.
            query = f"event=x&limit={number + 1}"
            httpx2.get(f"{desk.url}/v1/explore?{query}", headers=headers, trust_env=False)


def _take_desk(page: Page, desk: Desk, name: _Namer) -> None:
    """Take the pages of the service desk; on a wide screen with something open beside the list."""
    desk.sign_in(page)
    wide = name.is_wide
    for place, opened, ready in (
        ("events", "?type=incident.opened", "lt-grid tbody tr"),
        ("entities", "incident/INC-102" if wide else "incident", "lt-grid tbody tr"),
        (
            "explore",
            "?event=order.placed&aggregate=sum&value=total&by=channel&range=all&interval=hour",
            "canvas",
        ),
        ("dashboards", "desk/desk", "lt-grid tbody tr"),
        ("keys", "?team=blue", "lt-grid tbody tr"),
        ("keys/teams", "", "lt-grid tbody tr"),
        ("keys/audit", "", "lt-grid tbody tr"),
        ("definitions", "desk", "textarea"),
    ):
        joint = "" if opened.startswith("?") else "/"
        page.goto(f"{desk.url}/#/{place}{joint}{opened}")
        page.locator(ready).first.wait_for()
        if place == "events" and wide:
            page.locator(".grid-open").nth(2).click()
            page.locator(".counted").wait_for()
        if place == "definitions":
            text = page.locator("textarea")
            text.fill(text.input_value() + _ADDED)
            page.locator("[data-apply]").wait_for()
        if place in ("events", "entities"):
            page.locator("lt-connection[data-state=live]").wait_for()
        page.wait_for_function(_STILL)
        page.screenshot(path=name(_NAMES.get(place, place)), full_page=place == "dashboards")
    _take_states(page, desk, name)
    _take_health(page, desk, name)


def _take_sources(page: Page, desk: Desk, name: _Namer) -> None:
    """Take sources and alerts, which are of today; on a wide screen with one open that fails."""
    desk.sign_in(page)
    page.goto(f"{desk.url}/#/sources{'/weather' if name.is_wide else ''}")
    page.locator("lt-grid tbody tr").first.wait_for()
    page.screenshot(path=name("sources"))
    page.goto(f"{desk.url}/#/alerts{'/many_refunds' if name.is_wide else ''}")
    page.locator("[data-alert-state=firing]").first.wait_for()
    page.screenshot(path=name("alerts"))


def _take_states(page: Page, desk: Desk, name: _Namer) -> None:
    """Take a new key's form, and a page whose server is away."""
    page.goto(f"{desk.url}/#/keys")
    page.get_by_role("button", name="New key").click()
    page.get_by_label("Name").fill("wall display")
    page.screenshot(path=name("key-form"))
    page.route("**/v1/**", lambda route: route.abort())
    page.goto(f"{desk.url}/?again#/sources")
    page.get_by_text("can\u2019t be reached").wait_for()
    page.screenshot(path=name("unreachable"))
    page.unroute("**/v1/**")


def _take_health(page: Page, desk: Desk, name: _Namer) -> None:
    """Take the server's health while events come in and questions are asked."""
    done = threading.Event()

    def work() -> None:
        while not done.wait(0.05):
            desk.send({"type": "ping", "data": {}})
            desk.ask("GET", "/v1/metrics/orders?interval=hour")

    worker = threading.Thread(target=work)
    worker.start()
    page.goto(f"{desk.url}/#/health")
    page.wait_for_function(
        "() => (document.querySelector('lt-health')?.samples.length ?? 0) >= 4", timeout=60_000
    )
    page.screenshot(path=name("health"))
    done.set()
    worker.join()


def _take_full(visit: Sight, name: _Namer) -> None:
    """Take the pages that show departures."""
    page = visit.page
    visit.go("/dashboards/flights/departures")
    page.screenshot(path=name("dashboard"), full_page=True)
    visit.go(f"{SUMMER}&by=carrier&interval=week")
    cursor = visit.cursor("departures")
    cursor.focus()
    for key in ["Home", *["ArrowRight"] * 3]:
        page.keyboard.press(key)
    page.screenshot(path=name("split"))
    visit.go(f"{SUMMER}&where=origin:JFK")
    visit.panel("departures").get_by_role("button", name="table").scroll_into_view_if_needed()
    page.get_by_role("button", name="Range").click()
    page.screenshot(path=name("range"))


class _Namer:
    """Names a picture after its page, its width and its scheme."""

    def __init__(self, folder: Path, width: int, scheme: str) -> None:
        self._folder, self._end = folder, f"{width}-{scheme}.png"
        self.is_wide = width > _NARROW_PX

    def __call__(self, page: str) -> Path:
        return self._folder / f"{page}-{self._end}"


def _pages(
    browser: Browser, server: Server, folder: Path, *, now: bool = False
) -> Iterator[tuple[Page, _Namer]]:
    for scheme in SCHEMES:
        for width in SIZES:
            with _opened(browser, scheme, width, now=now) as page:
                yield page, _Namer(folder, width, scheme)


@contextmanager
def _opened(browser: Browser, scheme: str, width: int, *, now: bool) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": width, "height": SIZES[width]},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        locale="en-US",
        timezone_id="America/New_York",
    )
    if not now:
        context.clock.set_fixed_time(NOW_US / US_PER_S)
    yield context.new_page()
    context.close()


def _signed_in(page: Page, server: Server) -> Sight:
    page.goto(server.url + _ask(server, "/v1/session/link").json()["url"])
    return Sight(page, server.url)


def _load(server: Server) -> None:
    for _, body in bodies():
        _ask(server, "/v1/events", body).raise_for_status()


def _ask(server: Server, path: str, body: bytes = b"") -> httpx2.Response:
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/x-ndjson"}
    return httpx2.post(
        server.url + path, content=body, headers=headers, trust_env=False, timeout=60
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs/images")
