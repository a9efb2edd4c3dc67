"""Turns a value of a payload into one of the wanted kind, exactly or not at all.

In the flow: chosen by ``as`` in a mapping, called by ``values`` for each record.
Guarantee: what comes out is the value that went in, in another form: no digit is lost, and what
can't be such a value is a ``ValueError`` whose message does not repeat it.
"""

from __future__ import annotations

import re
import uuid
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from livetally.mapping.payload import EXPONENT_MAX
from livetally.mapping.times import TimeForm

__all__ = ["Cast", "as_text", "cast", "kind_of"]

_INT64: Final = 2**63
_NUMBER: Final = re.compile(
    r"[-+]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][-+]?\d{1,3})?", re.ASCII
)
_UUID: Final = re.compile(r"[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}", re.ASCII)
_BOOLEANS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_PLAIN_EXPONENT_MAX: Final = 40


class Cast(StrEnum):
    """What a value becomes."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    TIME = "time"
    UUID = "uuid"


def cast(kind: Cast, value: Any, form: TimeForm | None = None) -> Any:
    """Return ``value`` as ``kind``; None for null, and for a blank text unless a text is wanted.

    Args:
        kind: what it shall be.
        value: as ``decode_payload`` gives it.
        form: for ``time``: how the time is written; RFC 3339 unless given.

    Returns:
        For ``time`` a text in RFC 3339, for ``uuid`` a text in lower case with hyphens, for
        ``number`` and ``decimal`` an int or Decimal.

    Raises:
        ValueError: it is no such value.
    """
    if value is None or (kind is not Cast.STRING and isinstance(value, str) and not value.strip()):
        return None
    match kind:
        case Cast.STRING:
            return as_text(value)
        case Cast.INTEGER:
            return _integer(value)
        case Cast.NUMBER | Cast.DECIMAL:
            return _number(value)
        case Cast.BOOLEAN:
            return _boolean(value)
        case Cast.TIME:
            return (form or TimeForm()).text_of(value)
        case Cast.UUID:
            return _uuid(value)


def as_text(value: Any) -> str:
    """Write a text, number, true or false as a text.

    Raises:
        ValueError: it is a list or an object.
    """
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case Decimal():
            plain = abs(value.adjusted()) <= _PLAIN_EXPONENT_MAX
            return f"{value:f}" if plain else str(value)
        case int() | float():
            return str(value)
        case _:
            raise ValueError(f"is {kind_of(value)}, not a text")


def kind_of(value: Any) -> str:
    """Name a JSON value's kind as a person would."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "an object"
        case _:
            return "a number"


def _number(value: Any) -> int | Decimal:
    match value:
        case bool() | list() | dict():
            raise ValueError(f"is {kind_of(value)}, not a number")
        case int() | Decimal():
            return value
        case float():  # a mean that an expression worked out
            number = Decimal(repr(value))
        case _:
            text = str(value).strip()
            if not _NUMBER.fullmatch(text):
                raise ValueError("is a text that is no number")
            number = Decimal(text)
    if number and abs(number.adjusted()) > EXPONENT_MAX:
        raise ValueError("is too large or too small a number")
    return number


def _integer(value: Any) -> int:
    number = _number(value)
    if isinstance(number, Decimal) and number != number.to_integral_value():
        raise ValueError("is not a whole number")
    if not -_INT64 <= number < _INT64:
        raise ValueError("is a whole number of over 64 bits")
    return int(number)


def _boolean(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    known = None
    if isinstance(value, (str, int)):
        known = _BOOLEANS.get(str(value).strip().lower())
    if known is None:
        raise ValueError("is none of true, false, yes, no, 1, 0")
    return known


def _uuid(value: Any) -> str:
    text = value.strip().lower() if isinstance(value, str) else ""
    if not _UUID.fullmatch(text):
        raise ValueError("is no UUID")
    return str(uuid.UUID(text))
