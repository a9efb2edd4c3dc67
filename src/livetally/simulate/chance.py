"""The draws of a simulation, all made of uniform numbers between 0 and 1.

In the flow: made by ``scenario`` from a seed, asked by everything that draws.
Guarantee: only ``random()`` and ``getrandbits()`` of the generator are used, whose results Python
promises to keep from one version to the next; what is made of them is ours.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from random import Random
from statistics import NormalDist

__all__ = ["Chance", "Weights"]

_SMALLEST = 2.0**-53
_UUID_BITS = 128
_VERSION = ~(0xF << 76), 0x4 << 76
_VARIANT = ~(0x3 << 62), 0x2 << 62


class Weights:
    """How often each of several things is drawn, compared with the others."""

    def __init__(self, weights: Sequence[float]) -> None:
        """Take weights of zero or more."""
        self._ends = list(accumulate(weights))
        self._last = max((i for i, weight in enumerate(weights) if weight > 0), default=0)

    @property
    def total(self) -> float:
        """The sum; 0 when nothing can be drawn."""
        return self._ends[-1] if self._ends else 0.0

    def index(self, share: float) -> int:
        """Return what lies at a ``share`` of the sum, from 0 to below 1."""
        # Rounding can bring the product up to the sum itself.
        return min(bisect_right(self._ends, share * self.total), self._last)


class Chance:
    """A stream of draws. Not safe for threads."""

    def __init__(self, seed: str) -> None:
        """Begin at ``seed``."""
        random = Random(seed)  # noqa: S311 - to be repeatable; nothing here is secret
        self.share = random.random
        self._bits = random.getrandbits
        self._normal = NormalDist().inv_cdf

    def whole(self, lowest: int, highest: int) -> int:
        """Return a whole number from ``lowest`` to ``highest``, each as likely."""
        return lowest + min(int(self.share() * (highest - lowest + 1)), highest - lowest)

    def gap_s(self, per_s: float) -> float:
        """Return the seconds to the next of events that come independently, ``per_s`` a second."""
        return -math.log(1.0 - self.share()) / per_s

    def normal(self) -> float:
        """Return a number of mean 0 and deviation 1, normally distributed."""
        return self._normal(max(self.share(), _SMALLEST))

    def uuid(self) -> str:
        """Return a UUID of version 4.

        Source: RFC 9562, section 5.4.
        """
        number = self._bits(_UUID_BITS)
        number = number & _VERSION[0] | _VERSION[1]
        number = number & _VARIANT[0] | _VARIANT[1]
        text = f"{number:032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
