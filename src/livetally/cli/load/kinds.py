"""The text of a cell becomes JSON, by the kind of its column.

In the flow: asked by ``table`` for a way to write each column.
Guarantee: a number keeps every digit that stands in the file; a text that is no value of its
column's kind is refused, never guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from livetally.calendar import from_us, parse_instant
from livetally.errors import BadInput

__all__ = ["Kind", "infer", "time_reader", "writer"]


class Kind(StrEnum):
    """What the cells of a column are."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    TIME = "time"
    UUID = "uuid"


_INTEGER: Final = re.compile(r"[-+]?\d{1,38}", re.ASCII)
_NUMBER: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?", re.ASCII)
# As JSON writes numbers: no zero or plus in front, digits on both sides of the point.
_JSON_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d{1,3})?", re.ASCII)
_PLAIN_INTEGER: Final = re.compile(r"-?(?:0|[1-9]\d{0,17})", re.ASCII)
_PLAIN_NUMBER: Final = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d+)?", re.ASCII)
_RFC3339: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[-+]\d\d:\d\d)", re.ASCII
)
_WORDS: Final = {
    **dict.fromkeys(("true", "t", "yes", "y", "1"), b"true"),
    **dict.fromkeys(("false", "f", "no", "n", "0"), b"false"),
}
_UNITS: Final = {"s": 1_000_000, "ms": 1_000, "us": 1}
_TEXT_CHARS_MAX: Final = 60


def infer(values: Iterable[str]) -> Kind:
    """Guess the kind of a column from some of its cells, empty ones left out.

    A number with zeros in front is a text: a postal code, not a quantity.
    """
    left: list[tuple[Kind, Callable[[str], object]]] = [
        (Kind.BOOLEAN, lambda text: text.lower() in ("true", "false")),
        (Kind.INTEGER, _PLAIN_INTEGER.fullmatch),
        (Kind.NUMBER, _PLAIN_NUMBER.fullmatch),
    ]
    seen = False
    for value in values:
        seen = True
        left = [(kind, fits) for kind, fits in left if fits(value)]
        if not left:
            return Kind.STRING
    return left[0][0] if seen else Kind.STRING


def writer(kind: Kind, zone: ZoneInfo, time_format: str) -> Callable[[str], bytes]:
    """Return the function that writes a cell as JSON.

    It raises ValueError, with the reason, for a text that is no value of this kind.
    """
    match kind:
        case Kind.INTEGER:
            return _integer
        case Kind.NUMBER | Kind.DECIMAL:
            return _number
        case Kind.BOOLEAN:
            return _boolean
        case Kind.TIME:
            read = time_reader(zone, time_format)
            return lambda text: b'"%s"' % read(text).encode()
        case _:
            return msgspec.json.encode


def time_reader(zone: ZoneInfo, form: str) -> Callable[[str], str]:
    """Return the function that reads a time and writes it as RFC 3339.

    Args:
        zone: the zone of texts without an offset.
        form: ``iso``; ``s``, ``ms`` or ``us`` for numbers since 1970; or a pattern of strptime.
    """
    if form == "iso":
        return lambda text: _iso(text, zone)
    if form in _UNITS:
        return lambda text: _since_1970(text, _UNITS[form])
    return lambda text: _patterned(text, form, zone)


def _integer(text: str) -> bytes:
    if _PLAIN_INTEGER.fullmatch(text):
        return text.encode()
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"{_quoted(text)} is no whole number")
    return str(int(text)).encode()


def _number(text: str) -> bytes:
    if _JSON_NUMBER.fullmatch(text):
        return text.encode()
    if not _NUMBER.fullmatch(text):
        raise ValueError(f"{_quoted(text)} is no number")
    return f"{Decimal(text):f}".encode()


def _boolean(text: str) -> bytes:
    word = _WORDS.get(text.lower())
    if word is None:
        raise ValueError(f"{_quoted(text)} is neither true nor false")
    return word


def _iso(text: str, zone: ZoneInfo) -> str:
    if _RFC3339.fullmatch(text):
        return text
    try:
        return _written(parse_instant(text, zone, "time"))
    except BadInput as error:
        raise ValueError(f"{_quoted(text)}: {error.reason}") from None


def _since_1970(text: str, unit_us: int) -> str:
    try:
        return _written(int(Decimal(text) * unit_us))
    except (InvalidOperation, OverflowError, ValueError):
        raise ValueError(f"{_quoted(text)} is no time since 1970") from None


def _patterned(text: str, pattern: str, zone: ZoneInfo) -> str:
    try:
        at = datetime.strptime(text, pattern)  # noqa: DTZ007 - the zone is given below
    except ValueError:
        raise ValueError(f"{_quoted(text)} does not match {pattern}") from None
    return (at if at.tzinfo else at.replace(tzinfo=zone)).isoformat()


def _written(us: int) -> str:
    return from_us(us).isoformat().replace("+00:00", "Z")


def _quoted(text: str) -> str:
    shown = text if len(text) <= _TEXT_CHARS_MAX else f"{text[:_TEXT_CHARS_MAX]}…"
    return f"'{shown.encode('utf-8', 'replace').decode()}'"
