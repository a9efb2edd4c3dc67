"""``livetally watch``: a metric, entities or events as they change, drawn with every change.

In the flow: receives a question from the command line, follows it through ``client``.
Guarantee: what is shown is the whole present answer, also after a lost connection; without a
terminal each changed row is a line.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter, validators

from livetally.cli.asking import WHOLE, Range, asked
from livetally.cli.codes import DONE, WrongUsage
from livetally.cli.connection import LOCAL, Connection
from livetally.cli.inputs import MaybeName

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import Console, RenderableType

    from livetally.client import Client, PageUpdate, Update

__all__ = ["Page", "watch"]

_TABLE_ROWS = 8
_REFRESHES_PER_S = 8


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Page:
    """What to watch instead of a metric, and which part of it."""

    entity: MaybeName = None
    """Watch the entities of this name."""

    events: bool = False
    """Watch the newest events."""

    one: MaybeName = None
    """Of entities, only the one with this key."""

    sort: str | None = None
    """Of entities, the field to sort by; -field for the largest first."""

    type: list[str] | None = None
    """Of events, only those of this type; may be repeated."""

    subject: str | None = None
    """Of events, only those about this subject."""

    limit: int | None = None
    """Rows of entities or events at most; 100 by default."""


_NONE = Page()
_OF_METRICS = ("interval", "by", "fill")
_OF_ENTITIES = ("one", "sort")
_OF_EVENTS = ("type", "subject")


def watch(
    metric: MaybeName = None,
    /,
    *,
    within: Range = WHOLE,
    page: Page = _NONE,
    updates: Annotated[int | None, Parameter(validator=validators.Number(gte=1))] = None,
    json: bool = False,
    connection: Connection = LOCAL,
) -> int:
    """Show a metric, entities or events live, until Ctrl-C.

    Args:
        metric: Name of the metric; without one, --entity or --events.
        within: Which part of it, and how it is divided.
        page: What to watch instead of a metric.
        updates: End after so many updates, the first answer among them.
        json: Print each update as a line of JSON.
        connection: How to reach the server.

    Raises:
        LivetallyError: the question can't be answered, or the key is no longer good.
    """
    _require_one(metric, within, page)
    with connection.open() as client:
        try:
            if metric is not None:
                _show_metric(islice(client.watch(metric, **asked(within)), updates), as_json=json)
            else:
                name, stream = _page_of(client, within, page)
                _show_page(islice(stream, updates), name, as_json=json)
        except KeyboardInterrupt:
            # The only way to end it is no failure.
            return DONE
    return DONE


def _require_one(metric: str | None, within: Range, page: Page) -> None:
    """Refuse what names nothing or two things, and options of what is not watched."""
    named = {"METRIC": metric is not None, "--entity": bool(page.entity), "--events": page.events}
    chosen = [name for name, given in named.items() if given]
    if len(chosen) != 1:
        raise WrongUsage("Name one thing to watch: a metric, --entity NAME, or --events.")
    given = [
        *(("METRIC", name) for name in _OF_METRICS if getattr(within, name) is not None),
        *(("--entity", name) for name in _OF_ENTITIES if getattr(page, name) is not None),
        *(("--events", name) for name in _OF_EVENTS if getattr(page, name) is not None),
    ]
    for owner, name in given:
        if owner != chosen[0]:
            what = "a metric" if owner == "METRIC" else owner
            raise WrongUsage(f"--{name} goes with {what} only.")
    if page.limit is not None and metric is not None:
        raise WrongUsage("--limit goes with --entity and --events only.")
    if page.entity and (within.start or within.end):
        raise WrongUsage("--from and --to go with a metric and with --events only.")


def _page_of(client: Client, within: Range, page: Page) -> tuple[str, Iterable[PageUpdate]]:
    where = within.where or ()
    if page.entity:
        name = page.entity
        if page.one is not None:
            return f"{name} {page.one}", client.watch_entities(name, key=page.one)
        return name, client.watch_entities(name, where=where, sort=page.sort, limit=page.limit)
    return "events", client.watch_events(
        type=page.type or (),
        subject=page.subject,
        start=within.start,
        end=within.end,
        tz=within.tz,
        where=where,
        limit=page.limit,
    )


def _show_metric(updates: Iterable[Update], *, as_json: bool) -> None:
    from rich.console import Console

    screen = Console()
    if as_json:
        _print_json(updates)
    elif screen.is_terminal:
        _draw(updates, screen)
    else:
        _print_lines(updates)


def _show_page(updates: Iterable[PageUpdate], name: str, *, as_json: bool) -> None:
    from rich.console import Console

    from livetally.cli.watch_pages import draw_pages, print_page_lines

    screen = Console()
    if as_json:
        _print_json(updates)
    elif screen.is_terminal:
        draw_pages(updates, name, screen)
    else:
        print_page_lines(updates)


def _print_json(updates: Iterable[Update | PageUpdate]) -> None:
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
