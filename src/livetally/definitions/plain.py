"""Turns what a parser returns into plain values that every format has: no dates, no infinity.

In the flow: receives the parser's result from ``reading``, hands plain values to ``Table``.

Guarantee: the result holds only dict, list, str, int of 64 bits, finite Decimal and bool, is at
most 32 levels deep, and is otherwise what was given.
"""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from livetally.definitions.literals import INTEGER_MAX, INTEGER_MIN
from livetally.definitions.locate import Path
from livetally.definitions.problems import Problems

__all__ = ["jsonable", "plain"]

_DEPTH_MAX: Final = 32
_EXPONENT_MAX: Final = 300


def plain(value: Any, path: Path, problems: Problems) -> Any:
    """Return ``value`` in plain values; what can't be is a problem and becomes None.

    Entries of a table that are None, as JSON's ``null``, count as not given.
    """
    if len(path) > _DEPTH_MAX:
        problems.add(path[:_DEPTH_MAX], f"is nested over {_DEPTH_MAX} levels deep")
        return None
    match value:
        case dict():
            return _entries(value, path, problems)
        case list() | tuple():
            return [_element(item, (*path, index), problems) for index, item in enumerate(value)]
        case bool() | str() | None:
            return value
        case int():
            if not INTEGER_MIN <= value <= INTEGER_MAX:
                problems.add(path, "is a whole number of over 64 bits")
            return value
        case float() | Decimal():
            return _decimal(value, path, problems)
        case datetime() | date() | time():
            return value.isoformat()
        case _:
            problems.add(path, f"is of a kind that definitions don't have: {type(value).__name__}")
            return None


def jsonable(value: Any) -> Any:
    """Return plain values with every Decimal as a float, for rooms that don't need exact ones."""
    match value:
        case dict():
            return {key: jsonable(item) for key, item in value.items()}
        case list():
            return [jsonable(item) for item in value]
        case Decimal():
            return float(value)
        case _:
            return value


def _entries(value: dict[Any, Any], path: Path, problems: Problems) -> dict[str, Any]:
    """Return a table without the entries that are None."""
    entries: dict[str, Any] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            problems.add(path, "a key must be a text")
        elif (kept := plain(item, (*path, key), problems)) is not None:
            entries[key] = kept
    return entries


def _element(item: Any, path: Path, problems: Problems) -> Any:
    """Return an element of a list, where nothing can be left out."""
    if item is None:
        problems.add(path, "null can't stand in a list")
    return plain(item, path, problems)


def _decimal(value: float | Decimal, path: Path, problems: Problems) -> Decimal | None:
    """Return a finite number exactly as it was written."""
    number = value if isinstance(value, Decimal) else Decimal(repr(value))
    if not number.is_finite() or abs(number.adjusted()) > _EXPONENT_MAX:
        problems.add(path, "is not a finite number that can be kept")
        return None
    return number
