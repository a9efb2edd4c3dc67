"""JSON that is well-formed and yet dangerous: numbers no float can hold, bottomless nesting.

In the flow: asked by ``event.limits`` about the data of a batch.
Guarantee: data that passes is read by the engine's own JSON functions as we read it. One number
such as 1e999, however it is written, makes the engine read *every* member of that event as missing,
and an infinity in a sum never goes away.

The batch is searched as a whole for what such data must contain; events are read one by one only
when that finds something.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence

__all__ = ["DEPTH_MAX", "danger", "may_be_dangerous", "may_be_deep"]

DEPTH_MAX = 100
# The largest float has 309 digits, and an exponent of two digits stands for up to 99 of them.
_DIGITS_MAX = 309 - 99
# Every digit becomes 0, so that one plain search finds them all.
_DIGITS_ALIKE = bytes.maketrans(b"123456789E", b"000000000e")
_LONG = b"0" * _DIGITS_MAX
_HUGE = re.compile(rb"[:,\[\s]-?[0-9][0-9.]*[eE]\+?0*[1-9][0-9]{2}")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_BRACKET = re.compile(rb"[\[\]{}]")


def may_be_dangerous(data: Sequence[bytes], joined: bytes, longest: int) -> bool:
    """Tell cheaply whether any event needs a closer look.

    Args:
        data: what each event says.
        joined: the same in one piece.
        longest: length in bytes of the longest.
    """
    if longest > 2 * DEPTH_MAX and any(map(may_be_deep, data)):
        return True
    return _may_be_huge(joined, longest)


def danger(data: bytes) -> str | None:
    """Say what is dangerous about one event's data, None for nothing."""
    if may_be_deep(data) and _depth(data) > DEPTH_MAX:
        return f"is nested more than {DEPTH_MAX} levels deep"
    if not _may_be_huge(data, len(data)):
        return None
    try:
        json.loads(data, parse_int=_require_finite, parse_float=_require_finite)
    except OverflowError:
        return "has a number that is too large for a 64-bit float"
    return None


def may_be_deep(data: bytes) -> bool:
    """Tell cheaply whether one event's data may be nested too deep."""
    return len(data) > 2 * DEPTH_MAX and data.count(b"[") + data.count(b"{") > DEPTH_MAX


def _may_be_huge(data: bytes, longest: int) -> bool:
    alike = data.translate(_DIGITS_ALIKE)
    if b"0e" in alike and _HUGE.search(data):
        return True
    return longest >= _DIGITS_MAX and _LONG in alike


def _depth(data: bytes) -> int:
    depth = deepest = 0
    for bracket in _BRACKET.findall(_STRING.sub(b"", data)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest


def _require_finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise OverflowError
    return number
