"""Rows become one block in the engine's Native format: column after column, no text to parse.

In the flow: receives lists of values from ``store.events.insert``, hands bytes to the engine.
Guarantee: what the engine reads back equals what went in; lengths and types are stated in the block.

Native was chosen over NDJSON (the engine would parse what we parsed already) and over Arrow (an
extra copy and a 100 MB dependency); see docs/decisions.

Source: ClickHouse documentation, "Native" format.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from decimal import Decimal

__all__ = [
    "block",
    "decimals",
    "floats",
    "int64s",
    "nullable",
    "strings",
    "uint8s",
    "uint32s",
    "uint64s",
]

_SHORT = [bytes([n]) for n in range(128)]


def block(columns: Sequence[tuple[str, str, bytes]], rows: int) -> bytes:
    """Join encoded columns ``(name, engine type, bytes)`` of ``rows`` rows into one block."""
    parts = [_varint(len(columns)), _varint(rows)]
    for name, engine_type, data in columns:
        parts += (_text(name.encode()), _text(engine_type.encode()), data)
    return b"".join(parts)


def strings(values: Sequence[bytes]) -> bytes:
    """Encode a String column."""
    if all(len(value) < 128 for value in values):
        return b"".join([part for value in values for part in (_SHORT[len(value)], value)])
    return b"".join([part for value in values for part in (_varint(len(value)), value)])


def int64s(values: Sequence[int]) -> bytes:
    """Encode an Int64 column (also DateTime64)."""
    return array("q", values).tobytes()


def uint64s(values: Sequence[int]) -> bytes:
    """Encode a UInt64 column."""
    return array("Q", values).tobytes()


def uint32s(values: Sequence[int]) -> bytes:
    """Encode a UInt32 column."""
    return array("I", values).tobytes()


def uint8s(values: Sequence[int]) -> bytes:
    """Encode a UInt8 or Bool column."""
    return bytes(values)


def floats(values: Sequence[float]) -> bytes:
    """Encode a Float64 column."""
    return array("d", values).tobytes()


def decimals(values: Sequence[Decimal], scale: int) -> bytes:
    """Encode a Decimal(38, scale) column; each value must fit the scale exactly."""
    return b"".join(
        [_unscaled(value, scale).to_bytes(16, "little", signed=True) for value in values]
    )


def nullable(missing: Sequence[bool], encoded: bytes) -> bytes:
    """Put the null map before a column whose missing values hold any filler."""
    return bytes(missing) + encoded


def _unscaled(value: Decimal, scale: int) -> int:
    """Shift the point by whole digits: decimal's own arithmetic would round to 28 of them."""
    sign, digits, exponent = value.as_tuple()
    number = int("".join(map(str, digits)) or "0")
    shift = int(exponent) + scale
    number = number * 10**shift if shift >= 0 else number // 10**-shift
    return -number if sign else number


def _text(value: bytes) -> bytes:
    return _varint(len(value)) + value


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
