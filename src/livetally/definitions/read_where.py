"""Reads the conditions of a definition: ``where = ["..."]`` or ``where = { carrier = "UA" }``.

In the flow: receives a ``Table`` from the readers of metrics, entities and dashboards, hands back
filters of the one grammar in ``filters``.

Guarantee: both forms mean the same filters; what can't be read becomes a problem at its own line.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, TypeAlias

from livetally.definitions.filters import (
    FILTERS_MAX,
    Filter,
    format_filter,
    parse_filter,
    quoted,
)
from livetally.definitions.locate import Path
from livetally.definitions.table import Table
from livetally.errors import BadInput

__all__ = ["Condition", "read_where", "where_texts"]

# A filter and where it stands.
Condition: TypeAlias = tuple[Path, Filter]


def read_where(
    table: Table, key: str = "where", *, of_entity: bool = False
) -> tuple[Condition, ...]:
    """Return the filters below ``key`` with their paths; at most 20 count."""
    conditions: list[Condition] = []
    for path, text in _written(table, key):
        if text is None:
            table.problems.add(path, "must be a filter such as 'carrier:UA'")
            continue
        try:
            conditions.append((path, parse_filter(text, of_entity=of_entity)))
        except BadInput as error:
            table.problems.add(path, error.reason)
    if len(conditions) > FILTERS_MAX:
        table.problem(f"takes at most {FILTERS_MAX} filters, not {len(conditions)}", key)
    return tuple(conditions[:FILTERS_MAX])


def where_texts(filters: tuple[Filter, ...]) -> list[str]:
    """Return filters in the canonical form of a definition."""
    return [format_filter(filter_) for filter_ in filters]


def _written(table: Table, key: str) -> Iterator[tuple[Path, str | None]]:
    """Yield each filter's path and text; None for what is no filter."""
    path = (*table.path, key)
    match table.raw(key):
        case None:
            return
        case dict() as conditions:
            yield from _entries(conditions, path, "")
        case list() as texts:
            for index, text in enumerate(texts):
                yield (*path, index), text if isinstance(text, str) else None
        case str() as text:
            yield path, text
        case _:
            yield path, None


def _entries(
    conditions: dict[str, Any], path: Path, above: str
) -> Iterator[tuple[Path, str | None]]:
    """Yield the filters of the table form; a nested table names a longer path."""
    for key, value in conditions.items():
        if isinstance(value, dict):
            yield from _entries(value, (*path, key), f"{above}{key}.")
        else:
            condition = _condition(value)
            text = None if condition is None else f"{above}{key}:{condition}"
            yield (*path, key), text


def _condition(value: object) -> str | None:
    """Return the condition that a plain value stands for."""
    if isinstance(value, str) and value:
        return value
    listed = value if isinstance(value, list) else [value]
    texts = [_literal(item) for item in listed]
    return (
        ",".join(quoted(text) for text in texts if text is not None)
        if all(text is not None for text in texts)
        else None
    )


def _literal(item: object) -> str | None:
    """Return a value as the text that a filter compares with."""
    match item:
        case bool():
            return "true" if item else "false"
        case str():
            return item
        case int():
            return str(item)
        case Decimal():
            return f"{item:f}"
        case _:
            return None
