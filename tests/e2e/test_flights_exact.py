"""Every metric of the flights, from one year of real departures, equals the oracle's value exactly.

The server answers over HTTP; the oracle works from the CSV and shares no code with it. The whole
file is loaded once for all tests of this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest

from examples.flights.departures import EVENTS_TOTAL
from livetally.testing import Server
from tests.flights_oracle import (
    METRICS,
    Flight,
    Groups,
    bucket_starts_s,
    expected,
    filled,
    grouped,
    merged,
    scheduled,
)
from tests.flights_server import DEFINITIONS, FlightsApi, difference, flights_api, loaded

# The file is loaded within the first test.
pytestmark = pytest.mark.timeout(300)

ZONES: Final = ("UTC", "America/New_York", "Asia/Kathmandu")
DIMENSIONS: Final = ("carrier", "origin")
# What to group by, and the places of it in DIMENSIONS.
GROUPINGS: Final = ((), (0,), (1,), (0, 1))
# Seven days each, with both changes of the clock in New York: 10 March and 3 November.
WEEKS: Final = (
    ("2013-03-08", "2013-03-15"),
    ("2013-07-01", "2013-07-08"),
    ("2013-10-31", "2013-11-07"),
)


@pytest.fixture(scope="module")
def api() -> Iterator[FlightsApi]:
    """Serve the flights of 2013, loaded once."""
    with Server(definitions=[DEFINITIONS]) as server, flights_api(server) as asked:
        assert loaded(asked) == {"stored": EVENTS_TOTAL, "duplicates": 0}
        yield asked


def names(places: Sequence[int]) -> list[str]:
    """Return the dimensions at these places."""
    return [DIMENSIONS[place] for place in places]


def within(zone: ZoneInfo, start: str, end: str) -> tuple[list[Flight], int, int]:
    """Return the flights from a local date or time to another, and both in seconds."""
    start_s, end_s = (
        int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) for text in (start, end)
    )
    return [one for one in scheduled() if start_s <= one.at_s < end_s], start_s, end_s


def faults(
    api: FlightsApi,
    groups: Groups,
    zone: ZoneInfo,
    interval: str | None,
    by: Sequence[str],
    **more: Any,
) -> list[str]:
    """Return what is wrong in the answers about every metric; ``groups`` are as asked by."""
    wrong = []
    for metric in METRICS:
        got = api.ask(metric, interval=interval, tz=zone.key, by=by, **more)
        if fault := difference(got, expected(metric, groups, zone, by)):
            wrong.append(f"{metric} by {by}: {fault}")
    return wrong


def faults_in_groupings(
    api: FlightsApi, groups: Groups, zone: ZoneInfo, interval: str | None, **more: Any
) -> list[str]:
    """Return what is wrong in every grouping; ``groups`` are by all dimensions."""
    return [
        fault
        for places in GROUPINGS
        for fault in faults(api, merged(groups, places), zone, interval, names(places), **more)
    ]


@pytest.mark.parametrize("interval", [None, "day", "week", "month", "quarter", "year"])
@pytest.mark.parametrize("zone", ZONES)
def test_whole_year(api: FlightsApi, zone: str, interval: str | None) -> None:
    """The year in days, weeks, months, quarters, years and as one total, in three zones."""
    in_zone = ZoneInfo(zone)
    groups = grouped(scheduled(), interval, in_zone, DIMENSIONS)
    assert faults_in_groupings(api, groups, in_zone, interval) == []


@pytest.mark.parametrize("zone", ZONES)
def test_every_hour_of_the_year(api: FlightsApi, zone: str) -> None:
    """All 8,760 hours; where clocks are 5:45 ahead, hours begin at a quarter past in UTC."""
    in_zone = ZoneInfo(zone)
    groups = grouped(scheduled(), "hour", in_zone, ())
    assert faults(api, groups, in_zone, "hour", ()) == []


@pytest.mark.parametrize("interval", ["minute", "hour"])
@pytest.mark.parametrize("week", WEEKS)
@pytest.mark.parametrize("zone", ZONES)
def test_minutes_and_hours_of_a_week(
    api: FlightsApi, zone: str, week: tuple[str, str], interval: str
) -> None:
    """Single minutes and hours, in every grouping, across both changes of the clock."""
    in_zone = ZoneInfo(zone)
    flights, _, _ = within(in_zone, *week)
    groups = grouped(flights, interval, in_zone, DIMENSIONS)
    more = {"from": week[0], "to": week[1]}
    assert faults_in_groupings(api, groups, in_zone, interval, **more) == []


@pytest.mark.parametrize("interval", ["hour", "day", "week", "month"])
@pytest.mark.parametrize("zone", ZONES)
def test_empty_buckets_are_filled(api: FlightsApi, zone: str, interval: str) -> None:
    """With fill=zero every group that has a row has all buckets, in the same order in each."""
    in_zone = ZoneInfo(zone)
    bounds = WEEKS[0] if interval == "hour" else ("2013-02-20", "2013-12-05")
    flights, start_s, end_s = within(in_zone, *bounds)
    starts_s = list(bucket_starts_s(interval, in_zone, start_s, end_s))
    groups = grouped(flights, interval, in_zone, ["carrier"])
    more = {"from": bounds[0], "to": bounds[1], "fill": "zero"}
    for metric in METRICS:
        got = api.ask(metric, interval=interval, tz=zone, by=["carrier"], **more)
        wanted = filled(metric, groups, in_zone, ["carrier"], starts_s)
        assert difference(got, wanted) == "", metric


@pytest.mark.parametrize(
    ("day", "next_day", "hours"),
    [("2013-03-10", "2013-03-11", 23), ("2013-11-03", "2013-11-04", 25)],
)
def test_every_hour_and_minute_of_a_day_of_change(
    api: FlightsApi, day: str, next_day: str, hours: int
) -> None:
    """The skipped hour has no bucket, the repeated one has two, told apart by their offset."""
    zone = ZoneInfo("America/New_York")
    flights, start_s, end_s = within(zone, day, next_day)
    more = {"from": day, "to": next_day, "fill": "zero"}
    for interval, count in (("hour", hours), ("minute", hours * 60)):
        starts_s = list(bucket_starts_s(interval, zone, start_s, end_s))
        assert len(starts_s) == count
        groups = grouped(flights, interval, zone, ())
        got = api.ask("departures", interval=interval, tz=zone.key, **more)
        assert difference(got, filled("departures", groups, zone, (), starts_s)) == ""


# A filter as it is written in a request, and what it means.
FILTERS: Final[dict[str, tuple[list[str], Callable[[Flight], bool]]]] = {
    "one": (["origin:JFK"], lambda f: f.origin == "JFK"),
    "list": (["carrier:UA,AA,US"], lambda f: f.carrier in ("UA", "AA", "US")),
    "not": (["!origin:JFK"], lambda f: f.origin != "JFK"),
    "not in": (["!carrier:UA,B6"], lambda f: f.carrier not in ("UA", "B6")),
    "range": (["dep_delay:15..60"], lambda f: f.dep_delay is not None and 15 <= f.dep_delay <= 60),
    "above": (["dep_delay:>120"], lambda f: f.dep_delay is not None and f.dep_delay > 120),
    "at most": (["dep_delay:<=-10"], lambda f: f.dep_delay is not None and f.dep_delay <= -10),
    "not above": (["!dep_delay:>0"], lambda f: f.dep_delay is None or f.dep_delay <= 0),
    "missing": (["!dep_delay:*"], lambda f: f.dep_delay is None),
    "present": (["dep_delay:*"], lambda f: f.dep_delay is not None),
    "no tail number": (["!subject:*"], lambda f: not f.tail),
    "one aircraft": (["subject:N14228"], lambda f: f.tail == "N14228"),
    "begins with": (["dest:S*"], lambda f: f.dest.startswith("S")),
    "two at once": (
        ["origin:EWR", "distance:>=2000"],
        lambda f: f.origin == "EWR" and f.distance >= 2000,
    ),
    "none left": (["origin:ZZZ"], lambda f: f.origin == "ZZZ"),
}


@pytest.mark.parametrize(("interval", "by"), [(None, ["carrier"]), ("day", [])])
@pytest.mark.parametrize("name", FILTERS)
def test_filters(api: FlightsApi, name: str, interval: str | None, by: list[str]) -> None:
    """One value, a list, negations, ranges, missing and present values, and two at once."""
    where, meant = FILTERS[name]
    zone = ZoneInfo("America/New_York")
    groups = grouped(filter(meant, scheduled()), interval, zone, by)
    assert faults(api, groups, zone, interval, by, where=where) == []


def test_dimensions_that_no_metric_declares(api: FlightsApi) -> None:
    """Destinations were never declared as a dimension; they are answered from the raw events."""
    zone = ZoneInfo("America/New_York")
    by = ["dest", "origin"]
    groups = grouped(scheduled(), "quarter", zone, by)
    assert faults(api, groups, zone, "quarter", by) == []


@pytest.mark.parametrize("interval", [None, "minute", "hour", "day", "month"])
def test_a_range_that_begins_and_ends_inside_buckets(api: FlightsApi, interval: str | None) -> None:
    """Only what lies in the range counts; a bucket keeps its own start; ``to`` is exclusive."""
    zone = ZoneInfo("America/New_York")
    bounds = ("2013-03-10T06:30:00", "2013-03-12T17:59:00")
    flights, start_s, end_s = within(zone, *bounds)
    instants = {one.at_s for one in scheduled()}
    assert {start_s, end_s} <= instants, "no flight shows which end is exclusive"
    groups = grouped(flights, interval, zone, DIMENSIONS)
    more = {"from": bounds[0], "to": bounds[1]}
    assert faults_in_groupings(api, groups, zone, interval, **more) == []


def test_sending_the_whole_file_again_changes_nothing(api: FlightsApi) -> None:
    """Every event is answered as a duplicate, and every number stays what it was."""
    zone = ZoneInfo("America/New_York")
    assert loaded(api) == {"stored": 0, "duplicates": EVENTS_TOTAL}
    for interval in (None, "day"):
        groups = grouped(scheduled(), interval, zone, DIMENSIONS)
        assert faults_in_groupings(api, groups, zone, interval) == []
