"""Signing in, by key and by link, and out again.

In the flow: drives the console in Chromium against the fake server.
Guarantee: the key is nowhere in the browser after it was sent.
"""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.e2e.console.fake_server import KEY, FakeServer
from tests.e2e.console.looking import Visit


def test_key_opens_the_dashboard(page: Page, server: FakeServer) -> None:
    """A person who types a good key sees the first dashboard, live."""
    page.goto(server.url)
    page.get_by_label("Key").fill(f"  {KEY} ")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    Visit(page, server.url, server).settle().expect_live()


def test_key_is_kept_nowhere(page: Page, server: FakeServer) -> None:
    """After signing in, the key is not in storage, nor in a cookie that scripts see, nor shown."""
    page.goto(server.url)
    page.get_by_label("Key").fill(KEY)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    seen = page.evaluate(
        "() => document.cookie + JSON.stringify({...localStorage, ...sessionStorage})"
        " + document.documentElement.outerHTML"
    )
    assert KEY not in seen
    assert "livetally_session" not in seen


def test_wrong_key_is_refused_in_words(page: Page, server: FakeServer) -> None:
    """A wrong key is answered with the server's own reason, and can be typed again."""
    page.goto(server.url)
    page.get_by_label("Key").fill("lt_wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("There is no such key")
    expect(page.get_by_role("button", name="Sign in")).to_be_enabled()


def test_empty_key_is_not_sent(page: Page, server: FakeServer) -> None:
    """Without a key the page says what to type, and asks the server nothing."""
    page.goto(server.url)
    sent: list[str] = []
    page.on("request", lambda request: sent.extend(re.findall("/v1/.*", request.url)))
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("begins with lt_")
    assert sent == []


def test_used_link_says_so(page: Page, server: FakeServer) -> None:
    """A one-time link that is no longer good leads to the sign-in page, which says why."""
    page.goto(f"{server.url}/signin?token=used-before")
    expect(page.get_by_role("alert")).to_contain_text("has been used")
    assert "link=used" not in page.url


def test_sign_out_ends_the_session(visit: Visit) -> None:
    """After signing out the sign-in page is there, and stays after a reload."""
    visit.settle()
    visit.page.get_by_role("button", name="administrator").click()
    visit.page.get_by_role("button", name="Sign out").click()
    expect(visit.page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert visit.server.signed_in == set()
    visit.page.reload()
    expect(visit.page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_session_that_ends_on_the_server_ends_here(visit: Visit) -> None:
    """When the server forgets the session, the page asks for a key instead of going stale."""
    visit.settle().expect_live()
    visit.server.signed_in.clear()
    visit.server.cut_streams()
    expect(visit.page.get_by_role("heading", name="Sign in")).to_be_visible()
