"""Reads ``[event.NAME]``: event types and the fields of their data.

In the flow: receives the definition's root ``Table`` from ``reading``, hands event types to
``scope``.

Guarantee: every field that comes out has a valid name and only the limits that its type can have.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from livetally.definitions.fields import (
    NUMERIC,
    SCALE_DEFAULT,
    SCALE_MAX,
    EventType,
    Field,
    FieldType,
)
from livetally.definitions.literals import read_literal
from livetally.definitions.paths import is_field_name, parents
from livetally.definitions.table import Table
from livetally.errors import BadInput

__all__ = ["read_events"]

_TYPE_NAME: Final = re.compile(r"[A-Za-z0-9_./-]{1,100}")
_KEEP: Final = re.compile(r"([1-9][0-9]{0,4}) (day|week|year)s?")
_DAYS: Final = {"day": 1, "week": 7, "year": 365}
_SIZE: Final = re.compile(r"([1-9][0-9]{0,5}) (MB|GB|TB)")
_UNITS: Final = {"MB": 10**6, "GB": 10**9, "TB": 10**12}
_KEEP_DAYS_MAX: Final = 36_500
_FIELDS_MAX: Final = 500
_ONE_OF_MAX: Final = 1_000
_LENGTH_MAX: Final = 1_000_000
_FIELD_RULE: Final = (
    "a field's name is up to 8 parts joined by dots, each of up to 64 letters, digits and '_' "
    "and not beginning with a digit"
)
_FIELD_KEYS: Final = frozenset(
    {"required", "scale", "one_of", "minimum", "maximum", "max_length", "description"}
)


def read_events(root: Table) -> tuple[dict[str, EventType], frozenset[tuple[str, str]]]:
    """Read the event types.

    Returns:
        Them by name, and (event type, path) of each field whose declaration has a mistake.
    """
    events: dict[str, EventType] = {}
    doubtful: set[tuple[str, str]] = set()
    for name, table in root.tables("event"):
        if not _TYPE_NAME.fullmatch(name):
            table.problem("an event type has 1 to 100 letters, digits, '_', '-', '.' and '/'")
        description = table.text("description")
        fields: dict[str, Field] = {}
        for path, entry in _entries(table.table("data"), ""):
            before = len(table.problems)
            if path in fields:
                entry.problem(f"field '{path}' is declared twice")
            fields[path] = _field(path, entry)
            if len(table.problems) > before:
                doubtful.add((name, path))
        _check_fields(table, fields)
        kept = (_days(table, "keep"), _days(table, "keep_data"), _bytes(table, "keep_size"))
        if kept[0] is not None and kept[1] is not None and kept[1] >= kept[0]:
            table.problem("must be shorter than 'keep', which takes all of them", "keep_data")
        table.finish()
        events[name] = EventType(name, description, fields, *kept)
    return events, frozenset(doubtful)


def _days(table: Table, key: str) -> int | None:
    """Read how long something is kept: ``90 days``, ``2 years``; None when nothing is said."""
    text = table.text(key)
    if not text:
        return None
    found = _KEEP.fullmatch(text)
    days = int(found[1]) * _DAYS[found[2]] if found else 0
    if not 1 <= days <= _KEEP_DAYS_MAX:
        table.problem("must be a length such as '90 days', '8 weeks' or '2 years'", key)
        return None
    return days


def _bytes(table: Table, key: str) -> int | None:
    """Read how much may be kept: ``500 MB``, ``10 GB``; None when nothing is said."""
    text = table.text(key)
    if not text:
        return None
    found = _SIZE.fullmatch(text)
    if not found:
        table.problem("must be a size such as '500 MB', '10 GB' or '2 TB'", key)
        return None
    return int(found[1]) * _UNITS[found[2]]


def _entries(below: Table, above: str) -> Iterator[tuple[str, Table]]:
    """Yield the path and table of each field; a table without a type holds nested fields."""
    for key in below.given():
        value = below.raw(key)
        path = f"{above}{key}"
        if isinstance(value, str):
            yield path, Table({"type": value}, (*below.path, key), below.problems)
        elif isinstance(value, dict) and not _is_field(value):
            yield from _entries(below.table(key), f"{path}.")
        elif isinstance(value, dict):
            yield path, below.table(key)
        else:
            below.problem('must be a type such as "string" or a table', key)


def _is_field(value: dict[str, Any]) -> bool:
    """Whether a table describes one field, and isn't a group of nested ones."""
    if isinstance(value.get("type"), str):
        return True
    return any(key in _FIELD_KEYS and not isinstance(value[key], (str, dict)) for key in value)


