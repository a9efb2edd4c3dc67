"""Whether two texts of JSON say the same: spaces, order of members and spelling of numbers aside.

In the flow: asked by ``ingest`` when a known identity comes again with other bytes.
Guarantee: 1.10 equals 1.1 and 11e-1, exactly and at any length; true does not equal 1; null does
not equal a missing member.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

__all__ = ["says_the_same"]


def says_the_same(one: bytes, other: bytes) -> bool:
    """Compare two JSON texts by what they mean; text that is no JSON equals nothing else."""
    if one == other:
        return True
    try:
        return _same(_read(one), _read(other))
    except (ValueError, RecursionError, ArithmeticError):
        return False


def _read(text: bytes) -> Any:
    return json.loads(text, parse_int=Decimal, parse_float=Decimal)


def _same(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[name], other[name]) for name in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)
