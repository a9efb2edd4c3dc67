"""Many texts that are kept as the bytes they came in.

In the flow: made by ``ingest.alike``, written by ``store.events.native``, looked at by whoever
needs one of them.
Guarantee: sequences like any other; only what is looked at is decoded, or made an object at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias, overload

import numpy as np
import numpy.typing as npt

__all__ = ["Chars", "SameSize", "Texts"]

Chars: TypeAlias = npt.NDArray[np.uint8]


class SameSize(Sequence[bytes]):
    """Byte strings of one size, not 0: the rows of ``chars``."""

    __slots__ = ("chars",)

    def __init__(self, chars: Chars) -> None:
        """Hold ``chars``, row after row in memory."""
        self.chars = np.ascontiguousarray(chars)

    @property
    def size(self) -> int:
        """How many bytes each of them has."""
        return int(self.chars.shape[1])

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.chars)

    def __iter__(self) -> Iterator[bytes]:
        """Make objects of all of them."""
        objects: list[bytes] = self.chars.view(f"V{self.size}").ravel().tolist()
        return iter(objects)

    @overload
    def __getitem__(self, place: int) -> bytes: ...
    @overload
    def __getitem__(self, place: slice) -> SameSize: ...
    def __getitem__(self, place: int | slice) -> bytes | SameSize:
        """Return one of them, or some."""
        if isinstance(place, slice):
            return SameSize(self.chars[place])
        return bytes(self.chars[place].tobytes())


class Texts(Sequence[str]):
    """Texts, each of them UTF-8 in ``utf8``."""

    __slots__ = ("utf8",)

    def __init__(self, utf8: Sequence[bytes]) -> None:
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
