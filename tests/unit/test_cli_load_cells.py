"""The text of a cell becomes JSON: which kind a column is, and what it takes."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import msgspec
import pytest

from livetally.cli.load.kinds import Kind, infer, time_reader, writer

UTC = ZoneInfo("UTC")
NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "-20", "0"], Kind.INTEGER),
        (["1", "2.50"], Kind.NUMBER),
        (["true", "False"], Kind.BOOLEAN),
        (["1", "x"], Kind.STRING),
        (["007"], Kind.STRING),
        (["1e5"], Kind.STRING),
        ([" 1"], Kind.STRING),
        (["+1"], Kind.STRING),
        (["1_000"], Kind.STRING),
        (["\u0661"], Kind.STRING),
        (["9" * 19], Kind.STRING),
        (["true", "1"], Kind.STRING),
        ([], Kind.STRING),
    ],
    ids=str,
)
def test_the_kind_of_a_column_is_guessed_from_all_its_cells(cells: list[str], kind: Kind) -> None:
    """Only what is surely a number is one: a postal code stays a text."""
    assert infer(cells) is kind


@pytest.mark.parametrize(
    ("kind", "text", "written"),
    [
        (Kind.STRING, 'a "b"', '"a \\"b\\""'),
        (Kind.INTEGER, "12", "12"),
        (Kind.INTEGER, "+007", "7"),
        (Kind.INTEGER, "9" * 30, "9" * 30),
        (Kind.NUMBER, "2.50", "2.50"),
        (Kind.DECIMAL, "12345678901234567890.123456789", "12345678901234567890.123456789"),
        (Kind.DECIMAL, "+.5", "0.5"),
        (Kind.DECIMAL, "007.10", "7.10"),
        (Kind.NUMBER, "1e3", "1e3"),
        (Kind.BOOLEAN, "Yes", "true"),
        (Kind.BOOLEAN, "0", "false"),
        (Kind.UUID, "abc", '"abc"'),
        (Kind.TIME, "2026-03-29T12:00:00Z", '"2026-03-29T12:00:00Z"'),
    ],
    ids=str,
)
def test_a_cell_is_written_with_every_digit(kind: Kind, text: str, written: str) -> None:
    """What stands in the file is what is sent."""
    assert writer(kind, UTC, "iso")(text).decode() == written
    msgspec.json.decode(written)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (Kind.INTEGER, "1.5"),
        (Kind.INTEGER, "1_000"),
        (Kind.INTEGER, "\u0661"),
        (Kind.INTEGER, "9" * 39),
        (Kind.NUMBER, "1,5"),
        (Kind.NUMBER, "NaN"),
        (Kind.NUMBER, "Infinity"),
        (Kind.NUMBER, "1e9999"),
        (Kind.DECIMAL, "."),
        (Kind.BOOLEAN, "maybe"),
        (Kind.TIME, "yesterday"),
        (Kind.TIME, "2026-13-01"),
    ],
    ids=str,
)
def test_a_cell_that_is_no_value_of_its_kind_is_refused(kind: Kind, text: str) -> None:
    """With the text, and no guess at what was meant."""
    with pytest.raises(ValueError, match="'"):
        writer(kind, UTC, "iso")(text)


@pytest.mark.parametrize(
    ("form", "zone", "text", "written"),
    [
        ("iso", UTC, "2026-03-29T12:00:00+02:00", "2026-03-29T12:00:00+02:00"),
        ("iso", UTC, "2026-03-29T12:00:00.123456Z", "2026-03-29T12:00:00.123456Z"),
        ("iso", UTC, "2026-03-29 12:00", "2026-03-29T12:00:00Z"),
        ("iso", UTC, "2026-03-29", "2026-03-29T00:00:00Z"),
        ("iso", NEW_YORK, "2026-01-01T00:00:00", "2026-01-01T05:00:00Z"),
        ("iso", NEW_YORK, "2026-11-01T01:30", "2026-11-01T05:30:00Z"),
        ("s", UTC, "1767225600", "2026-01-01T00:00:00Z"),
        ("s", UTC, "1767225600.25", "2026-01-01T00:00:00.250000Z"),
        ("ms", UTC, "1767225600250", "2026-01-01T00:00:00.250000Z"),
        ("us", UTC, "-1", "1969-12-31T23:59:59.999999Z"),
        ("%d.%m.%Y %H:%M", NEW_YORK, "01.07.2026 12:00", "2026-07-01T12:00:00-04:00"),
        ("%Y-%m-%dT%H:%M%z", UTC, "2026-01-01T00:00+0100", "2026-01-01T00:00:00+01:00"),
    ],
    ids=str,
)
def test_a_time_is_read_in_its_form_and_zone(
    form: str, zone: ZoneInfo, text: str, written: str
) -> None:
    """With an offset, in the zone of the options, since 1970, or by a pattern."""
    assert time_reader(zone, form)(text) == written


@pytest.mark.parametrize(
    ("form", "text"),
    [("s", "soon"), ("s", "1e99"), ("s", "NaN"), ("ms", ""), ("%Y", "x"), ("iso", "12:00")],
    ids=str,
)
def test_a_time_that_can_not_be_read_is_refused(form: str, text: str) -> None:
    """With the reason."""
    with pytest.raises(ValueError, match="'"):
        time_reader(UTC, form)(text)
