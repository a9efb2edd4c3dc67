"""A row of the flights' CSV becomes an event."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import msgspec
import pytest

from examples.flights import departures
from examples.flights.departures import Flights, departure_of

# The shape of the file: year to arr_delay, carrier to time_hour.
_DEPARTED = (
    "2013,1,2,517,515,-2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,5,2013-01-02T10:00:00Z"
)
_CANCELLED = "2013,7,27,NA,106,NA,NA,245,NA,US,1632,NA,EWR,LGA,NA,17,1,6,2013-07-27T05:00:00Z"
_DIVERTED = "2013,11,3,600,600,0,900,930,NA,B6,71,N1,JFK,SLC,NA,1990,6,0,2013-11-03T11:00:00Z"


def event_of(row: str) -> dict[str, Any]:
    """Return the JSON that is sent for a row."""
    event: dict[str, Any] = json.loads(msgspec.json.encode(departure_of(row.split(","))))
    return event


def test_a_departure_has_every_member() -> None:
    """All that the row knows is in the event: integers as such, the instant in UTC."""
    assert event_of(_DEPARTED) == {
        "type": "departure",
        "id": "2013-01-02-UA-1545-EWR-0515",
        "source": "nycflights13",
        "time": "2013-01-02T10:05:00Z",
        "subject": "N14228",
        "data": {
            "carrier": "UA",
            "flight": 1545,
            "origin": "EWR",
            "dest": "IAH",
            "dep_delay": -2,
            "arr_delay": 11,
            "distance": 1400,
            "air_time": 227,
        },
    }


def test_a_cancelled_departure_leaves_out_what_did_not_happen() -> None:
    """Without delays, air time and tail number the members are absent, not null and not zero."""
    event = event_of(_CANCELLED)
    assert "subject" not in event
    assert event["id"] == "2013-07-27-US-1632-EWR-0106"
    assert event["time"] == "2013-07-27T05:06:00Z"
    assert event["data"].keys() == {"carrier", "flight", "origin", "dest", "distance"}


def test_a_diverted_departure_keeps_its_delay_of_zero() -> None:
    """A delay of 0 minutes is a delay: only what is missing is left out."""
    data = event_of(_DIVERTED)["data"]
    assert data["dep_delay"] == 0
    assert "arr_delay" not in data
    assert "air_time" not in data


def test_live_departures_are_drawn_from_the_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes live is a row of the file at the asked instant, with an id of its own."""
    rows = [_DEPARTED.split(","), _CANCELLED.split(",")]
    monkeypatch.setattr(departures, "csv_rows", lambda _path: iter(rows))
    monkeypatch.setattr(departures, "_SAMPLE", len(rows))
    drawn = Flights().live(Random(1))
    sent = [json.loads(next(drawn)[1](1_774_742_400_000_000 + n)) for n in range(20)]
    assert {event["data"]["carrier"] for event in sent} == {"UA", "US"}
    assert sent[0]["time"] == "2026-03-29T00:00:00Z"
    assert sent[7]["time"] == "2026-03-29T00:00:00.000007Z"
    assert len({event["id"] for event in sent}) == len(sent)
    assert {event["source"] for event in sent} == {"livetally-demo"}


def test_the_same_seed_draws_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two demos with one seed send the same departures after the same waits."""
    rows = [_DEPARTED.split(","), _CANCELLED.split(","), _DIVERTED.split(",")]
    monkeypatch.setattr(departures, "csv_rows", lambda _path: iter(rows))
    monkeypatch.setattr(departures, "_SAMPLE", len(rows))
    first, second = Flights().live(Random(7)), Flights().live(Random(7))
    for _ in range(10):
        (wait, make), (other_wait, other_make) = next(first), next(second)
        assert wait == other_wait
        assert make(0) == other_make(0)
