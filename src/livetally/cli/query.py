"""``livetally query``: one answer, as a table and, with an interval, a plot.

In the flow: receives a question from the command line, prints what the server answers.
Guarantee: ``--json`` and ``--csv`` are the server's own bytes.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from livetally.cli.asking import WHOLE, Range, asked
from livetally.cli.codes import DONE, WrongUsage
from livetally.cli.connection import LOCAL, Connection
from livetally.cli.inputs import Name

if TYPE_CHECKING:
    from livetally.client import Answer

__all__ = ["query"]

_PLOT_LINES_MAX = 20


def query(
    metric: Name,
    /,
    *,
    within: Range = WHOLE,
    order: Annotated[str | None, Parameter(allow_leading_hyphen=True)] = None,
    limit: int | None = None,
    top: int | None = None,
    compare: str | None = None,
    min_position: int | None = None,
    plot: Annotated[bool | None, Parameter(negative="--no-plot")] = None,
    json: bool = False,
    csv: bool = False,
    connection: Connection = LOCAL,
) -> int:
    """Ask for a metric: a table and, with an interval, a plot.

    Args:
        metric: Name of the metric.
        within: Which part of it, and how it is divided.
        order: time, -time, value or -value.
        limit: Rows at most.
        top: Keep so many groups, those with the largest values, and join the others into one row.
        compare: previous adds the values of the period before; it needs --from and --to.
        min_position: Wait for this position, such as the one that 'send' prints.
        plot: Draw a plot above the table; the default on a terminal.
        json: Print the server's JSON.
        csv: Print CSV; does not go with --json.
        connection: How to reach the server.

    Raises:
        LivetallyError: the question can't be answered; names the parameter and the reason.
    """
    from livetally.client.answer import Answer
    from livetally.client.question import question

    if json and csv:
        raise WrongUsage("--json and --csv don't go together: name the one form that you want.")
    wanted = asked(
        within, order=order, limit=limit, top=top, compare=compare, min_position=min_position
    )
    call = question(metric, **wanted)
    if csv:
        call = call._replace(headers={"Accept": "text/csv"})
    with connection.open() as client:
        reply = client.request(call)
        # Also what is printed as it came: a proxy's page is not an answer.
        answer = None if csv else reply.read(Answer.read)
    if json or answer is None:
        body = reply.read(bytes.decode)
        sys.stdout.write(body if csv else body.rstrip("\n") + "\n")
    else:
        _print(answer, plot=plot)
    return DONE


def _print(answer: Answer, *, plot: bool | None) -> None:
    from rich.console import Console

    from livetally.cli.chart import SERIES_MAX, chart, moment
    from livetally.cli.output import note, print_table, shown

    screen = Console()
    if answer.interval and (screen.is_terminal if plot is None else plot):
        height = max(8, min(_PLOT_LINES_MAX, screen.height - 6))
        colours = screen.is_terminal and not screen.no_color
        drawn = chart(answer, screen.width, height, colours=colours)
        print(f"{drawn}\n" if drawn else "Nothing to draw.\n")
    if not answer.rows:
        note(f"No events of '{answer.metric}' in this range.")
        return
    if len(answer.rows) == 1 and len(answer.rows[0]) == 1:
        print(shown(answer.value))
        return
    names = list(answer.rows[0])
    heading = [f"time ({answer.tz})" if name == "time" else name for name in names]
    print_table(
        heading,
        (
            [moment(row[n], answer.interval) if n == "time" else row[n] for n in names]
            for row in answer.rows
        ),
    )
    if plot is not False and answer.interval and _groups(answer) > SERIES_MAX:
        note(f"The plot shows {SERIES_MAX} of {_groups(answer)} groups; narrow them with --where.")
    if answer.truncated:
        note("There are more rows: raise --limit, or narrow the range.")


def _groups(answer: Answer) -> int:
    from livetally.cli.chart import NO_GROUP

    return len(
        {tuple(v for k, v in r.items() if k not in NO_GROUP) for r in answer.rows},
    )
