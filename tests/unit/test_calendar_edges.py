"""Buckets on the days that go wrong elsewhere, written out by hand from the zones' history.

In the flow: asks ``calendar`` for edges and reads them as local time with offset.
Guarantee: every expected text below was written down, not computed by the code under test.
"""

from __future__ import annotations

import tracemalloc
from datetime import datetime

import pytest

from livetally.calendar import Interval, aligned, edges, find_zone, labels, parse_instant, to_us
from livetally.errors import BadInput, QueryTooLarge

QUARTER_HOUR_US = 900_000_000
DAY, HOUR, MINUTE, WEEK = Interval.DAY, Interval.HOUR, Interval.MINUTE, Interval.WEEK
ALL_TIME = ("1900-01-01T00:00Z", "2299-12-31T23:59:59.999999Z")


def edges_of(interval: Interval, tz: str, start: str, end: str, limit: int = 10_000) -> list[int]:
    """Return the edges between two texts that are read in the zone."""
    zone = find_zone(tz)
    start_us, end_us = parse_instant(start, zone, "from"), parse_instant(end, zone, "to")
    return edges(interval, zone, start_us, end_us, limit)


def shown(interval: Interval, tz: str, start: str, end: str) -> list[str]:
    """Return the edges as local time with offset."""
    return labels(edges_of(interval, tz, start, end), find_zone(tz))


@pytest.mark.parametrize(
    ("tz", "day", "next_day", "hours"),
    [
        ("Europe/Oslo", "2026-03-28", "2026-03-29", 24),
        ("Europe/Oslo", "2026-03-29", "2026-03-30", 23),
        ("Europe/Oslo", "2026-10-25", "2026-10-26", 25),
        ("America/New_York", "2026-03-08", "2026-03-09", 23),
        ("America/New_York", "2026-11-01", "2026-11-02", 25),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-05", 23),
        ("America/Sao_Paulo", "2019-02-16", "2019-02-17", 25),
        ("Africa/Cairo", "2023-04-28", "2023-04-29", 23),
        ("Africa/Cairo", "2023-10-26", "2023-10-27", 25),
        ("Asia/Tehran", "2022-03-22", "2022-03-23", 23),
        ("Asia/Tehran", "2022-09-21", "2022-09-22", 25),
        ("America/St_Johns", "2006-10-28", "2006-10-29", 24),
        ("America/St_Johns", "2006-10-29", "2006-10-30", 25),
        ("Pacific/Kwajalein", "1969-09-30", "1969-10-01", 47),
        ("UTC", "2026-03-29", "2026-03-30", 24),
    ],
)
def test_days_last_as_long_as_the_clocks_say(tz: str, day: str, next_day: str, hours: int) -> None:
    """A day on which clocks change is one bucket of 23, 25 or even 47 hours."""
    start_us, end_us = edges_of(DAY, tz, day, next_day)
    assert (end_us - start_us) / 3_600_000_000 == hours


def test_skipped_hour_has_no_bucket() -> None:
    """In spring the hour that Oslo's clocks skip is not there."""
    assert shown(HOUR, "Europe/Oslo", "2026-03-29T01:00", "2026-03-29T05:00") == [
        "2026-03-29T01:00:00+01:00",
        "2026-03-29T03:00:00+02:00",
        "2026-03-29T04:00:00+02:00",
        "2026-03-29T05:00:00+02:00",
    ]


def test_repeated_hour_is_two_buckets() -> None:
    """In autumn the hour that New York lives through twice is told apart by its offset."""
    assert shown(HOUR, "America/New_York", "2026-11-01", "2026-11-01T03:00") == [
        "2026-11-01T00:00:00-04:00",
        "2026-11-01T01:00:00-04:00",
        "2026-11-01T01:00:00-05:00",
        "2026-11-01T02:00:00-05:00",
        "2026-11-01T03:00:00-05:00",
    ]


def test_shift_of_half_an_hour_makes_half_buckets() -> None:
    """Lord Howe's clocks go back, and forward, by 30 minutes."""
    assert shown(HOUR, "Australia/Lord_Howe", "2026-04-05T01:00", "2026-04-05T03:00") == [
        "2026-04-05T01:00:00+11:00",
        "2026-04-05T01:30:00+10:30",
        "2026-04-05T02:00:00+10:30",
        "2026-04-05T03:00:00+10:30",
    ]
    assert shown(HOUR, "Australia/Lord_Howe", "2026-10-04T01:00", "2026-10-04T04:00") == [
        "2026-10-04T01:00:00+10:30",
        "2026-10-04T02:30:00+11:00",
        "2026-10-04T03:00:00+11:00",
        "2026-10-04T04:00:00+11:00",
    ]


