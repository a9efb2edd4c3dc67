"""A record on its way: an event to send, or the reason why it can't be one.

In the flow: made by ``table`` and ``objects``, sent by ``upload``, written by ``rejects``.
Guarantee: what stood in the file stays with it until its fate is known.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

__all__ = ["Item", "Original", "Refused"]

Original: TypeAlias = list[str] | bytes
"""The cells of a row of CSV, or a line of JSON."""


class Item(msgspec.Struct, frozen=True, gc=False):
    """An event, as a line of JSON, from the record on ``line`` (from 1)."""

    line: int
    event: bytes
    original: Original
    mark: str
    """The chain's id after this record."""


class Refused(msgspec.Struct, frozen=True, gc=False):
    """A record that is not taken: the ``field`` to blame, if one is, and the ``error``."""

    line: int
    field: str
    error: str
    original: Original
    mark: str
