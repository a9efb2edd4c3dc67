"""Takes the pictures of the console that README and guides show.

In the flow: loads the departures of 2013 into a real server, drives Chromium, writes PNG files.
Guarantee: same code, same pictures: the data is a published file, the page's clock stands still.

By hand: ``python -m tests.e2e.console.pictures [FOLDER]``; takes about a minute.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
from playwright.sync_api import Browser, Page, sync_playwright

from examples.flights.departures import bodies
from livetally.clock import US_PER_S
from livetally.testing import Server
from tests.e2e.console.fake_server import NOW_US
from tests.e2e.console.looking import Sight
from tests.tidy.source_tree import ROOT

DEFINITIONS = ROOT / "examples/flights/livetally.toml"
SIZES = {1440: 900, 390: 844}
SCHEMES = ("light", "dark")
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
            _load(server)
            for page, name in _pages(browser, server, folder):
                _take_full(_signed_in(page, server), name)
        browser.close()


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

    def __call__(self, page: str) -> Path:
        return self._folder / f"{page}-{self._end}"


def _pages(browser: Browser, server: Server, folder: Path) -> Iterator[tuple[Page, _Namer]]:
    for scheme in SCHEMES:
        for width in SIZES:
            with _opened(browser, scheme, width) as page:
                yield page, _Namer(folder, width, scheme)


@contextmanager
def _opened(browser: Browser, scheme: str, width: int) -> Iterator[Page]:
    context = browser.new_context(
        viewport={"width": width, "height": SIZES[width]},
        color_scheme="dark" if scheme == "dark" else "light",
        reduced_motion="reduce",
        locale="en-US",
        timezone_id="America/New_York",
    )
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
