"""Where a page ended, as an opaque text for the next request.

In the flow: made by ``raw`` and ``entities`` for the ``next`` member, read back from ``cursor``.
Guarantee: a text that was not made here is refused by name; it holds nothing but the last row's
sort values, which the client has seen.
"""

from __future__ import annotations

import base64
import binascii
from typing import TypeVar

import msgspec

from livetally.errors import BadInput

__all__ = ["read_cursor", "write_cursor"]

_CHARS_MAX = 4096
_Shape = TypeVar("_Shape")


def write_cursor(values: tuple[object, ...]) -> str:
    """Return the text for the sort values of a page's last row."""
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(values)).decode().rstrip("=")


def read_cursor(text: str, shape: type[_Shape]) -> _Shape:
    """Read a text of ``write_cursor`` back.

    Raises:
        BadInput: it is not one.
    """
    try:
        padded = text[:_CHARS_MAX] + "=" * (-len(text) % 4)
        packed = base64.b64decode(padded, altchars=b"-_", validate=True)
        return msgspec.msgpack.decode(packed, type=shape)
    except (ValueError, binascii.Error, msgspec.DecodeError):
        raise BadInput("cursor", "is not one of this resource's; take it from 'next'") from None
