"""Many identity keys become 128-bit hashes at once.

In the flow: called by ``index`` for the keys of a commit.
Guarantee: two different keys share a hash with a probability of 2**-128, whoever chose the keys and
whatever the coefficients of other stores are: these are random and never told.

Multilinear hashing, four times over: the key's 32-bit words and its length, each multiplied by a
random 64-bit number of its own, are added up modulo 2**64, and the upper halves of the four sums
are the hash.

Source: D. Lemire, O. Kaser: Strongly universal string hashing is fast. The Computer Journal 57
(2014), theorem 3.1.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from livetally.event.identity import KEY_BYTES_MAX
from livetally.event.texts import SameSize

__all__ = [
    "SEED_BYTES",
    "Bools",
    "Hashed",
    "Hasher",
    "Places",
    "Words",
    "new_seed",
]

Words: TypeAlias = npt.NDArray[np.uint64]
Places: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]

_WORD_BYTES = 4
_SUMS = 4
_ROWS = 2 + KEY_BYTES_MAX // _WORD_BYTES  # a constant and the length's come first
SEED_BYTES = _ROWS * _SUMS * 8
_UPPER = np.uint64(0xFFFF_FFFF_0000_0000)
_HALF_BITS = np.uint64(32)
_NONE = np.zeros((0, _SUMS), np.uint64)


class Hashed(NamedTuple):
    """Hashes in ascending order of their upper halves; ``places`` are those of their keys."""

    high: Words
    low: Words
    places: Places

    @property
    def repeats(self) -> bool:
        """Whether some of the keys may be the same; if not, all are different."""
        return bool((self.high[1:] == self.high[:-1]).any())

    def among(self, places: Sequence[int]) -> Hashed:
        """Return those of the keys at ``places``."""
        chosen = np.zeros(len(self.high), np.bool_)
        chosen[places] = True
        return self.only(chosen[self.places])

    def only(self, chosen: Bools | Places) -> Hashed:
        """Return some of them, in the same order."""
        return Hashed(self.high[chosen], self.low[chosen], self.places[chosen])


class Hasher:
    """Hashes keys of up to ``KEY_BYTES_MAX`` bytes."""

    def __init__(self, seed: bytes) -> None:
        """Take the coefficients from ``seed``, as ``new_seed`` gives it."""
        self._factors: Words = np.frombuffer(seed, "<u8").reshape(_ROWS, _SUMS)

    def hashed(self, parts: Sequence[Sequence[bytes]]) -> Hashed:
        """Return the hashes of all keys; places are counted through all parts."""
        sums = np.concatenate([_NONE, *(self._sums(keys) for keys in parts)])
        high: Words = (sums[:, 0] & _UPPER) | (sums[:, 1] >> _HALF_BITS)
        low: Words = (sums[:, 2] & _UPPER) | (sums[:, 3] >> _HALF_BITS)
        places = np.argsort(high)
        return Hashed(high[places], low[places], places)

    def _sums(self, keys: Sequence[bytes]) -> Words:
        sizes, text = _padded(keys)
        factors = self._factors
        # The length is a word too, so the zeros at the end make no two keys the same.
        sums: Words = text.astype(np.uint64) @ factors[2 : 2 + text.shape[1]]
        sums += sizes[:, None] * factors[1] + factors[0]
        return sums


def _padded(keys: Sequence[bytes]) -> tuple[Words, npt.NDArray[np.uint32]]:
    """Return the keys' sizes, and their words as rows, with zeros at the end."""
    count = len(keys)
    if isinstance(keys, SameSize):
        sizes = np.full(count, keys.size, np.uint64)
        words = -(-keys.size // _WORD_BYTES)
        wide = np.zeros((count, words * _WORD_BYTES), np.uint8)
        wide[:, : keys.size] = keys.chars
        return sizes, wide.view("<u4")
    sizes = np.fromiter(map(len, keys), np.uint64, count)
    words = -(-int(sizes.max(initial=1)) // _WORD_BYTES)
    text = np.array(keys, f"S{words * _WORD_BYTES}")
    return sizes, text.view("<u4").reshape(count, words)


def new_seed() -> bytes:
    """Return new coefficients."""
    return secrets.token_bytes(SEED_BYTES)
