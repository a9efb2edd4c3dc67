"""How each kind of declared field is stored: engine type, way back from raw ``data``, encoding.

In the flow: receives declared fields from ``definitions``, hands DDL fragments to ``schema`` and
encoded columns to ``insert``.
Guarantee: for an event whose type declares the field, the stored column equals what the DEFAULT
expression reads from the raw data; so a column added today answers over all history at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

from livetally.definitions import Field, FieldType, segments
from livetally.store.events import native
from livetally.store.events.literals import literal

__all__ = ["COLUMN_NAME", "default_expression", "encode", "engine_type", "path_literal"]

COLUMN_NAME = re.compile(r"f_[A-Za-z0-9_]{1,200}\Z")

_ENGINE_TYPES = {
    FieldType.STRING: "String",
    FieldType.INTEGER: "Int64",
    FieldType.NUMBER: "Float64",
    FieldType.BOOLEAN: "Bool",
    FieldType.TIME: "Int64",
    FieldType.UUID: "String",
}


def engine_type(field: Field) -> str:
    """Return the column's type in the engine; a field that an event lacks is NULL."""
    if field.type is FieldType.DECIMAL:
        return f"Nullable(Decimal(38, {field.scale}))"
    return f"Nullable({_ENGINE_TYPES[field.type]})"


def default_expression(field: Field) -> str:
    """Return the SQL that reads the field from the raw ``data`` of events stored before it."""
    path = path_literal(field.name)
    match field.type:
        case FieldType.DECIMAL:
            text = f"trim(BOTH '\"' FROM JSONExtractRaw(data, {path}))"
            return f"toDecimal128OrNull({text}, {field.scale})"
        case FieldType.TIME:
            text = f"JSONExtract(data, {path}, 'Nullable(String)')"
            return f"toUnixTimestamp64Micro(parseDateTime64BestEffortOrNull({text}, 6, 'UTC'))"
        case FieldType.UUID:
            return f"lower(JSONExtract(data, {path}, 'Nullable(String)'))"
        case _:
            return f"JSONExtract(data, {path}, 'Nullable({_ENGINE_TYPES[field.type]})')"


def path_literal(name: str) -> str:
    """Write a dotted path as arguments of a JSON function: ``'address', 'city'``."""
    return ", ".join(literal(part) for part in segments(name))


def encode(field: Field, values: Sequence[Any]) -> bytes:
    """Encode a column of values, None where an event lacks the field."""
    missing = [value is None for value in values]
    return native.nullable(missing, _ENCODERS[field.type](field, values))


def _encode_strings(_field: Field, values: Sequence[str | None]) -> bytes:
    return native.strings([value.encode() if value else b"" for value in values])


def _encode_decimals(field: Field, values: Sequence[Decimal | None]) -> bytes:
    return native.decimals([value or Decimal(0) for value in values], field.scale or 0)


_ENCODERS: dict[FieldType, Callable[[Field, Sequence[Any]], bytes]] = {
    FieldType.STRING: _encode_strings,
    FieldType.UUID: _encode_strings,
    FieldType.INTEGER: lambda _field, values: native.int64s([value or 0 for value in values]),
    FieldType.TIME: lambda _field, values: native.int64s([value or 0 for value in values]),
    FieldType.NUMBER: lambda _field, values: native.floats([value or 0.0 for value in values]),
    FieldType.BOOLEAN: lambda _field, values: native.uint8s([value or 0 for value in values]),
    FieldType.DECIMAL: _encode_decimals,
}
