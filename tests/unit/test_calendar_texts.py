"""Instants as people write and read them.

In the flow: hands texts to ``parse_instant`` and instants to ``label``.
Guarantee: every accepted form, and a clear refusal of the rest.
"""

from __future__ import annotations

import pytest

from livetally.calendar import MAX_US, MIN_US, find_zone, label, labels, parse_instant
from livetally.errors import BadInput

OSLO = find_zone("Europe/Oslo")
# 2026-03-29T00:00Z
MARCH_29_US = 1_774_742_400_000_000


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-03-29T00:00:00Z", 0),
        ("2026-03-29t00:00:00z", 0),
        ("2026-03-29 00:00:00Z", 0),
        ("2026-03-29T00:00Z", 0),
        ("2026-03-29T00:00:00.5Z", 0.5),
        ("2026-03-29T00:00:00.123456Z", 0.123456),
        ("2026-03-29T00:00:00.123456999Z", 0.123456),
        ("2026-03-29T05:45:00+05:45", 0),
        ("2026-03-28T20:30:00-03:30", 0),
        ("2026-03-29T00:00:00-00:00", 0),
        ("2026-03-29T23:59:00+23:59", 0),
        ("2026-03-28T23:59:60Z", 0),
        ("2026-03-28T23:59:60.25Z", 0.25),
        ("2026-03-29T02:00:00 02:00", 0),
    ],
)
def test_instants_with_an_offset(text: str, seconds: float) -> None:
    """RFC 3339 is read to the microsecond, leap seconds and a '+' lost in a URL included."""
    assert parse_instant(text, OSLO, "from") == MARCH_29_US + round(seconds * 1_000_000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026", "2026-01-01T00:00:00+01:00"),
        ("2026-04", "2026-04-01T00:00:00+02:00"),
        ("2026-03-29", "2026-03-29T00:00:00+01:00"),
        ("2026-03-29T01:59", "2026-03-29T01:59:00+01:00"),
        ("2026-03-29T02:30", "2026-03-29T03:30:00+02:00"),
        ("2026-10-25T02:30", "2026-10-25T02:30:00+02:00"),
        ("2026-10-25 03:00:00.000001", "2026-10-25T03:00:00.000001+01:00"),
    ],
)
def test_local_texts_are_read_in_the_zone(text: str, expected: str) -> None:
    """Without an offset: the zone's own; the earlier of two; moved forward by the gap."""
    assert label(parse_instant(text, OSLO, "from"), OSLO) == expected


@pytest.mark.parametrize(
    ("tz", "text", "expected"),
    [
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T01:00:00-02:00"),
        ("America/Toronto", "1919-03-31", "1919-03-31T00:30:00-04:00"),
        ("America/St_Johns", "2006-10-29", "2006-10-29T00:00:00-02:30"),
        ("Pacific/Apia", "2011-12-30", "2011-12-31T00:00:00+14:00"),
    ],
)
def test_date_means_the_start_of_its_bucket(tz: str, text: str, expected: str) -> None:
    """A date without a midnight begins after the gap; a skipped date where the next one begins."""
    zone = find_zone(tz)
    assert label(parse_instant(text, zone, "from"), zone) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "26",
        "20260329",
        "2026-3-29",
        "2026-03-29\n",
        " 2026-03-29",
        "2026-03-29Z",
        "2026-03-29T00Z",
        "2026-03-29T00:00:00.Z",
        "2026-03-29T00:00:00+1:00",
        "2026-03-29T00:00:00+0100",
        "2026-03-29T24:00:00Z",
        "-2026-03-29",
        "1774742400",
        "٢٠٢٦-٠٣-٢٩",
        "2026-03-29T00:\u0660\u0660:00Z",
        "2026-03-29T00:00:00\x00Z",
        "9" * 100_000,
    ],
)
def test_other_forms_are_refused(text: str) -> None:
    """A text in no accepted form is refused with the forms that are."""
    with pytest.raises(BadInput) as refused:
        parse_instant(text, OSLO, "from")
    assert refused.value.field == "from"
    assert refused.value.reason.startswith("give an instant such as")


@pytest.mark.parametrize(
    "text",
    [
        "2026-00",
        "2026-13",
        "2026-02-29",
        "2026-04-31T00:00:00Z",
        "2026-03-29T00:60:00Z",
        "2026-03-29T00:00:61Z",
        "2026-03-29T12:30:60Z",
        "2026-03-29T00:00:00+24:00",
    ],
)
def test_what_no_calendar_shows_is_refused(text: str) -> None:
    """The right form of a date or time that does not exist is refused as such."""
    with pytest.raises(BadInput) as refused:
        parse_instant(text, OSLO, "to")
    assert refused.value.field == "to"
    assert refused.value.reason.startswith("no calendar or clock shows this")


@pytest.mark.parametrize(
    "text",
    [
        "0000",
        "0001",
        "0001-01-01T00:00:00+23:59",
        "0001-01-01T00:00",
        "1899-12-31T23:59:59.999999Z",
        "1900-01-01T00:59:59+01:00",
        "2300-01-01T00:00:00Z",
        "2300-02",
        "9999",
        "9999-12-31T23:59:59-23:59",
        "9999-12-31T23:59",
    ],
)
def test_years_that_the_engine_can_not_show_are_refused(text: str) -> None:
    """Instants before 1900 or after 2299 are refused, whatever their form."""
    with pytest.raises(BadInput, match="years 1900 to 2299"):
        parse_instant(text, OSLO, "from")


def test_bounds_are_accepted() -> None:
    """The first and the last microsecond of the accepted years can be asked for."""
    assert parse_instant("1900-01-01T00:00:00Z", OSLO, "from") == MIN_US
    assert parse_instant("2299-12-31T23:59:59.999999Z", OSLO, "from") == MAX_US


@pytest.mark.parametrize(
    ("tz", "seconds", "expected"),
    [
        ("UTC", 0, "2026-03-29T00:00:00+00:00"),
        ("UTC", 0.25, "2026-03-29T00:00:00.250000+00:00"),
        ("UTC", -0.000001, "2026-03-28T23:59:59.999999+00:00"),
        ("Europe/Oslo", 3600, "2026-03-29T03:00:00+02:00"),
        ("Asia/Kathmandu", 0, "2026-03-29T05:45:00+05:45"),
        ("America/St_Johns", 0, "2026-03-28T21:30:00-02:30"),
    ],
)
def test_labels_have_a_numeric_offset(tz: str, seconds: float, expected: str) -> None:
    """An instant is written in its zone, with a fraction only when it has one."""
    assert label(MARCH_29_US + round(seconds * 1_000_000), find_zone(tz)) == expected


@pytest.mark.parametrize(
    ("tz", "day", "expected"),
    [
        ("Europe/Paris", "1911-03-01", "1911-03-01T00:00:39+00:10"),
        ("Africa/Monrovia", "1971-06-01", "1971-06-01T00:00:30-00:44"),
    ],
)
def test_odd_seconds_of_an_offset_move_into_the_clock(tz: str, day: str, expected: str) -> None:
    """Local mean time is written with the next minute's offset: exact, and never the day before."""
    zone = find_zone(tz)
    begins_us = parse_instant(day, zone, "from")
    assert label(begins_us, zone) == expected
    assert parse_instant(expected, zone, "from") == begins_us


def test_labels_of_nothing() -> None:
    """No instants, no labels."""
    assert labels([], OSLO) == []
