"""The oracle of the flights is itself right, on cases worked out by hand."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from tests.flights_oracle import (
    Flight,
    bucket_start_s,
    bucket_starts_s,
    expected,
    filled,
    grouped,
    merged,
    nearest_rank,
)

_NEW_YORK = ZoneInfo("America/New_York")
_KATHMANDU = ZoneInfo("Asia/Kathmandu")


def at(text: str) -> int:
    """Return the instant that a text names, in seconds since 1970 UTC."""
    return int(datetime.fromisoformat(text).timestamp())


def flight(time: str, delay: int | None, tail: str = "N1", carrier: str = "UA") -> Flight:
    """Return a flight of 100 miles from EWR."""
    return Flight(at(time), carrier, "EWR", "IAH", tail, delay, 100)


@pytest.mark.parametrize(
    ("instant", "interval", "start"),
    [
        ("2013-03-10T12:34:56-04:00", "minute", "2013-03-10T12:34:00-04:00"),
        ("2013-03-10T12:34:56-04:00", "hour", "2013-03-10T12:00:00-04:00"),
        ("2013-03-10T12:34:56-04:00", "day", "2013-03-10T00:00:00-05:00"),
        ("2013-03-10T12:34:56-04:00", "week", "2013-03-04T00:00:00-05:00"),
        ("2013-03-11T00:00:00-04:00", "week", "2013-03-11T00:00:00-04:00"),
        ("2013-11-03T01:30:00-04:00", "hour", "2013-11-03T01:00:00-04:00"),
        ("2013-11-03T01:30:00-05:00", "hour", "2013-11-03T01:00:00-05:00"),
        ("2013-11-30T23:59:00-05:00", "month", "2013-11-01T00:00:00-04:00"),
        ("2013-06-30T23:59:00-04:00", "quarter", "2013-04-01T00:00:00-04:00"),
        ("2013-12-31T23:59:00-05:00", "year", "2013-01-01T00:00:00-05:00"),
    ],
)
def test_buckets_follow_the_clock_in_new_york(instant: str, interval: str, start: str) -> None:
    """A bucket begins where the local calendar says, on both sides of a change of the clock."""
    assert bucket_start_s(at(instant), interval, _NEW_YORK) == at(start)


def test_hours_of_kathmandu_begin_at_a_quarter_of_utc() -> None:
    """Nepal is 5:45 ahead: its full hours are quarters past in UTC."""
    start = bucket_start_s(at("2013-01-01T00:10:00+00:00"), "hour", _KATHMANDU)
    assert start == at("2012-12-31T23:15:00+00:00")


@pytest.mark.parametrize(
    ("day", "next_day", "hours"),
    [
        ("2013-03-10T00:00:00-05:00", "2013-03-11T00:00:00-04:00", 23),
        ("2013-11-03T00:00:00-04:00", "2013-11-04T00:00:00-05:00", 25),
    ],
)
def test_days_of_change_have_23_and_25_hours(day: str, next_day: str, hours: int) -> None:
    """The buckets of a range include the repeated hour twice and the skipped one not at all."""
    starts = list(bucket_starts_s("hour", _NEW_YORK, at(day), at(next_day)))
    assert len(starts) == hours
    assert starts[-1] == at(next_day) - 3600


def test_every_bucket_of_a_year_is_listed_once() -> None:
    """A year has as many days, weeks, months and quarters as the calendar."""
    year = at("2013-01-01T00:00:00-05:00"), at("2014-01-01T00:00:00-05:00")
    counts = {
        interval: len(list(bucket_starts_s(interval, _NEW_YORK, *year)))
        for interval in ("hour", "day", "week", "month", "quarter", "year")
    }
    expected_counts = {"hour": 8760, "day": 365, "week": 53, "month": 12, "quarter": 4, "year": 1}
    assert counts == expected_counts


@pytest.mark.parametrize(
    ("values", "percentile"),
    [([5], 5), (range(1, 11), 9), (range(1, 12), 10), ([3, -1], 3), ([], None)],
)
def test_percentile_is_the_nearest_rank(values: list[int], percentile: int | None) -> None:
    """The 90th percentile of n values is the ceil(0.9 n)-th smallest of them."""
    assert nearest_rank(values, 90) == percentile


def test_each_metric_counts_what_its_definition_says() -> None:
    """Cancelled flights fly no miles and have no delay; a missing tail number is no aircraft."""
    flights = [
        flight("2013-01-01T10:00:00+00:00", 10, "N1"),
        flight("2013-01-01T11:00:00+00:00", -5, "N1"),
        flight("2013-01-01T12:00:00+00:00", None, "N2"),
        flight("2013-01-01T12:00:00+00:00", None, ""),
    ]
    groups = grouped(flights, None, _NEW_YORK, [])
    totals = {
        "departures": 4,
        "cancellations": 2,
        "cancellation_rate": 0.5,
        "mean_departure_delay": 2.5,
        "p90_departure_delay": 10,
        "distance_flown": 200,
        "aircraft": 2,
    }
    for metric, value in totals.items():
        assert expected(metric, groups, _NEW_YORK, []) == [{"value": value}]


def test_a_statistic_of_nothing_is_null_and_a_bucket_of_nothing_is_no_row() -> None:
    """Where every flight was cancelled the mean is null; where none was there is no row."""
    groups = grouped([flight("2013-01-01T10:00:00+00:00", None)], "day", _NEW_YORK, ["carrier"])
    row = {"time": "2013-01-01T00:00:00-05:00", "carrier": "UA"}
    assert expected("mean_departure_delay", groups, _NEW_YORK, ["carrier"]) == [
        {**row, "value": None}
    ]
    assert expected("distance_flown", groups, _NEW_YORK, ["carrier"]) == []


def test_filling_adds_the_empty_buckets_of_every_group() -> None:
    """Each group that has a row gets all buckets: zero for counts, null for means."""
    flights = [
        flight("2013-01-01T10:00:00-05:00", 1, carrier="UA"),
        flight("2013-01-02T10:00:00-05:00", 3, carrier="AA"),
    ]
    groups = grouped(flights, "day", _NEW_YORK, ["carrier"])
    starts = [at("2013-01-01T00:00:00-05:00"), at("2013-01-02T00:00:00-05:00")]
    counts = filled("departures", groups, _NEW_YORK, ["carrier"], starts)
    assert [(row["time"][:10], row["carrier"], row["value"]) for row in counts] == [
        ("2013-01-01", "AA", 0),
        ("2013-01-01", "UA", 1),
        ("2013-01-02", "AA", 1),
        ("2013-01-02", "UA", 0),
    ]
    means = filled("mean_departure_delay", groups, _NEW_YORK, ["carrier"], starts)
    assert [row["value"] for row in means] == [None, 1.0, 3.0, None]


def test_merging_groups_is_grouping_by_less() -> None:
    """Groups by carrier and origin, joined by carrier, are the groups by carrier."""
    flights = [
        flight("2013-01-01T10:00:00-05:00", 1, "N1", "UA"),
        flight("2013-01-01T11:00:00-05:00", 2, "N2", "UA")._replace(origin="JFK"),
        flight("2013-01-01T12:00:00-05:00", None, "N2", "AA"),
    ]
    both = grouped(flights, "day", _NEW_YORK, ["carrier", "origin"])
    by_carrier = grouped(flights, "day", _NEW_YORK, ["carrier"])
    for metric in ("departures", "aircraft", "mean_departure_delay"):
        got = expected(metric, merged(both, [0]), _NEW_YORK, ["carrier"])
        assert got == expected(metric, by_carrier, _NEW_YORK, ["carrier"])
