"""``livetally watch``: a metric as it changes, drawn again with every change.

In the flow: receives a question from the command line, follows it through ``client``.
Guarantee: what is shown is the whole present answer, also after a lost connection; without a
terminal each changed row is a line.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, validators

from livetally.cli.asking import WHOLE, Range, asked
from livetally.cli.codes import DONE
from livetally.cli.connection import LOCAL, Connection

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console, RenderableType

    from livetally.client import Update

__all__ = ["watch"]

_TABLE_ROWS = 8
_REFRESHES_PER_S = 8


def watch(
    metric: str,
    /,
    *,
    within: Range = WHOLE,
    updates: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
    json: bool = False,
    connection: Connection = LOCAL,
) -> int:
    """Show a metric live, until Ctrl-C.

    Args:
        metric: Name of the metric.
        within: Which part of it, and how it is divided.
        updates: End after so many updates, the first answer among them.
        json: Print each update as a line of JSON.
        connection: How to reach the server.

    Raises:
        LivetallyError: the question can't be answered, or the key is no longer good.
    """
    from rich.console import Console

    screen = Console()
    with connection.open() as client:
        stream = islice(client.watch(metric, **asked(within)), updates)
        try:
            if json:
                _print_json(stream)
            elif screen.is_terminal:
                _draw(stream, screen)
            else:
                _print_lines(stream)
        except KeyboardInterrupt:
            # The only way to end it is no failure.
            return DONE
    return DONE


def _print_json(updates: Iterable[Update]) -> None:
    from livetally.cli.output import print_json

    for update in updates:
        print_json({"event": update.kind, "position": update.position, "rows": update.rows})


def _print_lines(updates: Iterable[Update]) -> None:
    from livetally.cli.output import shown

    for update in updates:
        for row in update.rows:
            print("\t".join(shown(value) for value in row.values()), flush=True)


def _draw(updates: Iterable[Update], screen: Console) -> None:
    from rich.live import Live

    with Live(console=screen, auto_refresh=False, vertical_overflow="crop") as live:
        for update in updates:
            live.update(_picture(update, screen), refresh=True)


def _picture(update: Update, screen: Console) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from livetally.cli.chart import chart, moment
    from livetally.cli.output import table

    answer = update.answer
    parts: list[RenderableType] = []
    if answer.interval:
        height = max(6, screen.height - _TABLE_ROWS - 4)
        drawn = chart(answer, screen.width, height, colours=not screen.no_color)
        parts.append(Text.from_ansi(drawn))
    newest = answer.rows[-_TABLE_ROWS:]
    if newest:
        names = list(newest[0])
        cells = [
            [moment(row[n], answer.interval) if n == "time" else row[n] for n in names]
            for row in newest
        ]
        parts.append(table(names, cells))
    parts.append(
        Text(f"{answer.metric} · {answer.tz} · position {update.position:,} · Ctrl-C ends")
    )
    return Group(*parts)
