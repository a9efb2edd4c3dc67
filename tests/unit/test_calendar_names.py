"""Names of time zones and intervals, right, wrong and hostile.

In the flow: hands names to ``find_zone`` and ``Interval.parse``.
Guarantee: an unknown name is an error with the nearest one, never a trace and never an open file.
"""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime
from importlib import resources
from typing import TYPE_CHECKING

import pytest

from livetally.calendar import Interval, find_zone, from_us, to_us, zones
from livetally.errors import UnknownName

if TYPE_CHECKING:
    from pathlib import Path


def test_zone_is_found_once_and_knows_its_name() -> None:
    """The same name is the same object; an alias keeps the name that was asked for."""
    assert find_zone("Europe/Oslo") is find_zone("Europe/Oslo")
    assert find_zone("Asia/Katmandu").key == "Asia/Katmandu"


def test_zones_do_not_depend_on_the_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine whose own rules say otherwise gets the rules of the tzdata package."""
    tokyo = resources.files("tzdata").joinpath("zoneinfo", "Asia/Tokyo").read_bytes()
    (tmp_path / "Europe").mkdir()
    (tmp_path / "Europe" / "Oslo").write_bytes(tokyo)
    monkeypatch.setattr(zones, "_loaded", {})
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=[tmp_path])
    try:
        july = datetime(2026, 7, 1, tzinfo=find_zone("Europe/Oslo"))
    finally:
        zoneinfo.reset_tzpath(to=before)
    assert july.isoformat() == "2026-07-01T00:00:00+02:00"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("Europe/Olso", "Europe/Oslo"),
        ("europe/oslo", "Europe/Oslo"),
        ("Oslo", "Europe/Oslo"),
        ("New York", "America/New_York"),
        ("Europe/Oslo\n", "Europe/Oslo"),
        ("qqqq", None),
        ("", None),
    ],
)
def test_unknown_zone_names_the_nearest(name: str, nearest: str | None) -> None:
    """A name that is nearly right, or only a city, is answered with the one that was meant."""
    with pytest.raises(UnknownName) as refused:
        find_zone(name)
    assert (refused.value.field, refused.value.kind) == ("tz", "time zone")
    assert refused.value.nearest == nearest


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/localtime",
        "Europe/../Europe/Oslo",
        "Europe/",
        "Europe",
        "zones",
        "__init__.py",
        ".",
        "\x00",
        "Europe/Oslo\x00",
        "\ud800",
        "x" * 10_000_000,
        "\x1b[31m" * 1000,
    ],
)
def test_hostile_zone_names_are_unknown_names(name: str) -> None:
    """Paths, folders, control characters and huge texts are refused in short, printable words."""
    with pytest.raises(UnknownName) as refused:
        find_zone(name)
    assert refused.value.message.isprintable()
    assert len(refused.value.message) < 500


def test_intervals_by_name() -> None:
    """Each interval is read from its own name, and they are listed from short to long."""
    names = ["minute", "hour", "day", "week", "month", "quarter", "year"]
    assert [Interval.parse(name) for name in names] == list(Interval)


@pytest.mark.parametrize(
    ("text", "nearest"),
    [("days", "day"), ("DAY", "day"), ("monthly", "month"), ("x" * 1_000_000, None), ("", None)],
)
def test_unknown_interval_names_the_nearest(text: str, nearest: str | None) -> None:
    """Any other word is refused with the interval that looks most like it."""
    with pytest.raises(UnknownName) as refused:
        Interval.parse(text)
    assert (refused.value.field, refused.value.nearest) == ("interval", nearest)
    assert len(refused.value.message) < 100


@pytest.mark.parametrize(
    ("moment", "instant_us"),
    [
        (datetime(1970, 1, 1, tzinfo=UTC), 0),
        (datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), -1),
        (datetime(2299, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), 10_413_791_999_999_999),
    ],
)
def test_microseconds_are_exact_both_ways(moment: datetime, instant_us: int) -> None:
    """A datetime and its microseconds since 1970 turn into each other without a loss."""
    assert to_us(moment) == instant_us
    assert from_us(instant_us) == moment


def test_datetime_without_zone_is_no_instant() -> None:
    """A datetime that could be anywhere is refused."""
    with pytest.raises(TypeError):
        to_us(datetime(2026, 3, 29))  # noqa: DTZ001
