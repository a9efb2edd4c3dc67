"""The instants at which buckets begin.

In the flow: receives an interval, a zone and a range from ``query``, hands the edges to its plan,
so that the engine only compares integers.

Guarantee: edges strictly increase, cover the range, and depend on nothing but the zone's rules;
cutting a range at an edge and joining the two answers gives the same edges.

Two rules make every edge. A day, week, month, quarter or year begins at the first instant at which
the local clock shows midnight of its first date, or later. A minute or hour ends where the clock's
minute or hour ends, or where the offset from UTC changes. So the hour that is lived through twice
in autumn is two buckets, a date that a zone skipped has none, and where clocks go back across
midnight the repeated hour stays in the day that had begun.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from datetime import UTC, datetime
from itertools import chain, islice
from typing import TYPE_CHECKING, Final

from livetally.calendar.instants import DAY_US, HOUR_US, MINUTE_US, from_us, to_us
from livetally.calendar.intervals import Interval
from livetally.calendar.offsets import Span, spans
from livetally.errors import BadInput, QueryTooLarge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from zoneinfo import ZoneInfo

__all__ = ["LONGEST_US", "aligned", "edges"]

# No bucket has more civil time than this.
LONGEST_US: Final = {
    Interval.MINUTE: MINUTE_US,
    Interval.HOUR: HOUR_US,
    Interval.DAY: DAY_US,
    Interval.WEEK: 7 * DAY_US,
    Interval.MONTH: 31 * DAY_US,
    Interval.QUARTER: 92 * DAY_US,
    Interval.YEAR: 366 * DAY_US,
}
# By how much changes of offset can lengthen a day or make dates miss: zones have moved across the
# date line, and Kwajalein's 30 September 1969 had 47 hours.
_SHIFT_US_MAX: Final = 2 * DAY_US
_STEP_US: Final = {
    Interval.MINUTE: MINUTE_US,
    Interval.HOUR: HOUR_US,
    Interval.DAY: DAY_US,
    Interval.WEEK: 7 * DAY_US,
}
_STEP_MONTHS: Final = {Interval.MONTH: 1, Interval.QUARTER: 3, Interval.YEAR: 12}
# 1970-01-05 was a Monday. Source: ISO 8601, the week begins on Monday.
_MONDAY_US: Final = 4 * DAY_US

_Starts = range | list[int]


def edges(interval: Interval, zone: ZoneInfo, start_us: int, end_us: int, limit: int) -> list[int]:
    """Return the instants at which the buckets of a range begin, and the end of the last one.

    Args:
        interval: the length of a bucket.
        zone: the zone in whose civil time buckets are counted.
        start_us: first instant of the range, microseconds since 1970 in UTC.
        end_us: end of the range, exclusive.
        limit: the most buckets to return, 1 or more.

    Returns:
        ``n + 1`` strictly increasing instants for ``n`` buckets. The first bucket contains
        ``start_us``; the last element is the first edge at or after ``end_us``.

    Raises:
        BadInput: when ``end_us`` is not after ``start_us``; its field is ``to``.
        QueryTooLarge: before any edge is built, when there would be more than ``limit`` buckets.
    """
    if end_us <= start_us:
        raise BadInput("to", "must be after 'from'")
    pieces = _pieces(interval, zone, start_us, end_us)
    first, last = _cut(pieces, start_us, end_us)
    if last - first > limit:
        raise _too_large(interval, zone, start_us, end_us, limit)
    return list(islice(chain.from_iterable(pieces), first, last + 1))


def aligned(edges: Sequence[int], step_us: int) -> bool:
    """Tell whether every edge is a multiple of ``step_us``: slots of that length can answer."""
    return all(edge % step_us == 0 for edge in edges)


def _too_large(
    interval: Interval, zone: ZoneInfo, start_us: int, end_us: int, limit: int
) -> QueryTooLarge:
    """Say how many buckets were asked for, and the shortest interval that would fit."""
    members = list(Interval)
    count = _count(interval, zone, start_us, end_us)
    advice = "ask for a shorter range"
    for coarser in members[members.index(interval) + 1 :]:
        fitting = _count(coarser, zone, start_us, end_us)
        if fitting <= limit:
            advice += f", or for interval '{coarser}' ({fitting})"
            break
    return QueryTooLarge(
        f"the range has {count} buckets of interval '{interval}', "
        f"more than the {limit} of one answer: {advice}"
    )


def _count(interval: Interval, zone: ZoneInfo, start_us: int, end_us: int) -> int:
    """Count the buckets of a range without building them."""
    first, last = _cut(_pieces(interval, zone, start_us, end_us), start_us, end_us)
    return last - first


def _cut(pieces: list[_Starts], start_us: int, end_us: int) -> tuple[int, int]:
    """Return the places, in the joined pieces, of the last edge <= start and the first >= end."""
    first = sum(bisect_right(piece, start_us) for piece in pieces) - 1
    last = sum(bisect_left(piece, end_us) for piece in pieces)
    return first, last


def _pieces(interval: Interval, zone: ZoneInfo, start_us: int, end_us: int) -> list[_Starts]:
    """Return ascending runs of edges that reach beyond both ends of the range.

    Regular intervals come as ``range`` objects, whose length is known without building them.
    """
    by_clock = interval in (Interval.MINUTE, Interval.HOUR)
    # Civil buckets need twice the room: what the clock had shown before the window is not known, so
    # the first edge in it can be wrong.
    longest_us = LONGEST_US[interval]
    reach_us = longest_us if by_clock else 2 * (longest_us + _SHIFT_US_MAX)
    window = spans(zone, start_us - reach_us, end_us + reach_us)
    starts = _local_starts(interval, window[0].begin_us - DAY_US, window[-1].end_us + DAY_US)
    return list(_clock_pieces(starts, window) if by_clock else _civil_pieces(starts, window))


def _local_starts(interval: Interval, local_from_us: int, local_to_us: int) -> _Starts:
    """Return what a local clock shows at the start of each bucket, counted as if it were in UTC."""
    if interval in _STEP_US:
        step_us = _STEP_US[interval]
        phase_us = _MONDAY_US if interval is Interval.WEEK else 0
        return range(local_from_us - (local_from_us - phase_us) % step_us, local_to_us, step_us)
    years = range(from_us(local_from_us).year, from_us(local_to_us).year + 1)
    months = range(1, 13, _STEP_MONTHS[interval])
    return [to_us(datetime(y, m, 1, tzinfo=UTC)) for y in years for m in months]


def _clock_pieces(starts: _Starts, window: list[Span]) -> Iterator[_Starts]:
    """Yield the edges of minutes or hours: where each span begins, and each start inside it."""
    for begin_us, end_us, offset_us in window:
        inside = bisect_right(starts, begin_us + offset_us)
        beyond = bisect_left(starts, end_us + offset_us)
        yield [begin_us]
        yield _in_utc(starts[inside:beyond], offset_us)


def _civil_pieces(starts: _Starts, window: list[Span]) -> Iterator[_Starts]:
    """Yield the edges of days and longer: when the clock first reaches each start."""
    reached = bisect_left(starts, window[0].begin_us + window[0].offset_us)
    for begin_us, end_us, offset_us in window:
        inside = max(reached, bisect_right(starts, begin_us + offset_us))
        beyond = max(inside, bisect_left(starts, end_us + offset_us))
        if reached < inside:  # the change of offset jumped over these starts, or right onto one
            yield [begin_us]
        yield _in_utc(starts[inside:beyond], offset_us)
        reached = beyond


def _in_utc(starts: _Starts, offset_us: int) -> _Starts:
    """Turn local starts into instants; a ``range`` stays one."""
    if isinstance(starts, range):
        return range(starts.start - offset_us, starts.stop - offset_us, starts.step)
    return [start - offset_us for start in starts]
