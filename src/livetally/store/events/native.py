"""Rows become one block in the engine's Native format: column after column, no text to parse.

In the flow: receives lists of values from ``store.events.insert``, hands bytes to the engine.
Guarantee: what the engine reads back equals what went in; lengths and types are stated in the
block.

Native was chosen over NDJSON (the engine would parse what we parsed already) and over Arrow (an
extra copy and a 100 MB dependency); see docs/decisions.

Source: ClickHouse documentation, "Native" format.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from livetally.event.texts import SameSize, Texts

__all__ = [
    "Array",
    "block",
    "floats",
    "int64s",
    "int128s",
    "nullable",
    "strings",
    "texts",
    "uint8s",
    "uint32s",
    "uint64s",
]

Array: TypeAlias = npt.NDArray[Any]
_SHORT = [bytes([n]) for n in range(128)]


def block(columns: Sequence[tuple[str, str, bytes]], rows: int) -> bytes:
    """Join encoded columns ``(name, engine type, bytes)`` of ``rows`` rows into one block."""
    parts = [_varint(len(columns)), _varint(rows)]
    for name, engine_type, data in columns:
        parts += (_text(name.encode()), _text(engine_type.encode()), data)
    return b"".join(parts)


def strings(values: Sequence[bytes]) -> bytes:
    """Encode a String column."""
    if isinstance(values, SameSize):
        size = np.frombuffer(_varint(values.size), np.uint8)
        sizes_of = np.broadcast_to(size, (len(values), len(size)))
        return np.concatenate([sizes_of, values.chars], axis=1).tobytes()
    sizes = list(map(len, values))
    parts: list[bytes] = [b""] * (2 * len(values))
    parts[1::2] = values
    if max(sizes, default=0) < len(_SHORT):
        parts[::2] = map(_SHORT.__getitem__, sizes)
    else:
        parts[::2] = map(_varint, sizes)
    return b"".join(parts)


def texts(values: Sequence[str]) -> bytes:
    """Encode a String column of texts, each distinct one once: types, sources, subjects repeat."""
    if isinstance(values, Texts):
        return strings(values.utf8)
    distinct = set(values)
    if len(distinct) == 1:
        return _text(values[0].encode()) * len(values)
    if 2 * len(distinct) > len(values):
        return strings([value.encode() for value in values])
    encoded = {value: _text(value.encode()) for value in distinct}
    return b"".join([encoded[value] for value in values])


def int64s(values: Sequence[int] | Array) -> bytes:
    """Encode an Int64 column (also DateTime64)."""
    if isinstance(values, np.ndarray):
        return values.astype(np.int64, copy=False).tobytes()
    return array("q", values).tobytes()


def uint64s(values: Sequence[int] | Array) -> bytes:
    """Encode a UInt64 column."""
    if isinstance(values, np.ndarray):
        return values.astype(np.uint64, copy=False).tobytes()
    return array("Q", values).tobytes()


def uint32s(values: Sequence[int] | Array) -> bytes:
    """Encode a UInt32 column."""
    if isinstance(values, np.ndarray):
        return values.astype(np.uint32, copy=False).tobytes()
    return array("I", values).tobytes()


def uint8s(values: Sequence[int] | Array) -> bytes:
    """Encode a UInt8 or Bool column."""
    if isinstance(values, np.ndarray):
        return values.astype(np.uint8, copy=False).tobytes()
    return bytes(values)


def floats(values: Sequence[float] | Array) -> bytes:
    """Encode a Float64 column."""
    if isinstance(values, np.ndarray):
        return values.astype(np.float64, copy=False).tobytes()
    return array("d", values).tobytes()


def int128s(values: Sequence[int] | Array) -> bytes:
    """Encode an Int128 column; also a Decimal(38, scale) one, as units of the last place."""
    if isinstance(values, np.ndarray):
        return np.stack([values, values >> 63], axis=1).tobytes()
    try:
        # The usual number fits the lower half; the upper half repeats its sign.
        halves = array("q", bytes(16 * len(values)))
        halves[::2] = array("q", values)
        halves[1::2] = array("q", [number >> 63 for number in values])
    except OverflowError:
        return b"".join([number.to_bytes(16, "little", signed=True) for number in values])
    return halves.tobytes()


def nullable(missing: Sequence[bool], encoded: bytes) -> bytes:
    """Put the null map before a column whose missing values hold any filler."""
    return bytes(missing) + encoded


def _text(value: bytes) -> bytes:
    return _varint(len(value)) + value


def _varint(number: int) -> bytes:
    out = bytearray()
    while number >= len(_SHORT):
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)
