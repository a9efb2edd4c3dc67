"""Which lengths a bucket can have.

In the flow: receives a word from a question, hands an ``Interval`` to ``edges``.

Guarantee: members are listed from short to long, so that "the next coarser one" is the next member.
"""

from __future__ import annotations

import difflib
from enum import StrEnum

from livetally.errors import UnknownName

__all__ = ["Interval"]

# Longer words are cut before they are compared: the comparison's cost grows with its input.
_COMPARED_CHARS_MAX = 32


class Interval(StrEnum):
    """The length of a bucket in civil time."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"

    @classmethod
    def parse(cls, text: str) -> Interval:
        """Read an interval's name.

        Args:
            text: one of the names in lower case, for example ``"day"``.

        Raises:
            UnknownName: for any other text, with the nearest name; its field is ``interval``.
        """
        try:
            return cls(text)
        except ValueError:
            shown = text[:_COMPARED_CHARS_MAX]
            close = difflib.get_close_matches(shown.lower(), list(cls), n=1)
            raise UnknownName(
                "interval", "interval", shown, str(close[0]) if close else None
            ) from None
