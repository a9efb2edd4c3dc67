"""How each kind of declared field is stored: engine type, way back from raw ``data``, encoding.

In the flow: receives declared fields from ``definitions``, hands DDL fragments to ``schema`` and
encoded columns to ``insert``.
Guarantee: for an event whose type declares the field, the stored column equals what the DEFAULT
expression reads from the raw data; so a column added today answers over all history at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from livetally.definitions import Field, FieldType, segments
from livetally.event.texts import Texts
from livetally.store.events import native
from livetally.store.events.literals import literal

__all__ = [
    "COLUMN_NAME",
    "DECIMAL_DIGITS_SPARE",
    "codec",
    "default_expression",
    "encode",
    "engine_type",
    "path_literal",
]

# A path of 8 parts of 64 characters, in which every third one begins a run that is spelt out, makes
# 1,211 of them. What is too long for a file's name the engine keeps in a file named by its hash.
COLUMN_NAME = re.compile(r"f_[A-Za-z0-9_]{1,1300}\Z")

_ENGINE_TYPES = {
    FieldType.STRING: "String",
    FieldType.INTEGER: "Int64",
    FieldType.NUMBER: "Float64",
    FieldType.BOOLEAN: "Bool",
    FieldType.TIME: "Int64",
    FieldType.UUID: "String",
}


# Which of the engine's names for a JSON value's type a field takes.
_WHOLE = ("Int64", "UInt64")
_JSON_TYPES = {
    FieldType.STRING: ("String",),
    FieldType.INTEGER: _WHOLE,
    FieldType.NUMBER: (*_WHOLE, "Double"),
    FieldType.DECIMAL: (*_WHOLE, "Double", "String"),
    FieldType.BOOLEAN: ("Bool",),
    FieldType.TIME: ("String",),
    FieldType.UUID: ("String",),
}
# The engine's parser makes an instant of nearly anything: a 60th second, month 0, this year for 0.
_TIME = (
    r"^(19|2[0-2])\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])[T ]"
    r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?(Z|[+-]([01]\d|2[0-3]):?[0-5]\d)$"
)
# What ingest takes for a decimal, without underscores and the spaces around it.
_DECIMAL_TEXT = r"^[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?$"
# The same as ingest.
_OLDEST_US = -2_177_452_800_000_000  # 1901-01-01T00:00:00Z
_NEWEST_US = 10_382_256_000_000_000  # 2299-01-01T00:00:00Z

# Sums of ten billion decimals of the digits that this leaves fit the engine's 38.
DECIMAL_DIGITS_SPARE = 10


def engine_type(field: Field) -> str:
    """Return the column's type in the engine; a field that an event lacks is NULL."""
    if field.type is FieldType.DECIMAL:
        return f"Nullable(Decimal(38, {field.scale}))"
    return f"Nullable({_ENGINE_TYPES[field.type]})"


def codec(field: Field) -> str:
    """Return how the column is packed.

    Of 64-bit integers T64 keeps the bits that differ: smaller, and four times as fast to read.
    """
    whole = field.type in (FieldType.INTEGER, FieldType.TIME)
    return "T64, ZSTD(1)" if whole else "ZSTD(1)"


def default_expression(field: Field) -> str:
    """Return the SQL that reads the field from the raw ``data`` of events stored before it.

    A value that ingest would refuse is missing: of another JSON type, with more digits than the
    field keeps. So what was stored before its field was declared is neither cast nor rounded.
    """
    path = path_literal(field.name)
    kinds = ", ".join(literal(kind) for kind in _JSON_TYPES[field.type])
    fits = f"JSONType(data, {path}) IN ({kinds})"
    if field.type is FieldType.NUMBER:
        fits = f"({fits} OR {_is_beyond_64_bits(field, path)})"
    if field.type is FieldType.STRING:
        fits = f"({fits} AND NOT {_is_beyond_64_bits(field, path)})"
    return f"if({fits}, {_read_sql(field, path)}, NULL)"


def _is_beyond_64_bits(field: Field, path: str) -> str:
    """Return the test for a whole number that the engine takes for a text, because it is too long.

    What tells it from a text of the same digits is that these stand behind its key without quotes.
    """
    text = f"JSONExtractString(data, {path})"
    pattern = literal(f'"{segments(field.name)[-1]}"\\s*:\\s*(-?[0-9]+)')
    bare = f"has(extractAll(data, {pattern}), {text})"
    return f"(JSONType(data, {path}) = 'String' AND match({text}, '^-?[0-9]{{19,}}$') AND {bare})"


def _read_sql(field: Field, path: str) -> str:
    match field.type:
        case FieldType.DECIMAL:
            return _decimal_expression(field, path)
        case FieldType.TIME:
            return _time_expression(f"upper(JSONExtractString(data, {path}))")
        case FieldType.UUID:
            return f"toString(toUUIDOrNull(JSONExtractString(data, {path})))"
        case _:
            return f"JSONExtract(data, {path}, 'Nullable({_ENGINE_TYPES[field.type]})')"


