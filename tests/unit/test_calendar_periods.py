"""The period that a range is compared with, and the bucket that contains now.

In the flow: writes ranges as texts, asks ``calendar`` and reads the answer as text.
Guarantee: what a person expects of "the period before" holds across months and DST days.
"""

from __future__ import annotations

import pytest

from livetally.calendar import (
    Interval,
    current_bucket,
    find_zone,
    label,
    parse_instant,
    previous,
)
from livetally.errors import BadInput

MINUTE, HOUR, DAY, WEEK = Interval.MINUTE, Interval.HOUR, Interval.DAY, Interval.WEEK
MONTH, QUARTER, YEAR = Interval.MONTH, Interval.QUARTER, Interval.YEAR


@pytest.mark.parametrize(
    ("interval", "start", "end", "expected"),
    [
        (MONTH, "2026-03-01", "2026-04-01", "2026-02-01T00:00:00+01:00"),
        (DAY, "2026-03-01", "2026-04-01", "2026-02-01T00:00:00+01:00"),
        (MONTH, "2026-03-01", "2026-06-01", "2025-12-01T00:00:00+01:00"),
        (QUARTER, "2026-04-01", "2026-07-01", "2026-01-01T00:00:00+01:00"),
        (YEAR, "2025", "2026", "2024-01-01T00:00:00+01:00"),
        (DAY, "2026-03-30", "2026-03-31", "2026-03-29T00:00:00+01:00"),
        (HOUR, "2026-03-30", "2026-04-02", "2026-03-27T00:00:00+01:00"),
        (WEEK, "2026-03-30", "2026-04-13", "2026-03-16T00:00:00+01:00"),
        (WEEK, "2010-02-01", "2010-03-01", "2010-01-04T00:00:00+01:00"),
        (DAY, "2010-02-01", "2010-03-01", "2010-01-01T00:00:00+01:00"),
        (HOUR, "2026-03-30T10:00", "2026-04-01T10:00", "2026-03-28T10:00:00+01:00"),
        (HOUR, "2026-03-29T04:00", "2026-03-29T08:00", "2026-03-28T23:00:00+01:00"),
        (MINUTE, "2026-10-25T00:30Z", "2026-10-25T01:30Z", "2026-10-25T01:30:00+02:00"),
    ],
)
def test_previous_period(interval: Interval, start: str, end: str, expected: str) -> None:
    """Whole months before months, whole days before days, weeks before weeks, else equal length."""
    zone = find_zone("Europe/Oslo")
    start_us, end_us = parse_instant(start, zone, "from"), parse_instant(end, zone, "to")
    earlier_us, later_us = previous(interval, zone, start_us, end_us)
    assert label(earlier_us, zone) == expected
    assert later_us == start_us


def test_previous_day_of_one_that_follows_a_skipped_date() -> None:
    """The day before Samoa's 31 December 2011 is the 29th."""
    zone = find_zone("Pacific/Apia")
    start_us = parse_instant("2011-12-31", zone, "from")
    end_us = parse_instant("2012-01-01", zone, "to")
    assert label(previous(DAY, zone, start_us, end_us)[0], zone) == "2011-12-29T00:00:00-10:00"


def test_previous_of_an_empty_range_is_refused() -> None:
    """A range must end after it starts."""
    with pytest.raises(BadInput) as refused:
        previous(DAY, find_zone("UTC"), 5, 5)
    assert refused.value.field == "to"


@pytest.mark.parametrize(
    ("now", "start", "end"),
    [
        ("2026-03-28T22:59:59.999999Z", "2026-03-28T00:00:00+01:00", "2026-03-29T00:00:00+01:00"),
        ("2026-03-28T23:00:00Z", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"),
    ],
)
def test_new_day_begins_at_local_midnight(now: str, start: str, end: str) -> None:
    """The current bucket contains its first microsecond and ends before its end."""
    zone = find_zone("Europe/Oslo")
    bucket = current_bucket(DAY, zone, parse_instant(now, zone, "now"))
    assert [label(edge, zone) for edge in bucket] == [start, end]
