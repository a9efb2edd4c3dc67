"""What commands print: answers on standard output, everything else on standard error.

In the flow: called by every command with what it has to say.
Guarantee: colours, bars and line widths only on a terminal; a number is shown with all its digits;
no text from a server is read as markup, or as a command to the terminal.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from livetally.errors import Forbidden, InvalidDefinition, LivetallyError, Unauthenticated

__all__ = [
    "advice",
    "described",
    "errors_console",
    "note",
    "print_json",
    "print_table",
    "shown",
    "table",
    "visible",
]

_WIDE = 10_000
# What moves a cursor, clears a screen, ends a line or turns the direction of writing.
_COMMANDS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def print_json(value: Any) -> None:
    """Print a value as one line of JSON, decimals as numbers."""
    print(msgspec.json.Encoder(decimal_format="number").encode(value).decode())


def print_table(heading: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Print a table on standard output."""
    console = Console()
    if console.is_terminal:
        console.print(table(heading, rows))
        return
    # Nothing to fit into: what is cut off here would be lost to the next program.
    plain = Console(width=_WIDE)
    with plain.capture() as drawn:
        plain.print(table(heading, rows))
    print("\n".join(line.rstrip() for line in drawn.get().splitlines()))


def table(heading: Sequence[str], rows: Iterable[Sequence[Any]]) -> Table:
    """Build a table; numbers stand at the right."""
    held = [list(row) for row in rows]
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for place, name in enumerate(heading):
        numbers = any(_is_number(row[place]) for row in held)
        drawn.add_column(
            _plain(shown(name)), justify="right" if numbers else "left", overflow="fold"
        )
    for row in held:
        drawn.add_row(*(_plain(shown(cell)) for cell in row))
    return drawn


def shown(value: Any) -> str:
    """Write a value for a person: thousands are set apart, zeros that say nothing are left out."""
    match value:
        case None:
            return "-"
        case bool():
            return "true" if value else "false"
        case int():
            return f"{value:,}"
        case Decimal():
            text = f"{value:,f}"
            return text.rstrip("0").rstrip(".") if "." in text else text
        case _:
            return visible(str(value))


def visible(text: str) -> str:
    """Write what a terminal would obey, instead of showing it, as an escape."""
    return _COMMANDS.sub(_escaped, text)


def note(text: str) -> None:
    """Print a remark on standard error."""
    print(text, file=sys.stderr)


def errors_console() -> Console:
    """Return the console of standard error, for progress."""
    return Console(stderr=True)


def described(error: LivetallyError) -> str:
    """Return an error's message; of a definition, every mistake on a line of its own."""
    if not isinstance(error, InvalidDefinition):
        return error.message
    lines = (f"{error.origin}:{one.line}: {one.key}: {one.reason}" for one in error.problems)
    return "\n".join(["the definition has mistakes:", *lines])


def advice(error: LivetallyError) -> str:
    """Return what to do about an error, where the error itself does not say it."""
    from livetally.client import NotDelivered, Unreachable

    match error:
        case Unreachable():
            return (
                "Is the server running? Start it with 'livetally serve', or say where it is with"
                " --url or LIVETALLY_URL."
            )
        case Unauthenticated():
            return "Give a key with --key or LIVETALLY_KEY; the first start of a server prints one."
        case Forbidden():
            return "Use a key with the scope that this needs; 'livetally keys create' makes one."
        case NotDelivered():
            return "Run the same command again: what was stored meanwhile counts once."
        case LivetallyError(__cause__=LivetallyError() as cause):
            return advice(cause)
        case _:
            return ""


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, Decimal)) and not isinstance(value, bool)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
