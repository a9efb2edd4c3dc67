"""The pages of keys, teams and the audit log before a real server.

In the flow: drives Chromium as an operator does; checks with requests of its own.
Guarantee: a key's text is shown once; a revoked key is refused; another team's page shows its own.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest
from playwright.sync_api import Page, expect

from tests.e2e.console.desk import Desk, running_desk
from tests.e2e.console.test_console_accessibility import faults


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """Serve a day at the service desk."""
    with running_desk() as started:
        started.fill()
        yield started


def answers(desk: Desk, key: str) -> int:
    """Return the status that a key gets."""
    headers = {"Authorization": f"Bearer {key}"}
    return httpx2.get(f"{desk.url}/v1/metrics", headers=headers, trust_env=False).status_code


def test_a_key_is_made_shown_once_rotated_and_revoked(page: Page, desk: Desk) -> None:
    """The whole life of a key, with its scopes, its last use and what it may still ask."""
    desk.sign_in(page)
    page.goto(f"{desk.url}/#/keys")
    page.get_by_role("button", name="New key").click()
    expect(page.get_by_label("Name")).to_be_focused()
    page.keyboard.type("notebook")
    page.get_by_label("Ends").select_option("In 30 days")
    assert faults(page) == []
    page.get_by_role("button", name="Create key").click()
    secret = page.get_by_role("region", name="New key").locator("code")
    expect(secret).to_contain_text("lt_")
    text = secret.inner_text()
    assert answers(desk, text) == 200
    assert faults(page) == []
    page.get_by_role("button", name="I have stored it").click()
    expect(page.get_by_text(text)).to_have_count(0)
    row = page.locator("lt-key-list tbody tr").filter(has_text="notebook")
    expect(row).to_contain_text("19 Dec 2026")
    expect(row.locator("[data-column=scopes]")).to_have_text("read")
    expect(row.locator("[data-column=queries]")).to_have_text("100 of 100")
    row.get_by_role("button", name="Rotate").click()
    page.get_by_role("button", name="Rotate", exact=True).last.click()
    expect(secret).to_contain_text("lt_")
    newer = secret.inner_text()
    assert newer != text
    expect(row.first).to_be_visible()
    row.first.get_by_role("button", name="Revoke").click()
    expect(page.get_by_role("dialog")).to_contain_text("stops working at once")
    assert faults(page) == []
    page.keyboard.press("Escape")
    assert answers(desk, newer) == 200
    newest = newer.split("_")[1]
    page.locator(f"tr[data-key='{newest}']").get_by_role("button", name="Revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.locator(f"tr[data-key='{newest}']")).to_have_count(0)
    assert answers(desk, newer) == 401
    page.get_by_role("button", name="that ended").click()
    expect(page.locator(f"tr[data-key='{newest}']")).to_contain_text("revoked")


def test_an_operator_makes_a_team_and_acts_for_it(page: Page, desk: Desk) -> None:
    """Under another team's name are that team's numbers, live too; the address keeps the team."""
    desk.sign_in(page)
    page.goto(f"{desk.url}/#/keys/teams")
    page.get_by_label("Name of a new team").fill("blue")
    page.get_by_role("button", name="Create team").click()
    row = page.locator("tr[data-key=blue]")
    row.get_by_role("button", name="Settings").click()
    page.get_by_label("Queries an hour for each key").fill("7")
    page.get_by_role("button", name="Save").click()
    expect(row.locator("[data-column=queries]")).to_have_text("7")
    assert faults(page) == []
    row.get_by_role("button", name="Act for it").click()
    expect(page.get_by_text("This team has no key yet.")).to_be_visible()
    expect(page.locator("[data-menu]")).to_contain_text("for blue")
    assert "team=blue" in page.url
    toml = 'application = "b"\n[metric.hellos]\nevent = "hello"\naggregate = "count"\n'
    blue = {"X-Livetally-Team": "blue"}
    headers = {**blue, "Content-Type": "application/toml"}
    desk.ask("PUT", "/v1/definitions/b", content=toml.encode(), headers=headers)
    desk.ask("POST", "/v1/events", {"type": "hello"}, headers=blue)
    page.goto(f"{desk.url}/#/metrics?team=blue&range=all")
    tile = page.locator("lt-tile[data-metric=hellos] .tile-value")
    page.reload()
    expect(tile).to_have_text("1")
    expect(page.locator("lt-connection")).to_have_attribute("data-state", "live")
    desk.ask("POST", "/v1/events", {"type": "hello"}, headers=blue)
    expect(tile).to_have_text("2")
    expect(page.locator("lt-tile[data-metric=orders]")).to_have_count(0)
    page.locator("[data-menu]").click()
    page.get_by_label("Act for the team").select_option("default")
    expect(page.locator("[data-menu]")).not_to_contain_text("for blue")
    expect(page.locator("lt-tile[data-metric=orders]").first).to_be_visible()


def test_a_quota_that_is_used_up_is_told(page: Page, desk: Desk) -> None:
    """The key's row says so in words; who is refused reads why, and when it goes on."""
    desk.ask("POST", "/v1/teams", {"name": "poor"})
    desk.ask("PATCH", "/v1/teams/poor", {"queries_per_hour": 1})
    made = {"team": "poor", "name": "wall", "scopes": ["read"]}
    headers = {"Authorization": f"Bearer {desk.ask('POST', '/v1/keys', made)['key']}"}
    asked = [
        httpx2.get(f"{desk.url}/v1/explore?event={one}", headers=headers, trust_env=False)
        for one in ("a", "b")
    ]
    assert [one.status_code for one in asked] == [200, 429]
    desk.sign_in(page)
    page.goto(f"{desk.url}/#/keys?team=poor")
    row = page.locator("lt-key-list tbody tr").filter(has_text="wall")
    expect(row.locator("[data-column=queries]")).to_have_text("used up: 0 of 1")
    assert faults(page) == []
    refusal = asked[1]
    page.route(
        "**/v1/definitions",
        lambda route: route.fulfill(
            status=429, body=refusal.text, content_type=refusal.headers["content-type"]
        ),
    )
    page.goto(f"{desk.url}/?again#/")
    expect(page.get_by_role("heading", name="Quota used up")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_text(refusal.json()["detail"])
    page.unroute("**/v1/definitions")
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("navigation", name="Dashboards")).to_be_visible()


def test_the_audit_log_is_readable(page: Page, desk: Desk) -> None:
    """What was just done is at its top, on a phone too."""
    desk.ask("POST", "/v1/keys", {"name": "audited", "scopes": ["read"]})
    desk.sign_in(page)
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme="dark")
    page.goto(f"{desk.url}/#/keys/audit")
    expect(page.locator("lt-audit-log tbody tr").first).to_contain_text("key.create")
    assert faults(page) == []
    assert not page.evaluate("() => document.documentElement.scrollWidth > innerWidth")