def _field(path: str, table: Table) -> Field:
    """Read one field."""
    if not is_field_name(path):
        table.problem(_FIELD_RULE)
    type_ = table.choice("type", FieldType) or FieldType.STRING
    scale = table.whole("scale", 0, SCALE_MAX)
    if scale is not None and type_ is not FieldType.DECIMAL:
        table.problem("only a decimal has a scale", "scale")
    is_decimal = type_ is FieldType.DECIMAL
    bare = Field(
        path, type_, scale=(SCALE_DEFAULT if scale is None else scale) if is_decimal else None
    )
    minimum, maximum = _bound(table, bare, "minimum"), _bound(table, bare, "maximum")
    if minimum is not None and maximum is not None and minimum > maximum:
        table.problem("is above the maximum", "minimum")
    max_length = table.whole("max_length", 1, _LENGTH_MAX)
    if max_length is not None and type_ is not FieldType.STRING:
        table.problem("only a string has a length", "max_length")
    field = Field(
        path,
        type_,
        required=table.flag("required"),
        scale=bare.scale,
        one_of=_one_of(table, bare),
        minimum=minimum,
        maximum=maximum,
        max_length=max_length,
        description=table.text("description"),
    )
    table.finish()
    return field


def _bound(table: Table, field: Field, key: str) -> int | Decimal | None:
    """Read the smallest or largest value of a numeric field."""
    value = table.raw(key)
    if value is None:
        return None
    if field.type not in NUMERIC:
        table.problem(f"only a numeric field has a {key}", key)
        return None
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
        table.problem("must be a number", key)
        return None
    try:
        read_literal(field, f"{value:f}" if isinstance(value, Decimal) else str(value))
    except BadInput as error:
        table.problem(error.reason, key)
        return None
    return value


def _one_of(table: Table, field: Field) -> tuple[str | int, ...]:
    """Read the only values that a field takes."""
    value = table.raw("one_of")
    if value is None:
        return ()
    if field.type not in {FieldType.STRING, FieldType.INTEGER, FieldType.UUID}:
        table.problem("only a string, an integer or a uuid can be one of a list", "one_of")
        return ()
    if not isinstance(value, list) or not 0 < len(value) <= _ONE_OF_MAX:
        table.problem(f"must be a list of 1 to {_ONE_OF_MAX} values", "one_of")
        return ()
    kind = int if field.type is FieldType.INTEGER else str
    seen: set[str | int] = set()
    for index, item in enumerate(value):
        if isinstance(item, bool) or not isinstance(item, kind):
            table.problem(
                f"must be {'a whole number' if kind is int else 'a text'}", "one_of", index
            )
        elif item in seen:
            table.problem("is listed twice", "one_of", index)
        else:
            seen.add(item)
    return tuple(map(_canonical_uuid, value) if field.type is FieldType.UUID else value)


def _canonical_uuid(text: Any) -> Any:
    """Write a UUID as it is stored; what is none stays, and no event can have it."""
    try:
        return str(uuid.UUID(text))
    except (AttributeError, TypeError, ValueError):
        return text


def _check_fields(table: Table, fields: dict[str, Field]) -> None:
    """Check the fields of one event type against each other."""
    if len(fields) > _FIELDS_MAX:
        table.problem(f"takes at most {_FIELDS_MAX} fields, not {len(fields)}", "data")
    for path in fields:
        for parent in parents(path):
            if parent in fields:
                table.problem(
                    f"'{parent}' can't be a {fields[parent].type} and hold '{path}'", "data"
                )
