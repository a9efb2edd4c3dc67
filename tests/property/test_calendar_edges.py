"""The edges of buckets agree with a slow model that asks Python's datetime about single instants.

In the flow: hypothesis draws zones, instants and ranges; the model knows neither spans nor edges.
Guarantee: every claim that ``calendar.edges`` makes is checked from outside.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from livetally.calendar import Interval, current_bucket, edges, find_zone, from_us, previous, to_us
from livetally.calendar.zones import _names

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US
DAY_US = 24 * HOUR_US
EARLIEST_US = to_us(datetime(1900, 1, 1, tzinfo=UTC))
LATEST_US = to_us(datetime(2200, 1, 1, tzinfo=UTC))
PLENTY = 100_000

WATCHED = [
    "Europe/Oslo",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Africa/Cairo",
    "Pacific/Apia",
    "Asia/Tehran",
    "America/St_Johns",
    "UTC",
]
# What is interesting happens where an offset changes: half of all draws are near one of these.
CHANGES = [
    ("Europe/Oslo", "2026-03-29T01:00:00+00:00"),
    ("Europe/Oslo", "2153-10-28T01:00:00+00:00"),
    ("America/New_York", "2026-11-01T06:00:00+00:00"),
    ("Asia/Kathmandu", "1985-12-31T18:30:00+00:00"),
    ("Australia/Lord_Howe", "2026-04-04T15:00:00+00:00"),
    ("America/Sao_Paulo", "2018-11-04T03:00:00+00:00"),
    ("Africa/Cairo", "2023-04-27T22:00:00+00:00"),
    ("Pacific/Apia", "2011-12-30T10:00:00+00:00"),
    ("Asia/Tehran", "2022-03-21T20:30:00+00:00"),
    ("America/St_Johns", "2006-10-29T02:31:00+00:00"),
    ("America/Toronto", "1919-03-31T04:30:00+00:00"),
    ("Africa/Monrovia", "1972-01-07T00:44:30+00:00"),
    ("Europe/Paris", "1911-03-10T23:50:39+00:00"),
    ("Pacific/Kwajalein", "1969-09-30T13:00:00+00:00"),
    ("Pacific/Kwajalein", "1993-08-21T12:00:00+00:00"),
]

zones = (st.sampled_from(WATCHED) | st.sampled_from(sorted(_names()))).map(find_zone)
intervals = st.sampled_from(list(Interval))
civil = st.sampled_from([i for i in Interval if i not in {Interval.MINUTE, Interval.HOUR}])
by_clock = st.sampled_from([Interval.MINUTE, Interval.HOUR])
anywhere = st.tuples(zones, st.integers(EARLIEST_US, LATEST_US))
near_changes = st.builds(
    lambda change, away_us: (
        find_zone(change[0]),
        to_us(datetime.fromisoformat(change[1])) + away_us,
    ),
    st.sampled_from(CHANGES),
    st.integers(-30 * HOUR_US, 30 * HOUR_US),
)
places = anywhere | near_changes


def lengths(interval: Interval) -> st.SearchStrategy[int]:
    """Draw lengths of a range that has at most some hundreds of buckets of this interval."""
    days = {Interval.MINUTE: 0.2, Interval.HOUR: 10, Interval.DAY: 400}.get(interval, 4000)
    return st.integers(1, int(days * DAY_US))


def shown(instant_us: int, zone: ZoneInfo) -> datetime:
    """Return what clocks in the zone show, without the zone."""
    return from_us(instant_us).astimezone(zone).replace(tzinfo=None)


def offset(instant_us: int, zone: ZoneInfo) -> timedelta | None:
    """Return the offset from UTC at an instant."""
    return from_us(instant_us).astimezone(zone).utcoffset()


def clock_floor(instant_us: int, interval: Interval, zone: ZoneInfo) -> tuple[object, ...]:
    """Return what tells the minute or hour of an instant from the ones beside it."""
    local = shown(instant_us, zone).replace(second=0, microsecond=0)
    if interval is Interval.HOUR:
        local = local.replace(minute=0)
    return local, offset(instant_us, zone)


def first_date(day: date, interval: Interval) -> date:
    """Return the first date of the week, month, quarter or year that a date is in."""
    match interval:
        case Interval.WEEK:
            return day - timedelta(days=day.isocalendar().weekday - 1)
        case Interval.MONTH:
            return day.replace(day=1)
        case Interval.QUARTER:
            return date(day.year, (day.month - 1) // 3 * 3 + 1, 1)
        case Interval.YEAR:
            return date(day.year, 1, 1)
    return day


def midnight_us(day: date, zone: ZoneInfo) -> int:
    """Return when a date begins: its earlier midnight, or the end of the gap that swallows it."""
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001
    instant_us = to_us(midnight.replace(tzinfo=zone))
    if shown(instant_us, zone) == midnight:
        return instant_us
    # Python reads a time in a gap with the offset before it; with fold=1, with the one after it.
    before_us = to_us(midnight.replace(tzinfo=zone, fold=1))
    while instant_us - before_us > SECOND_US:
        middle_us = before_us + (instant_us - before_us) // 2 // SECOND_US * SECOND_US
        if shown(middle_us, zone) > midnight:
            instant_us = middle_us
        else:
            before_us = middle_us
    return instant_us


def civil_bucket(instant_us: int, interval: Interval, zone: ZoneInfo) -> tuple[int, int]:
    """Walk over the dates around an instant to the bucket it is in."""
    days = {Interval.DAY: 1, Interval.WEEK: 7, Interval.MONTH: 31, Interval.QUARTER: 92}
    here = shown(instant_us, zone).date()
    walk = range(-days.get(interval, 366) - 3, days.get(interval, 366) + 4)
    firsts = {first_date(here + timedelta(days=step), interval) for step in walk}
    begins = sorted({midnight_us(first, zone) for first in firsts})
    after = bisect_right(begins, instant_us)
    return begins[after - 1], begins[after]


@given(civil, places)
def test_civil_buckets_are_those_of_the_model(
    interval: Interval, place: tuple[ZoneInfo, int]
) -> None:
    """A day, week, month, quarter or year runs from midnight to midnight of its dates."""
    zone, instant_us = place
    assert current_bucket(interval, zone, instant_us) == civil_bucket(instant_us, interval, zone)


@given(by_clock, places)
def test_minutes_and_hours_are_maximal_runs(
    interval: Interval, place: tuple[ZoneInfo, int]
) -> None:
    """All of a minute or hour shows the same floor and offset; the instants beside it do not."""
    zone, instant_us = place
    start_us, end_us = current_bucket(interval, zone, instant_us)
    here = clock_floor(instant_us, interval, zone)
    assert start_us <= instant_us < end_us
    assert clock_floor(start_us, interval, zone) == here
    assert clock_floor(end_us - 1, interval, zone) == here
    assert clock_floor(start_us - 1, interval, zone) != here
    assert clock_floor(end_us, interval, zone) != here


@given(st.data(), intervals, places)
def test_edges_rise_and_cover(
    data: st.DataObject, interval: Interval, place: tuple[ZoneInfo, int]
) -> None:
    """Edges strictly increase, the first bucket contains the start and the last one the end."""
    zone, start_us = place
    end_us = start_us + data.draw(lengths(interval))
    found = edges(interval, zone, start_us, end_us, PLENTY)
    assert all(earlier < later for earlier, later in itertools.pairwise(found))
    assert found[0] <= start_us < found[1]
    assert found[-2] < end_us <= found[-1]


@given(st.data(), intervals, places)
def test_every_bucket_of_a_range_is_a_bucket_by_itself(
    data: st.DataObject, interval: Interval, place: tuple[ZoneInfo, int]
) -> None:
    """Any instant of a range lies in the same bucket whether asked alone or with the range."""
    zone, start_us = place
    end_us = start_us + data.draw(lengths(interval))
    found = edges(interval, zone, start_us, end_us, PLENTY)
    inside_us = data.draw(st.integers(start_us, end_us - 1))
    after = bisect_right(found, inside_us)
    assert (found[after - 1], found[after]) == current_bucket(interval, zone, inside_us)


@given(st.data(), intervals, places)
def test_cutting_at_an_edge_changes_nothing(
    data: st.DataObject, interval: Interval, place: tuple[ZoneInfo, int]
) -> None:
    """The edges of [a, b) and [b, c) joined are those of [a, c), when b is an edge."""
    zone, start_us = place
    end_us = start_us + data.draw(lengths(interval))
    whole = edges(interval, zone, start_us, end_us, PLENTY)
    cut_us = data.draw(st.sampled_from(whole[1:]))
    left = edges(interval, zone, start_us, cut_us, PLENTY)
    right = edges(interval, zone, cut_us, end_us, PLENTY) if cut_us < end_us else left[-1:]
    assert left + right[1:] == whole


@given(st.data(), intervals, places)
def test_previous_period_is_before_and_not_empty(
    data: st.DataObject, interval: Interval, place: tuple[ZoneInfo, int]
) -> None:
    """A period to compare with ends where the range begins and begins earlier."""
    zone, start_us = place
    end_us = start_us + data.draw(lengths(interval))
    earlier_us, later_us = previous(interval, zone, start_us, end_us)
    assert earlier_us < later_us == start_us


@given(st.data(), civil, places)
def test_previous_period_of_whole_buckets_is_whole_buckets(
    data: st.DataObject, interval: Interval, place: tuple[ZoneInfo, int]
) -> None:
    """When a range is whole buckets of its interval, so is the period it is compared with."""
    zone, start_us = place
    whole = edges(interval, zone, start_us, start_us + data.draw(lengths(interval)), PLENTY)
    earlier_us, _ = previous(interval, zone, whole[0], whole[-1])
    assert edges(interval, zone, earlier_us, whole[0], PLENTY)[0] == earlier_us
