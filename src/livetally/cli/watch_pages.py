"""Entities and events as they change, on a terminal and for programs.

In the flow: ``watch`` hands updates of a page; prints or draws them.
Guarantee: what is drawn is the whole present page, the rows that have just changed in bold; without
a terminal each changed row is a line.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from livetally.client import PageUpdate

__all__ = ["draw_pages", "print_page_lines"]

_Cells = dict[str, Any]
_NOTE_ROWS = 3
_DATA_CHARS_MAX = 200


def print_page_lines(updates: Iterable[PageUpdate]) -> None:
    """Print a line for each row that changed or came, its cells set apart by tabs."""
    from livetally.cli.output import shown

    for update in updates:
        for row in update.rows:
            print("\t".join(shown(value) for value in _cells(row).values()), flush=True)


def draw_pages(updates: Iterable[PageUpdate], name: str, screen: Console) -> None:
    """Draw the page again with every update."""
    from rich.live import Live

    with Live(console=screen, auto_refresh=False, vertical_overflow="crop") as live:
        for update in updates:
            live.update(_picture(update, name, screen.height), refresh=True)


def _picture(update: PageUpdate, name: str, height: int) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from livetally.cli.output import table

    page = update.page[: max(1, height - _NOTE_ROWS)]
    heading = list(dict.fromkeys(column for row in page for column in _cells(row)))
    cells = [[_cells(row).get(column) for column in heading] for row in page]
    drawn = table(heading, cells)
    changed = [_key(row) for row in update.rows] if update.kind == "update" else []
    for place, row in enumerate(page):
        if _key(row) in changed:
            drawn.rows[place].style = "bold"
    told = f"{name} · {len(update.page):,} rows · position {update.position:,} · Ctrl-C ends"
    return Group(drawn, Text(told))


def _key(row: _Cells) -> Sequence[Any]:
    """Return what tells one row of a page from another."""
    return (row["key"],) if "key" in row else (row["source"], row["id"])


def _cells(row: _Cells) -> _Cells:
    """Return what is shown of a row: an entity's fields, or an event with its data as text."""
    if "key" in row:
        return {"key": row["key"], **row["fields"], "events": row["events"], "last": row["last"]}
    data = msgspec.json.Encoder(decimal_format="number").encode(row["data"]).decode()
    told = {name: row[name] for name in ("time", "type", "subject", "id")}
    return told | {"data": data[:_DATA_CHARS_MAX]}
