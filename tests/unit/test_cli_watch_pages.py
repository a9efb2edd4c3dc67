"""Pages that are watched on a terminal: what is drawn, and which rows stand out."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from livetally.cli.watch_pages import draw_pages
from livetally.client import PageUpdate


def user(key: str, revenue: int, events: int = 1) -> dict[str, Any]:
    """Return an entity as the server sends it."""
    return {"key": key, "fields": {"revenue": revenue}, "events": events, "last": "2026-01-01"}


def drawn(updates: list[PageUpdate], height: int = 20) -> str:
    """Return what a terminal of this height was sent."""
    screen = Console(
        file=io.StringIO(), force_terminal=True, width=80, height=height, legacy_windows=False
    )
    draw_pages(updates, "user", screen)
    assert isinstance(screen.file, io.StringIO)
    return screen.file.getvalue()


def test_rows_that_have_just_changed_are_bold() -> None:
    """Of the first answer none is, of an update those in it."""
    first = [user("ada", 5), user("bob", 3)]
    shown = drawn([PageUpdate("snapshot", first, 1, first)])
    assert "\x1b[1mada" not in shown
    assert "user · 2 rows · position 1" in shown
    second = [user("ada", 5), user("bob", 7, 2)]
    last = drawn([PageUpdate("update", second[1:], 2, second)])
    assert "\x1b[1mbob" in last
    assert "\x1b[1mada" not in last


def test_a_page_longer_than_the_screen_is_cut() -> None:
    """The line that tells how many there are stays in sight."""
    page = [user(f"user-{number:03}", number) for number in range(50)]
    shown = drawn([PageUpdate("snapshot", page, 9, page)], height=10)
    assert "user-006" in shown
    assert "user-007" not in shown
    assert "50 rows" in shown


def test_an_empty_page_says_so() -> None:
    """No rows are no failure."""
    assert "0 rows" in drawn([PageUpdate("snapshot", [], 4, [])])
