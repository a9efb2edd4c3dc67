"""Content sums of many events of one type at once.

In the flow: called by ``ingest.batch`` for lines that are alike.
Guarantee: equals ``event.identity.content_sums``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias
from zlib import crc32

import numpy as np
import numpy.typing as npt

from livetally.event.bulk import Ints
from livetally.event.identity import MASK, UNTIMED
from livetally.event.texts import Texts

__all__ = ["Sums", "sums_of_one_type"]

Sums: TypeAlias = npt.NDArray[np.uint32]


def sums_of_one_type(
    kind: str, given_us: Ints | None, subjects: Sequence[str], data: Sequence[bytes]
) -> Sums:
    """Return the sums of events of type ``kind``; ``given_us`` is None where no time was given."""
    start = crc32(kind.encode())
    if given_us is None:
        starts = [start ^ UNTIMED] * len(data)
    else:
        starts = ((given_us ^ (given_us >> 32) ^ start) & MASK).tolist()
    if isinstance(subjects, Texts):
        starts = list(map(crc32, subjects.utf8, starts))
    elif any(subjects):
        starts = [
            crc32(subject.encode(), one) for subject, one in zip(subjects, starts, strict=True)
        ]
    return np.fromiter(map(crc32, data, starts), np.uint32, len(data))
