"""Bars that show how far a command has come: on a terminal only, on standard error.

In the flow: told by commands what is done, draws.
Guarantee: where standard error is no terminal, nothing is written at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

from livetally.cli.output import errors_console

__all__ = ["Bar", "running", "stages", "steps", "transfer"]

_TITLE_CHARS_MAX = 24


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
    """Show a bar with events, rate and time left while the block runs.

    Of a long title the end is shown: it is the file's own name, and the figures need the room.
    """
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
        yield Bar(progress, _ending(title), bytes_total)


def _ending(title: str) -> str:
    return title if len(title) <= _TITLE_CHARS_MAX else f"…{title[1 - _TITLE_CHARS_MAX :]}"


@contextmanager
def steps(title: str) -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for work in named parts: call with the part, what is done of it, and its total."""
    screen = errors_console()
    hidden = not screen.is_terminal
    with Progress(console=screen, transient=True, disable=hidden) as progress:
        task = progress.add_task(title, total=None)

        def show(part: str, done: int, total: int) -> None:
            progress.update(task, description=f"{title} {part}", completed=done, total=total)

        yield show


@contextmanager
def stages() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for one stage after the other, with rate and time left.

    Call it with the stage, what is done of it, and its total; a new stage begins a new bar.
    """
    screen = errors_console()
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.completed:,.0f} of {task.total:,.0f}"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    hidden = not screen.is_terminal
    with Progress(*columns, console=screen, transient=True, disable=hidden) as progress:
        tasks: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                for other in tasks.values():
                    progress.update(other, visible=False)
                tasks[stage] = progress.add_task(stage, total=total, rate="")
            task = tasks[stage]
            seconds = progress.tasks[list(tasks).index(stage)].elapsed
            rate = f"{done / seconds:,.0f}/s" if seconds else ""
            progress.update(task, completed=done, total=total, rate=rate)

        yield show


@contextmanager
def running(
    title: str, start_us: int, end_us: int | None
) -> Iterator[Callable[[int, int, float], None]]:
    """Show how far a run through time is: call with the instant, the events, and the seconds."""
    screen = errors_console()
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[events]} events"),
        TextColumn("{task.fields[rate]}"),
    )
    hidden = not screen.is_terminal
    with Progress(*columns, console=screen, transient=True, disable=hidden) as progress:
        total = None if end_us is None else end_us - start_us
        task = progress.add_task(title, total=total, events=0, rate="")

        def show(reached_us: int, events: int, seconds: float) -> None:
            rate = f"{events / seconds:,.0f}/s" if seconds > 0 else ""
            done = reached_us - start_us
            progress.update(task, completed=done, events=f"{events:,}", rate=rate)

        yield show
