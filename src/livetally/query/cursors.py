"""Where a page ended, as an opaque text for the next request.

In the flow: made by ``raw`` and ``entities`` for the ``next`` member, read back from ``cursor``.
Guarantee: a text that was not made here, or for pages in another order, is refused by name; it
holds nothing but the last row's sort values, which the client has seen, and a mark of the order.
"""

from __future__ import annotations

import base64
import binascii
from hashlib import blake2b
from typing import TypeVar

import msgspec

from livetally.errors import BadInput

__all__ = ["read_cursor", "write_cursor"]

# A subject has 1,024 characters, of four bytes each at most, and a page may be sorted by another.
_CHARS_MAX = 16_384
_MARK_BYTES = 4
_Shape = TypeVar("_Shape")


def write_cursor(values: tuple[object, ...], order: str) -> str:
    """Return the text for the sort values of a page's last row; ``order`` says what they mean."""
    packed = _mark(order) + msgspec.msgpack.encode(values)
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def read_cursor(text: str, shape: type[_Shape], order: str) -> _Shape:
    """Read a text of ``write_cursor`` back.

    Raises:
        BadInput: it is not one, or one of another order.
    """
    try:
        padded = text[:_CHARS_MAX] + "=" * (-len(text) % 4)
        packed = base64.b64decode(padded, altchars=b"-_", validate=True)
        if packed[:_MARK_BYTES] == _mark(order):
            return msgspec.msgpack.decode(packed[_MARK_BYTES:], type=shape)
    except (ValueError, binascii.Error, msgspec.DecodeError):
        pass
    raise BadInput(
        "cursor",
        "is not one of this resource in this order; take it from 'next', or begin without one",
    )


def _mark(order: str) -> bytes:
    return blake2b(order.encode(), digest_size=_MARK_BYTES).digest()