def path_literal(name: str) -> str:
    """Write a dotted path as arguments of a JSON function: ``'address', 'city'``."""
    return ", ".join(literal(part) for part in segments(name))


def encode(field: Field, values: Sequence[Any]) -> bytes:
    """Encode a column of values, None where an event lacks the field.

    Times are in microseconds since 1970 UTC, decimals in units of the last place.
    """
    if isinstance(values, (np.ndarray, Texts)):
        return bytes(len(values)) + _PLAIN[field.type](values)
    missing = [value is None for value in values]
    return native.nullable(missing, _ENCODERS[field.type](field, values))


def _decimal_expression(field: Field, path: str) -> str:
    """Return SQL for a decimal, digit by digit.

    The engine's JSON functions pass a fraction through a binary number, which keeps 15 digits. It
    says which number is meant: the digits are those in the text, behind the same key, that are
    nearest to the same binary number.
    """
    scale = field.scale or 0
    whole = 38 - scale - DECIMAL_DIGITS_SPARE
    key = segments(field.name)[-1]
    pattern = literal(f'"{key}"\\s*:\\s*([-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?)')
    raw = f"JSONExtractRaw(data, {path})"
    # The last resort is for a key that is written with escapes.
    written = f"arrayPushBack(extractAll(data, {pattern}), {raw})"
    found = f"arrayFirst(t -> toFloat64OrNull(t) = toFloat64OrNull({raw}), {written})"
    # The engine makes 0 of "-", and 1 of "+ 1".
    bare = f"replaceAll(trimBoth(JSONExtractString(data, {path})), '_', '')"
    quoted = f"if(match({bare}, {literal(_DECIMAL_TEXT)}), {bare}, '')"
    # And nothing of a zero with a large exponent.
    text = (
        f"replaceRegexpOne(if(JSONType(data, {path}) = 'String', {quoted}, {found}),"
        " '^[-+]?[0.]+([eE][-+]?[0-9]{1,18})?$', '0')"
    )
    # What is beyond the 36th place the engine leaves out.
    exact = (
        f"toDecimal256OrNull(t, 36) = toDecimal256(toDecimal128OrNull(t, {scale}), 36)"
        " AND NOT match(t, '[.][0-9]{36,}[1-9][0-9]*$')"
        " AND (toDecimal256OrNull(t, 36) != 0 OR NOT match(t, '^[^eE]*[1-9]'))"
    )
    small = f"abs(toDecimal256OrNull(t, 36)) < toDecimal256('1e{whole}', 36)"
    kept = f"if({exact} AND {small}, toDecimal128OrNull(t, {scale}), NULL)"
    return f"arrayMap(t -> {kept}, [{text}])[1]"


def _time_expression(text: str) -> str:
    """Return SQL for the microseconds of a time; a seventh digit rounds, as our decoder does.

    More than seven are cut off: with twenty the engine's parser gives up.
    """
    short = f"replaceRegexpOne({text}, '([.][0-9]{{7}})[0-9]+', '\\\\1')"
    instant = f"toUnixTimestamp64Micro(parseDateTime64BestEffortOrNull({short}, 6, 'UTC'))"
    rounded = f"{instant} + (extract({text}, '[.][0-9]{{6}}([0-9])') >= '5')"
    within = f"{rounded} BETWEEN {_OLDEST_US} AND {_NEWEST_US}"
    return f"if(match({text}, {literal(_TIME)}) AND {within}, {rounded}, NULL)"


def _encode_strings(_field: Field, values: Sequence[str | None]) -> bytes:
    return native.texts([value or "" for value in values])


def _encode_integers(_field: Field, values: Sequence[int | None]) -> bytes:
    return native.int64s([value or 0 for value in values])


_ENCODERS: dict[FieldType, Callable[[Field, Sequence[Any]], bytes]] = {
    FieldType.STRING: _encode_strings,
    FieldType.UUID: _encode_strings,
    FieldType.INTEGER: _encode_integers,
    FieldType.TIME: _encode_integers,
    FieldType.NUMBER: lambda _field, values: native.floats([value or 0.0 for value in values]),
    FieldType.BOOLEAN: lambda _field, values: native.uint8s([value or 0 for value in values]),
    FieldType.DECIMAL: lambda _field, values: native.int128s([value or 0 for value in values]),
}
# Of arrays and texts, where no value is missing.
_PLAIN: dict[FieldType, Callable[[Any], bytes]] = {
    FieldType.STRING: native.texts,
    FieldType.UUID: native.texts,
    FieldType.INTEGER: native.int64s,
    FieldType.TIME: native.int64s,
    FieldType.NUMBER: native.floats,
    FieldType.BOOLEAN: native.uint8s,
    FieldType.DECIMAL: native.int128s,
}
