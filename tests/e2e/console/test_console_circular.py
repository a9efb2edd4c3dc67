"""The example of items that change hands, by button: made and transferred in Chromium.

In the flow: a real server with the definitions of ``examples/circular``; one event sent beside it.
Guarantee: what was pressed is an event, counted, and in the table, without a reload.
"""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.console.desk import Desk, desk_of
from tests.e2e.console.test_console_accessibility import faults
from tests.tidy.source_tree import ROOT

DEFINITION = ROOT / "examples/circular/livetally.toml"
BASE = "0b9f7f5c-7a57-4f0e-8d0a-5a8f2b0c9a11"
FIRST = "7b1c2f9e-52a4-4c6e-9a43-0d1f4f1f3a55"
OWNER = "5d3c4f8e-1a52-49a7-9a43-0d1f4f1f3a77"


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    """Serve the example, with one item."""
    with desk_of() as started:
        started.apply("circular", DEFINITION.read_text())
        first = {"item": FIRST, "base_item": BASE, "kind": "lamp"}
        started.send({"type": "item_created", "data": first})
        yield started


def test_an_item_is_made_and_transferred_by_button(page: Page, desk: Desk) -> None:
    """Its key is proposed, what others have is offered, by keyboard too."""
    desk.sign_in(page)
    page.goto(f"{desk.url}/#/dashboards/circular/circular?tz=UTC")
    table = page.locator("lt-entity-table")
    table.get_by_role("button", name="New item").click()
    expect(table.get_by_label("Kind")).to_be_focused()
    assert faults(page) == []
    page.keyboard.type("bicycle")
    table.get_by_label("Base item").fill(BASE)
    key = table.get_by_label("Key").input_value()
    assert UUID(key).version == 4
    page.keyboard.press("Enter")
    row = page.locator(f"tr[data-key='{key}']")
    expect(row.locator("[data-column=kind]")).to_have_text("bicycle")
    row.get_by_role("button", name="Transfer").click()
    row.get_by_label("Owner").fill(OWNER)
    page.keyboard.press("Enter")
    expect(row.locator("[data-column=owner]")).to_have_text(OWNER)
    expect(row.locator("[data-column=transfers]")).to_have_text("1")
    state = desk.ask("GET", f"/v1/entities/item/{key}")
    assert state["actions"] == ["transfer"], "what is there can't be made again"
    made = state["fields"]
    assert (made["owner"], made["base_item"], made["transfers"]) == (OWNER, BASE, 1)
    for metric, counted in (("items_created", 2), ("transfers", 1)):
        (answer,) = desk.ask("GET", f"/v1/metrics/{metric}")["rows"]
        assert answer["value"] == counted
    table.get_by_role("button", name="New item").click()
    offered = table.locator("datalist option")
    assert {one.get_attribute("value") for one in offered.all()} >= {"bicycle", "lamp", BASE}


def test_what_is_refused_is_said_above_the_list(page: Page, desk: Desk) -> None:
    """A key that is taken, and a base item that is no UUID; nothing is stored."""
    before = desk.ask("GET", "/v1/metrics/items_created")["rows"][0]["value"]
    desk.sign_in(page)
    page.goto(f"{desk.url}/#/dashboards/circular/circular?tz=UTC")
    table = page.locator("lt-entity-table")
    for key, base, words in (
        (FIRST, BASE, f"'{FIRST}' is there already"),
        ("7b1c2f9e-52a4-4c6e-9a43-0d1f4f1f3a56", "a lamp", "base_item: invalid UUID"),
    ):
        table.get_by_role("button", name="New item").click()
        table.get_by_label("Kind").fill("lamp")
        table.get_by_label("Base item").fill(base)
        table.get_by_label("Key").fill(key)
        page.keyboard.press("Enter")
        expect(table.locator(".list-actions").get_by_role("alert")).to_contain_text(words)
    assert desk.ask("GET", "/v1/metrics/items_created")["rows"][0]["value"] == before


def test_the_first_item_of_all_is_made_by_button(page: Page) -> None:
    """An empty page offers the command that sends an event, and the button that needs none."""
    with desk_of() as empty:
        empty.apply("circular", DEFINITION.read_text())
        empty.sign_in(page)
        page.goto(f"{empty.url}/#/dashboards/circular/circular?tz=UTC")
        expect(page.get_by_role("heading", name="No events yet")).to_be_visible()
        page.get_by_role("button", name="New item").click()
        assert faults(page) == []
        page.keyboard.type("lamp")
        page.get_by_label("Base item").fill(BASE)
        page.keyboard.press("Enter")
        expect(page.locator("lt-tile[data-metric=items_created]")).to_contain_text("1")
        expect(page.locator("tr[data-key] [data-column=kind]")).to_have_text("lamp")
        expect(page.get_by_role("heading", name="No events yet")).to_have_count(0)
