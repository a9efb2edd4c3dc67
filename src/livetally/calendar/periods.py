"""The bucket that contains an instant, and the period that a range is compared with.

In the flow: receives a range from ``query`` or the present from ``live``, hands back another range.

Guarantee: a period to compare with ends where the range starts and is never empty.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from livetally.calendar.edges import LONGEST_US, edges
from livetally.calendar.instants import DAY_US
from livetally.calendar.intervals import Interval
from livetally.calendar.offsets import first_reaching, spans
from livetally.errors import BadInput

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["current_bucket", "previous"]


def current_bucket(interval: Interval, zone: ZoneInfo, now_us: int) -> tuple[int, int]:
    """Return start and end (exclusive) of the bucket that contains ``now_us``.

    Args:
        interval: the length of the bucket.
        zone: the zone in whose civil time buckets are counted.
        now_us: microseconds since 1970 in UTC.
    """
    start_us, end_us = edges(interval, zone, now_us, now_us + 1, limit=1)
    return start_us, end_us


def previous(interval: Interval, zone: ZoneInfo, start_us: int, end_us: int) -> tuple[int, int]:
    """Return the period of the same civil length directly before a range.

    A range of whole months is compared with as many months, otherwise one of whole days with as
    many days; but a range of whole weeks shown by the week with weeks, so that its buckets stay
    whole. Any other range is moved back by its length on the local clock or, when shorter than a
    day, by the time that passes in it.

    Args:
        interval: the length of the buckets in which the range is shown.
        zone: the zone in whose civil time lengths are counted.
        start_us: first instant of the range, microseconds since 1970 in UTC.
        end_us: end of the range, exclusive.

    Returns:
        ``(start_us, end_us)`` of the period; its end is the range's start.

    Raises:
        BadInput: when ``end_us`` is not after ``start_us``; its field is ``to``.
    """
    if end_us <= start_us:
        raise BadInput("to", "must be after 'from'")
    longer = Interval.WEEK if interval is Interval.WEEK else Interval.MONTH
    for unit in (longer, Interval.DAY):
        if _begins(unit, zone, start_us) and _begins(unit, zone, end_us):
            return _units_before(unit, zone, start_us, end_us), start_us
    passed_us = end_us - start_us
    if passed_us < DAY_US:
        return start_us - passed_us, start_us
    local_start_us = _local(zone, start_us)
    shown_us = _local(zone, end_us) - local_start_us
    return first_reaching(zone, local_start_us - shown_us), start_us


def _begins(unit: Interval, zone: ZoneInfo, instant_us: int) -> bool:
    """Tell whether a bucket of this length begins at the instant."""
    return current_bucket(unit, zone, instant_us)[0] == instant_us


def _units_before(unit: Interval, zone: ZoneInfo, start_us: int, end_us: int) -> int:
    """Return the instant as many units before ``start_us`` as there are up to ``end_us``."""
    # No limit: a unit is a day or longer, and the range was limited when its own edges were made.
    count = len(edges(unit, zone, start_us, end_us, limit=sys.maxsize)) - 1
    # One unit more, because changes of offset can make some longer.
    earliest_us = start_us - (count + 1) * LONGEST_US[unit]
    return edges(unit, zone, earliest_us, start_us, limit=sys.maxsize)[-1 - count]


def _local(zone: ZoneInfo, instant_us: int) -> int:
    """Return what the zone's clocks show at an instant, counted as if it were in UTC."""
    return instant_us + spans(zone, instant_us, instant_us + 1)[0].offset_us
