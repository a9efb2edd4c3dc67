"""The identity of a row that has none of its own: a hash of everything up to and including it.

In the flow: fed with each row by ``table`` and ``objects``, asked by them for an id and by
``checkpoint`` for a place.
Guarantee: the same file gives the same ids, packed or not; a file that has grown at its end gives
the same ids to the rows it had; two equal rows have different ids.

A hash of the whole file with a line number would change every id when one line is added; a hash of
the row alone would count two equal rows once.
"""

from __future__ import annotations

from hashlib import blake2b

__all__ = ["Chain"]

_BYTES = 16


class Chain:
    """The hash of the rows so far."""

    def __init__(self, seed: str) -> None:
        """Begin; rows that become different events (of another type) need another ``seed``."""
        self._digest = blake2b(seed.encode("utf-8", "surrogateescape"), digest_size=_BYTES).digest()

    def add(self, row: bytes) -> None:
        """Take the next row."""
        self._digest = blake2b(self._digest + row, digest_size=_BYTES).digest()

    @property
    def id(self) -> str:
        """The id of the row that was added last: 32 hexadecimal digits."""
        return self._digest.hex()
