"""Many texts that are kept as the bytes they came in.

In the flow: made by ``ingest.alike``, written by ``store.events.native``, looked at by whoever
needs one of them.
Guarantee: a sequence of texts like any other; only what is looked at is decoded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

__all__ = ["Texts"]


class Texts(Sequence[str]):
    """Texts, each of them UTF-8 in ``utf8``."""

    __slots__ = ("utf8",)

    def __init__(self, utf8: list[bytes]) -> None:
        """Hold ``utf8``, which is valid."""
        self.utf8 = utf8

    def __len__(self) -> int:
        """Return how many texts there are."""
        return len(self.utf8)

    def __iter__(self) -> Iterator[str]:
        """Decode them one after the other."""
        return map(bytes.decode, self.utf8)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> Texts: ...
    def __getitem__(self, place: int | slice) -> str | Texts:
        """Return one text, or some of them."""
        if isinstance(place, slice):
            return Texts(self.utf8[place])
        return self.utf8[place].decode()
