"""A browser, a server to look at, and a page that notices whatever should not happen on it.

In the flow: hands fixtures to the tests of the console.
Guarantee: a test fails when its page wrote an error, broke the content security policy or asked any
other host for anything, whatever else the test looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from livetally.clock import US_PER_S
from tests.e2e.console.fake_server import LINK_TOKEN, NOW_US, FakeServer
from tests.e2e.console.looking import Visit

WIDTH_PX = 1440
HEIGHT_PX = 900


@pytest.fixture(scope="module")
def browser(program: Callable[..., str]) -> Iterator[Browser]:
    """Start Chromium, for one module.

    Playwright keeps an event loop running in this thread until it is left: held for longer, every
    asynchronous test that follows in the same process would find it there and fail.
    """
    path = program("chromium", "chromium-browser", "google-chrome")
    with sync_playwright() as playwright:
        # The sandbox can't be set up as root, which is who containers run tests as.
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def server() -> Iterator[FakeServer]:
    """Serve a year of departures and those of the last day."""
    started = FakeServer().start()
    yield started
    started.stop()


@pytest.fixture
def empty_server() -> Iterator[FakeServer]:
    """Serve definitions, and no event."""
    started = FakeServer(empty=True).start()
    yield started
    started.stop()


@pytest.fixture
def undefined_server() -> Iterator[FakeServer]:
    """Serve neither definitions nor events."""
    started = FakeServer(empty=True, defined=False).start()
    yield started
    started.stop()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Open a page in New York; fail afterwards when anything went wrong on it."""
    context = browser.new_context(
        viewport={"width": WIDTH_PX, "height": HEIGHT_PX},
        locale="en-US",
        timezone_id="America/New_York",
    )
    context.clock.set_fixed_time(NOW_US / US_PER_S)
    opened = context.new_page()
    faults: list[str] = []
    opened.on("console", lambda message: faults.extend(_fault_of(message)))
    opened.on("pageerror", lambda error: faults.append(f"uncaught: {error}"))
    opened.on("request", lambda request: faults.extend(_foreign(request)))
    yield opened
    context.close()
    assert faults == []


@pytest.fixture
def visit(page: Page, server: FakeServer) -> Visit:
    """Sign in by the one-time link."""
    return signed_in(page, server)


def signed_in(page: Page, server: FakeServer) -> Visit:
    """Follow the one-time link of ``server``."""
    page.goto(f"{server.url}/signin?token={LINK_TOKEN}")
    return Visit(page, server.url, server)


def _fault_of(message: ConsoleMessage) -> list[str]:
    """Return an error that a page wrote; that a request was refused is the test's own doing."""
    refused = message.text.startswith("Failed to load resource")
    return [message.text] if message.type in ("error", "warning") and not refused else []


def _foreign(request: Request) -> list[str]:
    """Return the address of a request that leaves this machine."""
    ours = request.url.startswith(("http://127.0.0.1:", "data:", "blob:"))
    return [] if ours else [f"left the origin: {request.url}"]
