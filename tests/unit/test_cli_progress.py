"""The bar of an import: events, rate and time left, on a terminal only."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from livetally.cli import progress


def drawn(monkeypatch: pytest.MonkeyPatch, *, terminal: bool) -> str:
    """Return what a transfer of 1,000 bytes shows in the middle."""
    output = io.StringIO()
    screen = Console(file=output, force_terminal=terminal, width=120, color_system=None)
    monkeypatch.setattr(progress, "errors_console", lambda: screen)
    with progress.transfer("taps.csv", 1_000) as bar:
        for step in range(1, 6):
            bar.show(100 * step, 2_000 * step, step / 2)
    return output.getvalue()


def test_a_terminal_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """The file, the part that is done, the events, their rate, and a time."""
    shown = drawn(monkeypatch, terminal=True)
    assert "taps.csv" in shown
    assert "50%" in shown
    assert "10,000 events" in shown
    assert "4,000/s" in shown
    assert ":" in shown.rpartition("/s")[2]


def test_what_is_no_terminal_gets_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one byte."""
    assert drawn(monkeypatch, terminal=False) == ""