def test_kathmandu_moved_by_a_quarter_hour() -> None:
    """On 1 January 1986 Nepal's clocks skipped the first quarter of an hour."""
    assert shown(HOUR, "Asia/Kathmandu", "1985-12-31T23:00", "1986-01-01T02:00") == [
        "1985-12-31T23:00:00+05:30",
        "1986-01-01T00:15:00+05:45",
        "1986-01-01T01:00:00+05:45",
        "1986-01-01T02:00:00+05:45",
    ]
    assert shown(DAY, "Asia/Kathmandu", "1985-12-31", "1986-01-02") == [
        "1985-12-31T00:00:00+05:30",
        "1986-01-01T00:15:00+05:45",
        "1986-01-02T00:00:00+05:45",
    ]


@pytest.mark.parametrize(
    ("tz", "day", "next_day", "begins"),
    [
        ("America/Sao_Paulo", "2018-11-04", "2018-11-05", "2018-11-04T01:00:00-02:00"),
        ("Africa/Cairo", "2023-04-28", "2023-04-29", "2023-04-28T01:00:00+03:00"),
        ("Asia/Tehran", "2022-03-22", "2022-03-23", "2022-03-22T01:00:00+04:30"),
        ("America/Toronto", "1919-03-31", "1919-04-01", "1919-03-31T00:30:00-04:00"),
    ],
)
def test_day_without_midnight_begins_after_the_gap(
    tz: str, day: str, next_day: str, begins: str
) -> None:
    """Where clocks skip midnight, the day begins at the first instant that exists."""
    assert shown(DAY, tz, day, next_day)[0] == begins


def test_day_begins_at_the_earlier_of_two_midnights() -> None:
    """Going back from 00:01 to 23:01, the repeated hour stays in the day that had begun."""
    assert shown(DAY, "America/St_Johns", "2006-10-28", "2006-10-30") == [
        "2006-10-28T00:00:00-02:30",
        "2006-10-29T00:00:00-02:30",
        "2006-10-30T00:00:00-03:30",
    ]
    assert shown(HOUR, "America/St_Johns", "2006-10-29T01:30Z", "2006-10-29T04:30Z") == [
        "2006-10-28T23:00:00-02:30",
        "2006-10-29T00:00:00-02:30",
        "2006-10-28T23:01:00-03:30",
        "2006-10-29T00:00:00-03:30",
        "2006-10-29T01:00:00-03:30",
    ]


def test_skipped_date_has_no_bucket() -> None:
    """Samoa went from 29 to 31 December 2011; the week around it has six days."""
    assert shown(DAY, "Pacific/Apia", "2011-12-29", "2012-01-01") == [
        "2011-12-29T00:00:00-10:00",
        "2011-12-31T00:00:00+14:00",
        "2012-01-01T00:00:00+14:00",
    ]
    assert len(edges_of(DAY, "Pacific/Apia", "2011-12-26", "2012-01-02")) - 1 == 6
    assert len(edges_of(WEEK, "Pacific/Apia", "2011-12-26", "2012-01-02")) - 1 == 1


def test_offsets_with_odd_seconds_are_exact() -> None:
    """Monrovia was 44 minutes 30 seconds behind UTC until its clocks skipped as much."""
    assert edges_of(DAY, "Africa/Monrovia", "1972-01-06", "1972-01-08") == [
        to_us(datetime.fromisoformat("1972-01-06T00:44:30+00:00")),
        to_us(datetime.fromisoformat("1972-01-07T00:44:30+00:00")),
        to_us(datetime.fromisoformat("1972-01-08T00:00:00+00:00")),
    ]
    assert edges_of(MINUTE, "Africa/Monrovia", "1972-01-06T23:59", "1972-01-07T00:46") == [
        to_us(datetime.fromisoformat("1972-01-07T00:43:30+00:00")),
        to_us(datetime.fromisoformat("1972-01-07T00:44:30+00:00")),
        to_us(datetime.fromisoformat("1972-01-07T00:45:00+00:00")),
        to_us(datetime.fromisoformat("1972-01-07T00:46:00+00:00")),
    ]


