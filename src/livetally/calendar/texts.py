"""Instants as people and programs write them.

In the flow: receives ``from`` and ``to`` of a question and hands on instants; receives edges and
hands the ``time`` of each row to the answer.

Guarantee: what ``label`` writes, ``parse_instant`` reads as the same instant, in any zone.
"""

from __future__ import annotations

import functools
import re
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from livetally.calendar.instants import DAY_US, EPOCH, MAX_US, MIN_US, MINUTE_US, from_us, to_us
from livetally.calendar.offsets import first_reaching, spans
from livetally.errors import BadInput

if TYPE_CHECKING:
    from collections.abc import Sequence
    from zoneinfo import ZoneInfo

__all__ = ["label", "labels", "parse_instant"]

_ACCEPTED: Final = (
    "give an instant such as 2026-03-29T01:30:00Z or 2026-03-29T01:30:00.25+01:00, "
    "or a time, date, month or year of the time zone: 2026-03-29T01:30, 2026-03-29, 2026-03, 2026"
)
_SECOND_US: Final = 1_000_000
_EPOCH_ORDINAL: Final = EPOCH.toordinal()
_CACHED_TEXTS_MAX: Final = 4096
_YEAR_MIN: Final = from_us(MIN_US).year
_YEAR_MAX: Final = from_us(MAX_US).year
_OUTSIDE: Final = f"must lie in the years {_YEAR_MIN} to {_YEAR_MAX} of UTC"
# Before the offset a blank stands for "+": that is what a "+" not escaped in a URL arrives as.
_INSTANT: Final = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)[Tt ](?P<minute>(?:[01]\d|2[0-3]):\d\d)"
    r"(?::(?P<second>\d\d)(?:\.(?P<fraction>\d+))?)?"
    r"(?P<offset>[Zz]|[-+ ]\d\d:[0-5]\d)?",
    re.ASCII,
)
_DATE: Final = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)


def parse_instant(text: str, zone: ZoneInfo, field: str) -> int:
    """Read an instant, or the start of a civil time, date, month or year.

    RFC 3339 with any offset is read to the microsecond; further digits are cut off. Without an
    offset the text is read in ``zone``: a time that occurs twice is the earlier one, a time that is
    skipped moves forward by the length of the gap. A date, month or year means the start of its
    bucket.

    Args:
        text: what the client sent.
        zone: the zone of texts without an offset.
        field: the request's field, for the error.

    Returns:
        Microseconds since 1970 in UTC, from ``MIN_US`` to ``MAX_US``.

    Raises:
        BadInput: for any other text, with the forms that are accepted.

    Source: RFC 3339, section 5.6 (form) and appendix D (a leap second ends a day of UTC).
    """
    if parts := _INSTANT.fullmatch(text):
        read = _read_instant
    elif parts := _DATE.fullmatch(text):
        read = _read_date
    else:
        raise BadInput(field, _ACCEPTED)
    # An offset can move an instant into the bounds from the year on either side of them.
    if not _YEAR_MIN - 1 <= int(text[:4]) <= _YEAR_MAX + 1:
        raise BadInput(field, _OUTSIDE)
    try:
        instant_us = read(parts, zone)
    except ValueError:
        raise BadInput(field, f"no calendar or clock shows this; {_ACCEPTED}") from None
    if not MIN_US <= instant_us <= MAX_US:
        raise BadInput(field, _OUTSIDE)
    return instant_us


def label(us: int, zone: ZoneInfo) -> str:
    """Write an instant as RFC 3339 in the zone; see ``labels``."""
    return labels([us], zone)[0]


def labels(edges: Sequence[int], zone: ZoneInfo) -> list[str]:
    """Write instants as RFC 3339 in the zone, for example ``2026-03-29T00:00:00+01:00``.

    A fraction is written, with six digits, only where there is one. RFC 3339 has no seconds in an
    offset, but local mean time before standard time had: there the offset is rounded up to a minute
    and the clock moved with it. So the text still is exactly the instant, and the start of a day is
    never shown with the date before.

    Args:
        edges: instants in microseconds since 1970 in UTC, in any order.
        zone: the zone to write them in.

    Source: RFC 3339, sections 5.6 and 5.8 (its Amsterdam example moves the clock with the offset).
    """
    if not edges:
        return []
    within = spans(zone, min(edges), max(edges) + 1)
    begins = [span.begin_us for span in within]
    clocks = [_written_offset(span.offset_us) for span in within]
    if len(clocks) == 1:
        ahead_us, suffix = clocks[0]
        shown = (divmod(us + ahead_us, DAY_US) for us in edges)
        return [_date_text(day) + _time_text(past_us) + suffix for day, past_us in shown]
    texts = []
    for us in edges:
        ahead_us, suffix = clocks[bisect_right(begins, us) - 1]
        day, past_midnight_us = divmod(us + ahead_us, DAY_US)
        texts.append(_date_text(day) + _time_text(past_midnight_us) + suffix)
    return texts


def _read_instant(parts: re.Match[str], zone: ZoneInfo) -> int:
    """Turn the parts of a date and time into an instant; ValueError when no clock shows them."""
    leap = parts["second"] == "60"
    second = "59" if leap else parts["second"] or "00"
    offset = (parts["offset"] or "").upper().replace(" ", "+")
    shown = datetime.fromisoformat(f"{parts['date']}T{parts['minute']}:{second}{offset}")
    instant_us = to_us(shown if offset else shown.replace(tzinfo=zone))
    if leap:
        instant_us += _SECOND_US
        if instant_us % DAY_US:
            raise ValueError
    return instant_us + int((parts["fraction"] or "")[:6].ljust(6, "0"))


def _read_date(parts: re.Match[str], zone: ZoneInfo) -> int:
    """Turn a date, month or year into its first instant; ValueError when there is none."""
    year, month, day = (int(part or 1) for part in parts.groups())
    return first_reaching(zone, to_us(datetime(year, month, day, tzinfo=UTC)))


def _written_offset(offset_us: int) -> tuple[int, str]:
    """Round an offset up to whole minutes; return it in microseconds and as text."""
    minutes = -(-offset_us // MINUTE_US)
    hours, rest = divmod(abs(minutes), 60)
    sign = "-" if minutes < 0 else "+"
    return minutes * MINUTE_US, f"{sign}{hours:02}:{rest:02}"


# Buckets share few dates and fewer times of day: both texts come from a cache most of the time.
@functools.lru_cache(maxsize=_CACHED_TEXTS_MAX)
def _date_text(day: int) -> str:
    """Write the date ``day`` days after 1970-01-01, and the letter that ends a date."""
    return date.fromordinal(_EPOCH_ORDINAL + day).isoformat() + "T"


@functools.lru_cache(maxsize=_CACHED_TEXTS_MAX)
def _time_text(past_midnight_us: int) -> str:
    """Write a time of day, with six digits of fraction where there is one."""
    return (EPOCH + timedelta(microseconds=past_midnight_us)).time().isoformat()
