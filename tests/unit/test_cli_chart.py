"""Answers drawn with characters: what fits, what is labelled, where the gaps are."""

from __future__ import annotations

import io
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from livetally.cli.chart import SERIES_MAX, chart, moment, ticks
from livetally.cli.output import shown, table
from livetally.client import Answer


def answer(rows: list[dict[str, Any]], interval: str | None = "day") -> Answer:
    """Return an answer with these rows."""
    return Answer(
        metric="taps", interval=interval, tz="UTC", start=None, end=None, position=1, rows=rows
    )


def days(*values: Any, **dimensions: Any) -> list[dict[str, Any]]:
    """Return a row for each day of January."""
    return [
        {"time": f"2026-01-{day:02}T00:00:00+00:00", **dimensions, "value": value}
        for day, value in enumerate(values, start=1)
    ]


@pytest.mark.parametrize("size", [(40, 8), (80, 20), (200, 50)], ids=str)
def test_a_chart_fits_its_place(size: tuple[int, int]) -> None:
    """No line is longer and there are no more of them than asked for."""
    width, height = size
    lines = chart(answer(days(1, 5, 3)), width, height, colours=False).splitlines()
    assert len(lines) <= height
    assert max(map(len, lines)) <= width


def test_a_chart_names_values_and_dates() -> None:
    """The axes can be read."""
    drawn = chart(answer(days(*range(0, 31_000, 1_000))), 80, 20, colours=False)
    assert "30k" in drawn
    assert "2026-01-01" in drawn
    assert "\x1b" not in drawn


def test_a_chart_in_colours_has_them() -> None:
    """Colours are only used where they are wanted."""
    assert "\x1b[38;5;74m" in chart(answer(days(1, 2)), 60, 10, colours=True)


def test_groups_are_lines_with_names_up_to_a_number() -> None:
    """More lines can't be told apart, so they are left out."""
    rows = [row for group in range(9) for row in days(group, group + 1, shop=f"shop-{group}")]
    drawn = chart(answer(rows), 80, 30, colours=False)
    assert [group for group in range(9) if f"shop-{group}" in drawn] == list(range(SERIES_MAX))


def test_a_bucket_without_a_value_is_a_gap() -> None:
    """A line through it would claim a value."""
    whole = chart(answer(days(5, 5, 5, 5, 5)), 60, 10, colours=False)
    gap = chart(answer(days(5, 5, None, 5, 5)), 60, 10, colours=False)
    dots = "".join(chr(code) for code in range(0x2801, 0x2900))
    drawn = [
        max(sum(c in dots for c in line) for line in text.splitlines()) for text in (whole, gap)
    ]
    assert drawn[1] < drawn[0] * 0.7


@pytest.mark.parametrize(
    "rows", [[], days(None), days("text"), days(True)], ids=["none", "null", "text", "boolean"]
)
def test_what_has_no_numbers_is_not_drawn(rows: list[dict[str, Any]]) -> None:
    """There is nothing to draw, which is no error."""
    assert chart(answer(rows), 60, 10, colours=False) == ""


@pytest.mark.parametrize("values", [(7,), (0, 0), (-5, -5), (1e300, -1e300), (1e-9, 3e-9)], ids=str)
def test_any_numbers_can_be_drawn(values: tuple[float, ...]) -> None:
    """One point, equal ones, huge and tiny ones."""
    assert chart(answer(days(*values)), 60, 10, colours=False)


@pytest.mark.parametrize(
    ("low", "high", "wanted", "expected"),
    [
        (0, 10, 5, [0, 2, 4, 6, 8, 10]),
        (3, 97, 4, [0, 50, 100]),
        (90, 100, 5, [90, 92, 94, 96, 98, 100]),
        (-7, 12, 4, [-10, -5, 0, 5, 10, 15]),
        (5, 5, 3, [4, 6]),
    ],
    ids=str,
)
def test_ticks_are_round_and_include_the_data(
    low: float, high: float, wanted: int, expected: list[float]
) -> None:
    """Numbers that people read without thinking; zero where it is near."""
    assert ticks(low, high, wanted) == pytest.approx(expected)


def test_a_time_is_as_short_as_its_interval() -> None:
    """A day has no hour; a minute has one."""
    time = "2026-03-29T13:05:00+02:00"
    assert moment(time, "week") == "2026-03-29"
    assert moment(time, "minute") == "2026-03-29 13:05"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "-"),
        (1234567, "1,234,567"),
        (Decimal("1234.500000000"), "1,234.5"),
        (Decimal("100.000"), "100"),
        (Decimal(100), "100"),
        (Decimal("12345678901234567890.123456789"), "12,345,678,901,234,567,890.123456789"),
        (True, "true"),
        ("UA", "UA"),
        ("\x1b[2Jred\x1b]0;title\x07\r\n", r"\x1b[2Jred\x1b]0;title\x07\r\n"),
        ("\x9b2Jé\u202e", r"\x9b2Jé\u202e"),
    ],
    ids=str,
)
def test_values_are_shown_whole(value: Any, text: str) -> None:
    """Thousands are set apart; zeros that say nothing are left out, digits never."""
    assert shown(value) == text


def test_no_text_from_a_server_is_a_command_to_the_terminal() -> None:
    """Not in a table, its heading or the name of a line."""
    evil = "a\x1b[2Jb"
    screen = Console(file=io.StringIO(), force_terminal=True, width=80, legacy_windows=False)
    screen.print(table([evil], [[evil]]))
    assert isinstance(screen.file, io.StringIO)
    assert "\x1b[2J" not in screen.file.getvalue()
    assert screen.file.getvalue().count(r"a\x1b[2Jb") == 2
    assert "\x1b[2J" not in chart(answer(days(1, 2, by=evil)), 80, 20, colours=True)


def test_the_period_before_makes_no_groups() -> None:
    """Its values differ from row to row, and are no names."""
    rows = [row | {"previous": number} for number, row in enumerate(days(1, 2, 3))]
    assert chart(answer(rows), 80, 20, colours=False) == chart(
        answer(days(1, 2, 3)), 80, 20, colours=False
    )
