"""Cron schedules in civil time, with the days on which clocks change.

In the flow: texts are read, and asked for the next instant.
Guarantee: nothing is due twice, nothing is left out, and a mistake is named.
"""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise

import pytest

from livetally.calendar import find_zone, from_us, next_cron, parse_cron, to_us
from livetally.errors import BadInput

OSLO = find_zone("Europe/Oslo")


def times(text: str, after: str, count: int, zone: str = "Europe/Oslo") -> list[str]:
    """Return the next instants after one, as the zone's clocks show them."""
    cron, found = parse_cron(text, "cron"), find_zone(zone)
    us: int | None = to_us(datetime.fromisoformat(after))
    shown: list[str] = []
    for _ in range(count):
        assert us is not None
        us = next_cron(cron, us, found)
        if us is None:
            return shown
        shown.append(from_us(us).astimezone(found).strftime("%m-%d %H:%M%z"))
    return shown


@pytest.mark.parametrize(
    ("text", "after", "expected"),
    [
        ("*/5 * * * *", "2026-01-01T00:03+01:00", ["01-01 00:05+0100", "01-01 00:10+0100"]),
        ("*/5 * * * *", "2026-01-01T00:05+01:00", ["01-01 00:10+0100"]),
        ("30 6 * * mon-fri", "2026-01-02T07:00+01:00", ["01-05 06:30+0100"]),
        ("0 0 29 feb *", "2026-01-01T00:00+01:00", ["02-29 00:00+0100"]),
        ("0 12 1,15 * *", "2026-01-02T00:00+01:00", ["01-15 12:00+0100", "02-01 12:00+0100"]),
        # The day of the month or the day of the week, when both are given.
        ("0 0 13 * fri", "2026-01-07T00:00+01:00", ["01-09 00:00+0100", "01-13 00:00+0100"]),
        ("0 0 * * 7", "2026-01-01T00:00+01:00", ["01-04 00:00+0100"]),
        # Clocks skip 02:00 to 03:00: moved to the end of the gap, once.
        ("30 2 * * *", "2026-03-28T12:00+01:00", ["03-29 03:00+0200", "03-30 02:30+0200"]),
        # Clocks show 02:00 to 03:00 twice: the first time counts.
        ("30 2 * * *", "2026-10-24T12:00+02:00", ["10-25 02:30+0200", "10-26 02:30+0100"]),
        ("15-45/15 9 * * *", "2026-01-01T09:20+01:00", ["01-01 09:30+0100", "01-01 09:45+0100"]),
    ],
    ids=str,
)
def test_the_next_instants(text: str, after: str, expected: list[str]) -> None:
    """What the schedule names, in order."""
    assert times(text, after, len(expected)) == expected


def test_instants_rise_over_a_whole_year() -> None:
    """Also where clocks change."""
    cron, us = (
        parse_cron("17 */2 * * *", "cron"),
        to_us(datetime.fromisoformat("2026-01-01T00:00Z")),
    )
    found: list[int] = []
    while len(found) < 12 * 365:
        following = next_cron(cron, us, OSLO)
        assert following is not None
        us = following
        found.append(us)
    assert all(earlier < later for earlier, later in pairwise(found))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("* * * *", "five fields"),
        ("60 * * * *", "a minute is from 0 to 59"),
        ("* * 0 * *", "a day is from 1 to 31"),
        ("*/0 * * * *", "is no minute"),
        ("5-1 * * * *", "a minute is from 0 to 59"),
        ("* * * foo *", "'foo' is no month"),
        ("* * * * -1", "is no weekday"),
    ],
)
def test_a_mistake_is_named(text: str, reason: str) -> None:
    """With the field that is wrong."""
    with pytest.raises(BadInput, match=reason):
        parse_cron(text, "cron")


def test_a_day_that_never_comes_has_no_next() -> None:
    """The thirtieth of February."""
    assert times("0 0 30 2 *", "2026-01-01T00:00+01:00", 1) == []
