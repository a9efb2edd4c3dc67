"""The changes of offset found by sampling are those that the zones' files list.

In the flow: reads the ``tzdata`` package's files with a reader of its own.
Guarantee: a release of tzdata whose offsets stay for less than the sampling step fails here.
"""

from __future__ import annotations

import itertools
import struct
from importlib import resources

import pytest

from livetally.calendar import find_zone, parse_instant
from livetally.calendar.offsets import Span, first_reaching, spans
from livetally.calendar.zones import _names

SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US
# 1900-01-01T00:00Z
FROM_S = -2_208_988_800


def sections(rules: bytes, start: int, time_bytes: int) -> tuple[int, int, int, int]:
    """Return where the moments and the types of a half begin, how many moments, and its end."""
    utc, standard, leaps, changes, types, name_bytes = struct.unpack(
        ">6l", rules[start + 20 : start + 44]
    )
    moments_at = start + 44
    types_at = moments_at + changes * (time_bytes + 1)
    end = types_at + types * 6 + name_bytes + leaps * (time_bytes + 4) + standard + utc
    return moments_at, types_at, changes, end


def listed_changes(rules: bytes) -> tuple[list[tuple[int, int]], int]:
    """Read ``(instant, new offset)`` of each change, and where the list ends, from a TZif file.

    Source: RFC 8536, section 3.
    """
    # The file's first half is the same in 32 bits, for programs of long ago.
    *_, after_first = sections(rules, 0, 4)
    moments_at, types_at, change_count, _ = sections(rules, after_first, 8)
    moments = struct.unpack(f">{change_count}q", rules[moments_at : moments_at + 8 * change_count])
    kinds = rules[types_at - change_count : types_at]
    offsets = [
        struct.unpack(">l", rules[types_at + 6 * kind : types_at + 6 * kind + 4])[0]
        for kind in kinds
    ]
    before = struct.unpack(">l", rules[types_at : types_at + 4])[0]
    changes = [
        (moment, offset)
        for moment, offset, earlier in zip(moments, offsets, [before, *offsets], strict=False)
        if offset != earlier and moment > FROM_S
    ]
    # Behind its list a file has only a rule for the years to come.
    return changes, max((FROM_S, *moments)) + 1


def test_no_change_is_missed_in_any_zone() -> None:
    """Every zone's changes of offset since 1900 are found, to the second, and no others."""
    folder = resources.files("tzdata").joinpath("zoneinfo")
    files = {folder.joinpath(name).read_bytes(): name for name in sorted(_names())}
    assert len(files) > 300
    for rules, name in files.items():
        listed, to_s = listed_changes(rules)
        found = spans(find_zone(name), FROM_S * SECOND_US, to_s * SECOND_US)[1:]
        changes = [(span.begin_us // SECOND_US, span.offset_us // SECOND_US) for span in found]
        assert (name, changes) == (name, listed)


def test_spans_touch_and_cover_the_range() -> None:
    """The first span begins and the last one ends with the range; between them is no gap."""
    start_us, end_us = FROM_S * SECOND_US + 1, -FROM_S * SECOND_US - 1
    found = spans(find_zone("America/St_Johns"), start_us, end_us)
    assert (found[0].begin_us, found[-1].end_us) == (start_us, end_us)
    assert all(one.end_us == next_.begin_us for one, next_ in itertools.pairwise(found))


@pytest.mark.parametrize("year", [2038, 2100, 2299])
def test_rules_go_on_after_the_last_listed_change(year: int) -> None:
    """Summer time is expected in every later year, as the zone's last rule says."""
    zone = find_zone("Europe/Oslo")
    start_us = parse_instant(f"{year}-01-01", zone, "from")
    hours = [span.offset_us / HOUR_US for span in spans(zone, start_us, start_us + 8760 * HOUR_US)]
    assert hours == [1, 2, 1]


def test_change_on_an_edge_of_the_range() -> None:
    """A change at the range's first instant, or at its end, cuts nothing."""
    zone = find_zone("Europe/Oslo")
    change_us = parse_instant("2026-03-29T01:00Z", zone, "from")
    one, two = HOUR_US, 2 * HOUR_US
    assert spans(zone, change_us, change_us + 9) == [Span(change_us, change_us + 9, two)]
    assert spans(zone, change_us - 9, change_us) == [Span(change_us - 9, change_us, one)]


def test_change_with_the_year() -> None:
    """A change in the very instant in which a year of UTC begins is found once."""
    zone = find_zone("Asia/Singapore")
    change_us = parse_instant("1981-12-31T16:00Z", zone, "from")
    assert [span.begin_us for span in spans(zone, change_us - 9, change_us + 9)][1:] == [change_us]
    zone = find_zone("Africa/Abidjan")
    change_us = parse_instant("1912-01-01T00:16:08Z", zone, "from")
    assert [span.begin_us for span in spans(zone, change_us - 9, change_us + 9)][1:] == [change_us]


@pytest.mark.parametrize(
    ("tz", "local", "first"),
    [
        ("UTC", "2026-03-29T02:30Z", "2026-03-29T02:30Z"),
        ("Europe/Oslo", "2026-03-29T02:30Z", "2026-03-29T01:00Z"),
        ("Europe/Oslo", "2026-03-29T02:00Z", "2026-03-29T01:00Z"),
        ("Europe/Oslo", "2026-10-25T02:30Z", "2026-10-25T00:30Z"),
        ("Europe/Oslo", "2026-10-25T03:00Z", "2026-10-25T02:00Z"),
        ("Pacific/Apia", "2011-12-30T12:00Z", "2011-12-30T10:00Z"),
    ],
)
def test_first_instant_that_reaches_a_local_time(tz: str, local: str, first: str) -> None:
    """A skipped time is reached where the gap ends; a repeated one the first time it is shown."""
    zone = find_zone(tz)
    local_us = parse_instant(local, zone, "from")
    assert first_reaching(zone, local_us) == parse_instant(first, zone, "from")
