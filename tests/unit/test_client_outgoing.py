"""An event on its way out: its id, its JSON, and what is refused before it leaves."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from threading import Thread
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from livetally.client.identifiers import IdMaker
from livetally.client.outgoing import Outgoing, outgoing
from livetally.errors import BadInput
from livetally.testing.clock import ManualClock


class Reading(msgspec.Struct):
    """A program's own type of data."""

    value: float


IDS = IdMaker(ManualClock())


def sent(**event: Any) -> dict[str, Any]:
    """Return an event as a server reads it, numbers with a fraction as decimals."""
    line = outgoing(event, IDS, None).line
    decoded: dict[str, Any] = msgspec.json.Decoder(float_hook=Decimal).decode(line)
    return decoded


def test_ids_are_uuids_of_version_7_that_sort_as_they_were_made() -> None:
    """Ten thousand ids of one millisecond are all different and in order."""
    clock = ManualClock()
    maker = IdMaker(clock)
    made = [maker.make() for _ in range(10_000)]
    assert made == sorted(set(made))
    first = uuid.UUID(made[0])
    assert (first.version, first.variant) == (7, uuid.RFC_4122)
    assert first.int >> 80 == clock.now_us() // 1000


def test_ids_sort_over_time_also_when_the_clock_stands_still_and_then_goes_on() -> None:
    """An id made a millisecond later sorts behind all before it."""
    clock = ManualClock()
    maker = IdMaker(clock)
    before = [maker.make() for _ in range(100)]
    clock.advance(s=1)
    assert maker.make() > max(before)


def test_ids_from_many_threads_are_different() -> None:
    """Four threads that ask at the same time get no id twice."""
    maker = IdMaker(ManualClock())
    made: list[str] = []
    threads = [
        Thread(target=lambda: made.extend(maker.make() for _ in range(2_000))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 8_000


def test_an_event_has_its_members_and_an_id() -> None:
    """What is given is written, what is None is left out, and an id is made."""
    event = sent(type="tap", subject="ada", data={"n": 1}, time=None)
    assert event.pop("id")
    assert event == {"type": "tap", "subject": "ada", "data": {"n": 1}}


def test_an_id_that_is_given_is_kept() -> None:
    """The program's own id leaves as it is."""
    assert sent(type="tap", id="t-1")["id"] == "t-1"


def test_the_clients_source_stands_in_for_a_missing_one_only() -> None:
    """An event's own source wins."""
    lines = [
        outgoing(event, IDS, "shop").members()["source"]
        for event in ({"type": "a"}, {"type": "a", "source": "till"})
    ]
    assert lines == ["shop", "till"]


def test_decimals_keep_every_digit() -> None:
    """Money is written as a number, exactly."""
    value = Decimal("12345678901234567890.123456789")
    assert sent(type="pay", data={"value": value})["data"]["value"] == value


def test_a_time_with_a_zone_is_written_as_rfc_3339() -> None:
    """A datetime of any zone is the instant it names."""
    at = datetime(2026, 3, 29, 12, 0, 0, 250_000, timezone(timedelta(hours=2)))
    assert sent(type="tap", time=at)["time"] == "2026-03-29T12:00:00.250000+02:00"
    assert sent(type="tap", time=at.astimezone(UTC))["time"] == "2026-03-29T10:00:00.250000Z"


def test_a_time_of_a_zone_with_seconds_is_the_same_instant() -> None:
    """Monrovia was 44 minutes and 30 seconds behind: RFC 3339 has no such offset."""
    at = datetime(1950, 1, 1, tzinfo=ZoneInfo("Africa/Monrovia"))
    assert sent(type="tap", time=at)["time"] == "1950-01-01T00:44:30Z"


def test_words_that_look_like_numbers_are_texts() -> None:
    """Only numbers are refused; a text or an absent value is not one."""
    data = {"note": "NaN, Infinity and null", "none": None, "many": [None, 1.5, Decimal("1E+999")]}
    assert sent(type="tap", data=data)["data"] == data


def test_a_line_that_is_not_json_still_says_which_event_it_was() -> None:
    """Lines may come from elsewhere than from here."""
    assert Outgoing("e1", b'{"id":"e1","data":NaN}').members() == {"id": "e1"}


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({}, "type"),
        ({"type": ""}, "type"),
        ({"type": 7}, "type"),
        ({"type": "a", "tme": "2026"}, "tme"),
        ({"type": "a", "id": 5}, "id"),
        ({"type": "a", "time": datetime(2026, 1, 1)}, "time"),  # noqa: DTZ001 - that is the point
        ({"type": "a", "time": 5}, "time"),
        ({"type": "a", "data": [1]}, "data"),
        ({"type": "a", "data": {"x": Ellipsis}}, "data"),
        ({"type": "a", "data": {"x": Decimal("NaN")}}, "data"),
        ({"type": "a", "data": {"x": [{"y": Decimal("-Infinity")}]}}, "data"),
        ({"type": "a", "data": {"x": Decimal("sNaN")}}, "data"),
        ({"type": "a", "data": {"x": float("nan")}}, "data"),
        ({"type": "a", "data": {"x": [1.5, (float("inf"),)]}}, "data"),
        ({"type": "a", "data": Reading(float("-inf"))}, "data"),
    ],
    ids=str,
)
def test_a_wrong_event_is_refused_by_the_name_of_its_member(
    event: dict[str, Any], field: str
) -> None:
    """Nothing leaves that the server would refuse for its form."""
    with pytest.raises(BadInput) as caught:
        outgoing(event, IDS, None)
    assert caught.value.field == field
