"""When a source is due next: on its grid, by cron in its zone, moved by its jitter."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from livetally.definitions import Schedule, schedule_of
from livetally.sources import next_us

US = 1_000_000
MINUTE = 60 * US


def at(text: str) -> int:
    """Return an instant of 2026."""
    return int(datetime.fromisoformat(f"2026-{text}").replace(tzinfo=UTC).timestamp()) * US


def times(schedule: Schedule, mark: str, begin_us: int, count: int) -> list[int]:
    """Return the next ``count`` times, each asked for at the one before."""
    found = [begin_us]
    for _ in range(count):
        found.append(next_us(schedule, mark, found[-1]))
    return found[1:]


def test_every_fifth_minute_is_a_grid() -> None:
    """Whenever it is asked; a time that is reached is not given again."""
    schedule = schedule_of("5 minutes", "", "", "")
    assert next_us(schedule, "a", at("03-01 12:00:01")) == at("03-01 12:05")
    assert next_us(schedule, "a", at("03-01 12:05")) == at("03-01 12:10")


def test_jitter_moves_each_time_of_each_source_by_its_own() -> None:
    """By less than it says, always later than the grid, the same in every process."""
    schedule = schedule_of("5 minutes", "", "", "1 minute")
    first = times(schedule, "1/a", at("03-01 12:00"), 50)
    assert first == times(schedule, "1/a", at("03-01 12:00"), 50)
    moved = [one % (5 * MINUTE) for one in first]
    assert all(0 <= one < MINUTE for one in moved)
    assert len(set(moved)) > 40
    assert [one // (5 * MINUTE) for one in first] == list(
        range(first[0] // (5 * MINUTE), first[0] // (5 * MINUTE) + 50)
    )
    assert first != times(schedule, "1/b", at("03-01 12:00"), 50)


def test_a_time_that_was_moved_is_still_to_come() -> None:
    """Asked between the grid's time and the moved one, the moved one is due; none is left out."""
    schedule = schedule_of("5 minutes", "", "", "4 minutes")
    due = next_us(schedule, "1/a", at("03-01 12:00"))
    grid = due // (5 * MINUTE) * (5 * MINUTE)
    assert next_us(schedule, "1/a", grid) == due
    assert next_us(schedule, "1/a", due - 1) == due
    assert next_us(schedule, "1/a", due) > due


@pytest.mark.parametrize(
    ("after", "due"),
    [
        ("03-27 12:00", "03-28 05:00"),  # 6 o'clock in winter
        ("03-28 12:00", "03-29 04:00"),  # and in summer
    ],
)
def test_cron_is_of_its_zone(after: str, due: str) -> None:
    """Before and after the clocks change."""
    schedule = schedule_of("", "0 6 * * *", "Europe/Oslo", "")
    assert next_us(schedule, "a", at(after)) == at(due)


def test_cron_may_be_moved_too() -> None:
    """By its jitter."""
    schedule = schedule_of("", "0 6 * * *", "", "30 minutes")
    found = times(schedule, "1/a", at("03-01 07:00"), 20)
    minutes = {(one - at("03-02 06:00")) % (24 * 60 * MINUTE) // MINUTE for one in found}
    assert len(minutes) > 8
    assert all(0 <= one < 30 for one in minutes)
