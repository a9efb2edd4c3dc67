"""The identity of a row that has none of its own: a hash of everything up to and including it.

In the flow: fed with each row by ``table`` and ``objects``, asked by them for an id and by
``checkpoint`` for a place.
Guarantee: the same file gives the same ids, packed or not; a file that has grown at its end gives
the same ids to the rows it had; two equal rows have different ids, in one file and in two.

A hash of the whole file with a line number would change every id when one line is added, and count
the file twice; a hash of the row alone would count two equal rows once. The seed holds the file's
name, because two files may begin with the same rows.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b

__all__ = ["Chain"]

_BYTES = 16


class Chain:
    """The hash of the rows so far."""

    def __init__(self, seed: str) -> None:
        """Begin; rows that become other events, or stand in another file, need another seed."""
        self._digest = blake2b(seed.encode("utf-8", "surrogateescape"), digest_size=_BYTES).digest()

    def add(self, row: bytes) -> str:
        """Take the next row; return its id: 32 hexadecimal digits."""
        self._digest = blake2b(self._digest + row, digest_size=_BYTES).digest()
        return self._digest.hex()

    def add_all(self, rows: Iterable[str]) -> list[str]:
        """Take the next rows, as texts; return the id of each."""
        digest, ids = self._digest, []
        for row in rows:
            digest = blake2b(
                digest + row.encode("utf-8", "surrogateescape"), digest_size=_BYTES
            ).digest()
            ids.append(digest.hex())
        self._digest = digest
        return ids
