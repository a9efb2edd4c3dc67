"""Bars that show how far a command has come: on a terminal only, on standard error.

In the flow: told by commands what is done, draws.
Guarantee: where standard error is no terminal, nothing is written at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from livetally.cli.output import errors_console

__all__ = ["Bar", "counted", "transfer"]

_T = TypeVar("_T")


class Bar:
    """The bar of a transfer: how many bytes are read, how many events are acknowledged."""

    def __init__(self, progress: Progress, title: str, bytes_total: int | None) -> None:
        """Begin; without ``bytes_total`` the bar only shows that something happens."""
        self._progress = progress
        self._task = progress.add_task(title, total=bytes_total, events=0, rate="")

    def show(self, bytes_read: int, events: int, seconds: float) -> None:
        """Show how far it is, after so many ``seconds``."""
        rate = f"{events / seconds:,.0f}/s" if seconds > 0 else ""
        self._progress.update(self._task, completed=bytes_read, events=f"{events:,}", rate=rate)


@contextmanager
def transfer(title: str, bytes_total: int | None) -> Iterator[Bar]:
    """Show a bar with events, rate and time left while the block runs."""
    screen = errors_console()
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[events]} events"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    hidden = not screen.is_terminal
    with Progress(*columns, console=screen, transient=True, disable=hidden) as progress:
        yield Bar(progress, title, bytes_total)


def counted(items: Sequence[_T], title: str) -> Iterator[_T]:
    """Yield the items while a bar counts them."""
    screen = errors_console()
    with Progress(console=screen, transient=True, disable=not screen.is_terminal) as progress:
        yield from progress.track(items, description=title)
