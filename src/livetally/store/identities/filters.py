"""Tells most hashes that were never seen by one word of memory each.

In the flow: asked by ``index`` before anything else.
Guarantee: what was added is never called unseen.

A Bloom filter whose bits for one hash are all in one word, chosen by the upper bits of the hash, so
that sorted hashes are looked up from one end of the memory to the other. Six bits are set in it;
with four hashes to a word, which is the most that it is meant for, one in 240 unseen ones is not
recognised as such, with two one in 2,200.

Source: F. Putze, P. Sanders, J. Singler: Cache-, hash- and space-efficient Bloom filters. Journal
of Experimental Algorithmics 14 (2009), section 3.
"""

from __future__ import annotations

import numpy as np

from livetally.store.identities.hashing import Places, Words

__all__ = ["HASHES_A_WORD", "Filter"]

HASHES_A_WORD = 4
_ONE = np.uint64(1)
_WORD_BITS = np.uint64(64)
_BITS_MIN = 12
# Two of the word's bits for each value of 12 bits, of which a hash has three at its lower end.
_CHOICE_BITS = 12
_CHOICES = np.arange(1 << _CHOICE_BITS, dtype=np.uint64)
_PLACE_BITS = np.uint64(6)
_MASKS: Words = (_ONE << (_CHOICES & (_WORD_BITS - _ONE))) | (_ONE << (_CHOICES >> _PLACE_BITS))
_CHOICE = np.uint64((1 << _CHOICE_BITS) - 1)


class Filter:
    """A filter for about ``count`` hashes."""

    def __init__(self, count: int) -> None:
        """Know no hash."""
        bits = max(_BITS_MIN, (count // HASHES_A_WORD).bit_length())
        self._shift = _WORD_BITS - np.uint64(bits)
        self._words: Words = np.zeros(1 << bits, np.uint64)
        self.room = HASHES_A_WORD << bits
        """How many hashes it is meant for at most."""

    def add(self, high: Words) -> None:
        """Add hashes, which are in ascending order."""
        if not len(high):
            return
        at = high >> self._shift
        starts = np.flatnonzero(np.concatenate([[True], at[1:] != at[:-1]]))
        self._words[at[starts]] |= np.bitwise_or.reduceat(_masks(high), starts)

    def may_know(self, high: Words) -> Places:
        """Return where the hashes stand that may have been added."""
        masks = _masks(high)
        return np.flatnonzero(self._words[high >> self._shift] & masks == masks)


def _masks(high: Words) -> Words:
    masks: Words = _MASKS[high & _CHOICE]
    masks |= _MASKS[high >> np.uint64(_CHOICE_BITS) & _CHOICE]
    masks |= _MASKS[high >> np.uint64(2 * _CHOICE_BITS) & _CHOICE]
    return masks
