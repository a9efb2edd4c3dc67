"""Reads the text of a filter's value as a value of the field's type.

In the flow: receives a ``Field`` and a text from ``scope`` and ``query``, hands back what the store
compares with.

Guarantee: exact; a text that the field can never hold is an error, never a value near it.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final, TypeAlias

from livetally.calendar import find_zone, parse_instant
from livetally.definitions.fields import Field, FieldType
from livetally.errors import BadInput

__all__ = ["INTEGER_MAX", "INTEGER_MIN", "Value", "is_literal", "read_literal"]

Value: TypeAlias = str | int | float | Decimal | bool

INTEGER_MIN: Final = -(2**63)
INTEGER_MAX: Final = 2**63 - 1
_DIGITS_MAX: Final = 38

_WHOLE: Final = re.compile(r"[-+]?\d{1,19}", re.ASCII)
_NUMBER: Final = re.compile(r"[-+]?\d{1,400}(?:\.\d{1,400})?(?:[eE][-+]?\d{1,3})?", re.ASCII)
_PLAIN_DECIMAL: Final = re.compile(r"[-+]?\d{1,38}(?:\.(?P<decimals>\d{1,38}))?", re.ASCII)
_UUID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_BOOLEANS: Final = {"true": True, "false": False}


def read_literal(field: Field, text: str) -> Value:
    """Read ``text`` as a value of the field's type.

    Returns:
        For ``string`` the text; ``integer`` an int of 64 bits; ``number`` a finite float;
        ``decimal`` a Decimal with at most the field's scale; ``boolean`` a bool; ``time``
        microseconds since 1970 in UTC, where a date is its midnight in UTC; ``uuid`` the text in
        lower case.

    Raises:
        BadInput: with the field ``where``, for a text that is no such value.
    """
    value = _read(field, text)
    if value is None:
        shown = text if len(text) <= 50 else f"{text[:50]}..."  # noqa: PLR2004 (only for show)
        raise BadInput("where", f"'{field.name}' is {_expected(field)}, not '{shown}'")
    return value


def is_literal(field: Field, text: str) -> bool:
    """Whether ``text`` can be read as a value of the field's type."""
    try:
        read_literal(field, text)
    except BadInput:
        return False
    return True


def _read(field: Field, text: str) -> Value | None:
    """Return the value, or None when the text is none of the field's type."""
    match field.type:
        case FieldType.STRING:
            return text
        case FieldType.INTEGER:
            whole = int(text) if _WHOLE.fullmatch(text) else INTEGER_MAX + 1
            return whole if INTEGER_MIN <= whole <= INTEGER_MAX else None
        case FieldType.NUMBER:
            number = float(text) if _NUMBER.fullmatch(text) else float("inf")
            return number if abs(number) != float("inf") else None
        case FieldType.DECIMAL:
            return _read_decimal(text, field.scale or 0)
        case FieldType.BOOLEAN:
            return _BOOLEANS.get(text)
        case FieldType.TIME:
            return parse_instant(text, find_zone("UTC"), "where")
        case FieldType.UUID:
            return text.lower() if _UUID.fullmatch(text.lower()) else None


def _read_decimal(text: str, scale: int) -> Decimal | None:
    """Return the decimal, or None when it has more digits than the column keeps."""
    found = _PLAIN_DECIMAL.fullmatch(text)
    if found is None or len((found["decimals"] or "").rstrip("0")) > scale:
        return None
    value = Decimal(text)
    return value if value.adjusted() < _DIGITS_MAX - scale else None


def _expected(field: Field) -> str:
    """Say what the field takes."""
    if field.type is FieldType.DECIMAL:
        return f"a decimal number of at most {field.scale} decimals"
    names = {
        FieldType.INTEGER: "a whole number of 64 bits",
        FieldType.NUMBER: "a number",
        FieldType.BOOLEAN: "true or false",
        FieldType.UUID: "a UUID such as 0b0f6c1e-0c6f-4c5e-9f0e-4a5a7c0c8e11",
    }
    return names.get(field.type, f"a {field.type.value}")
