"""Takes the picture that each example's README shows.

In the flow: loads an example's history into a real server, drives Chromium, writes PNG files.
Guarantee: same code, same pictures: the history is made from a seed, the page's clock stands still.

By hand: ``python -m tests.e2e.console.pictures_examples [NAME...]``.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from random import Random

import httpx2
from playwright.sync_api import Page, sync_playwright

from livetally.cli.demo_examples import Shown, find_examples
from livetally.testing import Server
from tests.e2e.console.looking import Sight

NAMES = ("taps", "circular", "revenue", "incidents", "nobel")
NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
WIDTH, HEIGHT = 1440, 1000
_LIVE = 30


def main(names: list[str]) -> None:
    """Take the pictures of the named examples."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        for shown in find_examples(names):
            context = browser.new_context(
                viewport={"width": WIDTH, "height": HEIGHT},
                color_scheme="light",
                reduced_motion="reduce",
                locale="en-US",
                timezone_id="Europe/Oslo",
            )
            context.clock.set_fixed_time(NOW)
            _take(shown, context.new_page())
            context.close()
        browser.close()


def _take(shown: Shown, page: Page) -> None:
    with Server(definitions=[shown.definitions]) as server:
        for _, body in shown.example.history(0):
            _ask(server, "/v1/events", body).raise_for_status()
        live = shown.example.live(Random(1))
        for (_, make), second in zip(live, range(_LIVE), strict=False):
            now_us = int(NOW.timestamp() - _LIVE + second) * 1_000_000
            _ask(server, "/v1/events", make(now_us)).raise_for_status()
        page.goto(server.url + _ask(server, "/v1/session/link").json()["url"])
        Sight(page, server.url).go(f"/dashboards/{shown.name}/{shown.name}")
        page.screenshot(path=shown.definitions.with_name("console.png"), full_page=True)


def _ask(server: Server, path: str, body: bytes = b"") -> httpx2.Response:
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/x-ndjson"}
    return httpx2.post(
        server.url + path, content=body, headers=headers, trust_env=False, timeout=60
    )


if __name__ == "__main__":
    main(sys.argv[1:] or list(NAMES))
