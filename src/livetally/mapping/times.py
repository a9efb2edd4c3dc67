"""Reads a time however a payload writes it.

In the flow: read from ``format`` and ``tz`` of a mapping's entry, asked by ``casts``.
Guarantee: the instant is exact to the microsecond; a time without an offset is read in the stated
zone, on both days on which clocks change too; nothing depends on the machine's zone.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from livetally.calendar import MAX_US, MIN_US, find_zone, label, parse_instant, to_us
from livetally.errors import BadInput

__all__ = ["UNITS", "TimeForm", "format_fault"]

# How many microseconds one of it is.
UNITS: Final = {
    "unix": Decimal(1_000_000),
    "unix_ms": Decimal(1_000),
    "unix_us": Decimal(1),
    "unix_ns": Decimal("0.001"),
}
_UTC: Final = find_zone("UTC")


class TimeForm:
    """How a time is written; immutable, safe for any thread."""

    __slots__ = ("_pattern", "_zone")

    def __init__(self, pattern: str = "", zone: ZoneInfo = _UTC) -> None:
        """Read times in this form.

        Args:
            pattern: "" for RFC 3339 or a civil time or date, one of ``UNITS``, or a pattern of
                ``strptime``.
            zone: of texts that name no offset.
        """
        self._pattern = pattern
        self._zone = zone

    def text_of(self, value: Any) -> str:
        """Return the instant as RFC 3339 in UTC.

        Raises:
            ValueError: the value is no such time.
        """
        if self._pattern in UNITS:
            at_us = _counted(value, UNITS[self._pattern])
        elif not isinstance(value, str):
            raise ValueError("is no text; for a number say format = 'unix', 'unix_ms', ...")
        elif self._pattern:
            at_us = self._patterned(value.strip())
        else:
            at_us = self._instant(value.strip())
        if not MIN_US <= at_us <= MAX_US:
            raise ValueError("must lie in the years 1900 to 2299")
        return label(at_us, _UTC)

    def _instant(self, text: str) -> int:
        try:
            return parse_instant(text, self._zone, "time")
        except BadInput as error:
            raise ValueError(error.reason) from None

    def _patterned(self, text: str) -> int:
        try:
            shown = datetime.strptime(text, self._pattern)  # noqa: DTZ007 - the zone comes below
        except ValueError:
            raise ValueError(f"is not written as '{self._pattern}'") from None
        return to_us(shown if shown.tzinfo else shown.replace(tzinfo=self._zone))


def format_fault(pattern: str) -> str:
    """Say what is wrong with a pattern, "" when nothing is."""
    if pattern in UNITS:
        return ""
    if "%" not in pattern:
        return f"must be one of {', '.join(UNITS)}, or a pattern such as '%d.%m.%Y %H:%M'"
    try:
        datetime.strptime("", pattern)  # noqa: DTZ007 - only the pattern is tried
    except ValueError as error:
        if "bad directive" in str(error) or "stray" in str(error):
            return f"is no pattern of a time: {error}"
    except (re.error, KeyError, IndexError):
        return "is no pattern of a time"
    return ""


def _counted(value: Any, unit_us: Decimal) -> int:
    try:
        number = Decimal(str(value).strip()) if not isinstance(value, bool) else Decimal("NaN")
        if not number.is_finite() or number.adjusted() > 20:  # noqa: PLR2004 - no time is so far
            raise ValueError("is no number that can be a time")
        return int((number * unit_us).to_integral_value(rounding="ROUND_FLOOR"))
    except InvalidOperation:
        raise ValueError("is no number that can be a time") from None
