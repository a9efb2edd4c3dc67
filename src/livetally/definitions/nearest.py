"""Finds the name that a misspelt one was meant to be.

In the flow: receives an unknown name and the known ones from any room, hands back what to suggest.

Guarantee: the answer depends on nothing but the arguments, and its cost is bounded whatever they
are.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from itertools import islice
from typing import Final

__all__ = ["nearest"]

# Who mistypes a name is close to it in length too; beyond these bounds nothing is compared.
_NAME_CHARS_MAX: Final = 100
_CANDIDATES_MAX: Final = 1_000
_LENGTH_DIFFERENCE_MAX: Final = 8
_ALIKE: Final = 0.6


def nearest(name: str, candidates: Iterable[str], alike: float = _ALIKE) -> str | None:
    """Return the candidate most like ``name``, or None when none is alike.

    Upper and lower case are the same; of candidates that are equally alike the first wins.

    Args:
        name: what was written. Names over 100 characters are like nothing.
        candidates: what exists; at most the first 1,000 of similar length are compared.
        alike: how alike they have to be, from 0 (not at all) to 1 (the same).
    """
    if not 0 < len(name) <= _NAME_CHARS_MAX:
        return None
    similar = (
        known for known in candidates if abs(len(known) - len(name)) <= _LENGTH_DIFFERENCE_MAX
    )
    by_lower: dict[str, str] = {}
    for known in islice(similar, _CANDIDATES_MAX):
        by_lower.setdefault(known.lower(), known)
    wanted = name.lower()
    if wanted in by_lower:
        return by_lower[wanted]
    close = difflib.get_close_matches(wanted, by_lower, n=1, cutoff=alike)
    return by_lower[close[0]] if close else None
