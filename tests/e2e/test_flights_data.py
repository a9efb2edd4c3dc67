"""What the example says about its data holds for every one of the 336,776 rows."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest

from examples.flights.departures import (
    EVENTS_TOTAL,
    Departure,
    bodies,
    csv_rows,
    departures,
    flights_file,
)
from tests.flights_oracle import scheduled

_NEW_YORK = ZoneInfo("America/New_York")


@pytest.fixture(scope="module")
def events() -> list[Departure]:
    """Return every departure."""
    return list(departures())


def test_there_are_336776_departures_each_with_its_own_id(events: list[Departure]) -> None:
    """No two departures share an id, so that none is taken for a repetition of another."""
    assert len(events) == EVENTS_TOTAL
    assert len({event.id for event in events}) == EVENTS_TOTAL


def test_every_time_is_the_instant_that_a_clock_in_new_york_shows(
    events: list[Departure],
) -> None:
    """The file's UTC hour and minute, and its local date and time, are the same instant."""
    wrong = [
        event.id
        for event, flight in zip(events, scheduled(), strict=True)
        if datetime.fromisoformat(event.time).timestamp() != flight.at_s
    ]
    assert wrong == []


def test_no_departure_lies_in_an_hour_that_was_skipped_or_came_twice() -> None:
    """So each local time names one instant: its offset does not depend on which one is meant."""
    unclear = []
    for flight in scheduled():
        local = datetime.fromtimestamp(flight.at_s, _NEW_YORK)
        shown = local.replace(fold=1 - local.fold)
        if shown.utcoffset() != local.utcoffset():
            unclear.append(local)
    assert unclear == []


def test_days_of_change_have_departures() -> None:
    """Both changes of the clock are really among the data: departures on both days."""
    days = Counter(
        datetime.fromtimestamp(flight.at_s, _NEW_YORK).date().isoformat() for flight in scheduled()
    )
    assert days["2013-03-10"] > 800
    assert days["2013-11-03"] > 800


def test_the_scheduled_time_is_the_hour_and_minute_beside_it() -> None:
    """The id's schedule (hhmm) is the time of the event: the file says the same thing twice."""
    for row in csv_rows(flights_file()):
        hour, minute = divmod(int(row[4]), 100)
        assert (hour, minute) == (int(row[16]), int(row[17]))


def test_what_is_missing_is_missing_together(events: list[Departure]) -> None:
    """8,255 were cancelled; they have no delay at all, and 2,512 of them no tail number."""
    cancelled = [event for event in events if event.data.dep_delay is None]
    assert len(cancelled) == 8_255
    assert all(event.data.arr_delay is event.data.air_time is None for event in cancelled)
    nameless = [event for event in events if event.subject is None]
    assert len(nameless) == 2_512
    assert all(event.data.dep_delay is None for event in nameless)
    diverted = [event for event in events if event.data.arr_delay is None]
    assert len(diverted) == 8_255 + 1_175
    assert all(event.data.air_time is None for event in diverted)


def test_bodies_hold_the_same_events_in_the_same_order(events: list[Departure]) -> None:
    """The bodies to send, joined, are all events; skipping leaves out exactly the first ones."""
    decoder = msgspec.json.Decoder(Departure)
    skip = EVENTS_TOTAL - 12_345
    rest = list(bodies(skip))
    assert sum(count for count, _ in rest) == 12_345
    sent = [event for _, ndjson in rest for event in decoder.decode_lines(ndjson)]
    assert sent == events[skip:]
    count, first = next(bodies())
    assert decoder.decode_lines(first) == events[:count]


def test_times_are_in_utc_to_the_minute(events: list[Departure]) -> None:
    """An event's time is RFC 3339 with a Z, on a whole minute of 2013 in New York."""
    oldest = min(event.time for event in events)
    newest = max(event.time for event in events)
    assert oldest == "2013-01-01T10:15:00Z"
    assert datetime.fromisoformat(newest).astimezone(_NEW_YORK).year == 2013
    assert {event.time[-4:] for event in events} == {":00Z"}
    assert datetime.fromisoformat(oldest).tzinfo == UTC
