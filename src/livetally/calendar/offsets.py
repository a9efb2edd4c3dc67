"""Where a zone's distance from UTC changes, so that all else can be arithmetic between two changes.

In the flow: receives a zone and a range of instants, hands spans of constant offset to ``edges``,
``periods`` and ``texts``.

Guarantee: spans touch, cover the range exactly, and are exact to the second even where an offset
has odd seconds. Changes of a zone's abbreviation alone are not changes here.

``zoneinfo`` keeps its list of changes to itself, so they are found from outside: sample the offset,
then bisect where two samples differ. A change that is undone between two samples would be missed,
but the shortest stay at one offset in tzdata is just under seven days; a test reads every zone's
file to see that none is.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from livetally.calendar.instants import DAY_US, MICROSECOND, from_us, to_us

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["Span", "first_reaching", "spans"]

_SAMPLE_STEP = timedelta(days=3)
_SECOND = timedelta(seconds=1)
# One entry is a zone's year with mostly two changes: about 2 MB when full.
_CACHED_YEARS_MAX = 8192


class Span(NamedTuple):
    """The instants from ``begin_us`` to ``end_us`` (exclusive), all ``offset_us`` ahead of UTC."""

    begin_us: int
    end_us: int
    offset_us: int


def spans(zone: ZoneInfo, start_us: int, end_us: int) -> list[Span]:
    """Cut a range of instants where the zone's offset changes.

    Args:
        zone: the time zone.
        start_us: first instant, microseconds since 1970 in UTC.
        end_us: end of the range, exclusive, after ``start_us``.

    Returns:
        Touching spans from ``start_us`` to ``end_us``, at least one.
    """
    found = []
    begin_us = start_us
    offset_us = _offset(zone, from_us(start_us).replace(tzinfo=zone)) // MICROSECOND
    for year in range(from_us(start_us).year, from_us(end_us).year + 1):
        for changed_us, new_offset_us in _changes(zone, year):
            if start_us < changed_us < end_us:
                found.append(Span(begin_us, changed_us, offset_us))
                begin_us = changed_us
                offset_us = new_offset_us
    found.append(Span(begin_us, end_us, offset_us))
    return found


def first_reaching(zone: ZoneInfo, local_us: int) -> int:
    """Return the first instant at which the zone's clocks show ``local_us`` or later.

    That is the earlier one of two where clocks are set back, and the end of the gap where they skip
    ``local_us``.

    Args:
        zone: the time zone.
        local_us: what the clock shows, counted as if it were in UTC.
    """
    # No offset reaches 24 hours, so two days to either side hold the answer.
    nearby = spans(zone, local_us - 2 * DAY_US, local_us + 2 * DAY_US)
    return next(
        max(span.begin_us, local_us - span.offset_us)
        for span in nearby
        if local_us < span.end_us + span.offset_us
    )


@functools.lru_cache(maxsize=_CACHED_YEARS_MAX)
def _changes(zone: ZoneInfo, year: int) -> tuple[tuple[int, int], ...]:
    """Return ``(first instant, new offset)`` of each change in a year of UTC, in microseconds."""
    # Here and below a datetime counts in UTC though it carries the zone: what ``fromutc`` asks for.
    earlier = datetime(year, 1, 1, tzinfo=zone)
    end = datetime(year + 1, 1, 1, tzinfo=zone)
    changes = []
    while earlier < end:
        later = min(earlier + _SAMPLE_STEP, end)
        if _offset(zone, earlier) != _offset(zone, later):
            changed = _first_with_offset_of(zone, earlier, later)
            instant_us = to_us(changed.replace(tzinfo=UTC))
            changes.append((instant_us, _offset(zone, changed) // MICROSECOND))
        earlier = later
    return tuple(changes)


def _first_with_offset_of(zone: ZoneInfo, earlier: datetime, later: datetime) -> datetime:
    """Bisect to the first second between the two that has the offset of ``later``."""
    wanted = _offset(zone, later)
    while later - earlier > _SECOND:
        middle = earlier + (later - earlier) // _SECOND // 2 * _SECOND
        if _offset(zone, middle) == wanted:
            later = middle
        else:
            earlier = middle
    return later


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    """Return how far the zone is ahead of UTC at ``moment``, a datetime in UTC tagged ``zone``."""
    return zone.fromutc(moment) - moment
