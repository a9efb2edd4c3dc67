"""JSON comes in and goes out with every digit of its numbers.

In the flow: called by whoever holds a payload's bytes, before and after ``EventMapping``.
Guarantee: no number passes through a binary fraction; a payload is bounded by the caller's limit of
bytes, and no number in it can make a later step run long.
"""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Final, NamedTuple

import msgspec

from livetally.errors import UnreadableBody

__all__ = [
    "EXPONENT_MAX",
    "PayloadLines",
    "decode_payload",
    "decode_payload_lines",
    "encode",
    "encode_items",
]

# ceil(1e999999999) would not end in a lifetime.
EXPONENT_MAX: Final = 400


def _fraction(text: str) -> Decimal:
    number = Decimal(text)
    if number and abs(number.adjusted()) > EXPONENT_MAX:
        raise ValueError("a number is too large or too small")
    return number


_decoder = msgspec.json.Decoder(float_hook=_fraction)
_encoder = msgspec.json.Encoder(decimal_format="number")


def decode_payload(body: bytes) -> Any:
    """Decode JSON; fractions become Decimal, whole numbers int of any size.

    A byte order mark before it is passed over, as RFC 8259, section 8.1, allows.

    Raises:
        UnreadableBody: the bytes are no JSON in UTF-8.
    """
    try:
        return _decoded(body)
    except _NotJson as error:
        raise UnreadableBody(f"The body is not JSON: {error}.") from None


class PayloadLines(NamedTuple):
    """Lines of JSON: ``values[i]`` was line ``indexes[i]``; ``broken`` are the others and why."""

    values: list[Any]
    indexes: list[int]
    broken: list[tuple[int, str]]


def decode_payload_lines(body: bytes) -> PayloadLines:
    """Decode each line as ``decode_payload`` does; blank lines don't count."""
    lines = PayloadLines([], [], [])
    for index, line in enumerate(line for line in body.split(b"\n") if line.strip()):
        try:
            lines.values.append(_decoded(line))
        except _NotJson as error:
            lines.broken.append((index, str(error)))
        else:
            lines.indexes.append(index)
    return lines


def encode(value: Any) -> bytes:
    """Write plain values as JSON, a Decimal as the number that it is."""
    return _encoder.encode(value)


def encode_items(items: Iterable[Any]) -> bytes:
    """Write one item on each line, as ``application/x-ndjson``."""
    return _encoder.encode_lines(items)


class _NotJson(Exception):
    """Bytes are no JSON in UTF-8; the message is the reason."""


def _decoded(text: bytes) -> Any:
    try:
        text.decode()
        return _decoder.decode(text.removeprefix(BOM_UTF8))
    except UnicodeDecodeError as error:
        raise _NotJson(f"invalid UTF-8 at byte {error.start}") from None
    except RecursionError:
        raise _NotJson("nested too deeply") from None
    except ValueError as error:
        reason = str(error).removeprefix("JSON is malformed: ").partition(" - at ")[0].rstrip(".")
        raise _NotJson(reason.lower()) from None