@pytest.mark.parametrize(
    ("inside", "monday"),
    [
        ("2021-01-03T23:59", "2020-12-28T00:00:00+01:00"),
        ("2021-01-04", "2021-01-04T00:00:00+01:00"),
        ("2024-12-31", "2024-12-30T00:00:00+01:00"),
        ("1970-01-01", "1969-12-29T00:00:00+01:00"),
        ("1901-12-10", "1901-12-09T00:00:00+01:00"),
    ],
)
def test_weeks_begin_on_monday_across_year_ends(inside: str, monday: str) -> None:
    """A week is ISO 8601's: Monday to Sunday, whatever year, month or sign its instants have."""
    zone = find_zone("Europe/Oslo")
    inside_us = parse_instant(inside, zone, "from")
    assert labels(edges(WEEK, zone, inside_us, inside_us + 1, 1), zone)[0] == monday


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (Interval.MONTH, ["2025-12-01", "2026-01-01", "2026-02-01", "2026-03-01", "2026-04-01"]),
        (Interval.QUARTER, ["2025-10-01", "2026-01-01", "2026-04-01"]),
        (Interval.YEAR, ["2025-01-01", "2026-01-01", "2027-01-01"]),
    ],
)
def test_months_quarters_and_years(interval: Interval, expected: list[str]) -> None:
    """Longer buckets begin on the first of their first month, in summer as in winter time."""
    found = shown(interval, "Europe/Oslo", "2025-12-15", "2026-03-31T12:00")
    assert [text[:10] for text in found] == expected
    assert all(text[10:19] == "T00:00:00" for text in found)


def test_instants_before_1970() -> None:
    """The days of the first Nobel prizes are found though their instants are negative."""
    found = edges_of(DAY, "UTC", "1901-12-10", "1901-12-12")
    assert found == [-2_147_817_600_000_000, -2_147_731_200_000_000, -2_147_644_800_000_000]


def test_range_inside_one_bucket() -> None:
    """Any range gets at least the bucket that contains it, with both of its edges."""
    assert shown(HOUR, "UTC", "2026-03-29T01:20Z", "2026-03-29T01:30Z") == [
        "2026-03-29T01:00:00+00:00",
        "2026-03-29T02:00:00+00:00",
    ]


@pytest.mark.parametrize("end", ["2026-03-29", "2026-03-28"])
def test_empty_range_is_refused(end: str) -> None:
    """A range must end after it starts."""
    with pytest.raises(BadInput) as refused:
        edges_of(DAY, "UTC", "2026-03-29", end)
    assert refused.value.field == "to"


def test_limit_is_exact() -> None:
    """As many buckets as the limit are returned, one more is refused."""
    assert len(edges_of(HOUR, "Europe/Oslo", "2026-10-25", "2026-10-26", limit=25)) == 26
    with pytest.raises(QueryTooLarge):
        edges_of(HOUR, "Europe/Oslo", "2026-10-25", "2026-10-26", limit=24)


def test_too_large_says_how_many_and_what_would_fit() -> None:
    """The refusal has the exact count and the shortest interval that stays within the limit."""
    with pytest.raises(QueryTooLarge) as refused:
        edges_of(MINUTE, "Europe/Oslo", "2026", "2027", limit=9_000)
    assert "525600 buckets" in refused.value.message
    assert "'hour' (8760)" in refused.value.message
    with pytest.raises(QueryTooLarge) as refused:
        edges_of(Interval.YEAR, "Europe/Oslo", "2000", "2026", limit=9)
    assert refused.value.message.endswith("ask for a shorter range")


def test_too_large_is_refused_before_anything_large_exists() -> None:
    """Four centuries of minutes are counted without making 210 million numbers."""
    tracemalloc.start()
    try:
        with pytest.raises(QueryTooLarge, match="210379680 buckets"):
            edges_of(MINUTE, "UTC", *ALL_TIME)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 5_000_000


@pytest.mark.parametrize(
    ("tz", "start", "end", "fits"),
    [
        ("Asia/Kathmandu", "2026-01-01", "2026-02-01", True),
        ("Australia/Lord_Howe", "2026-04-01", "2026-04-10", True),
        ("Africa/Monrovia", "1971-01-01", "1971-02-01", False),
        ("Europe/Paris", "1911-03-01", "1911-04-01", False),
    ],
)
def test_quarter_hours_suffice_for_all_modern_offsets(
    tz: str, start: str, end: str, *, fits: bool
) -> None:
    """Edges are multiples of a quarter of an hour unless an offset has odd minutes or seconds."""
    assert aligned(edges_of(DAY, tz, start, end), QUARTER_HOUR_US) is fits
