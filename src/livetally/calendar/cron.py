"""A cron schedule in civil time: ``*/5 * * * *`` in a zone becomes the instants that it names.

In the flow: read by ``definitions``, asked by ``sources`` when to fetch next.

Guarantee: the next instant is always later than the one asked from; a time of day that clocks skip
is moved to the end of the gap, one that they show twice counts once.

Source: POSIX.1-2017, crontab: when both the day of the month and the day of the week are
restricted, a day that meets either one counts.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from livetally.calendar.instants import from_us, to_us
from livetally.calendar.offsets import first_reaching
from livetally.errors import BadInput

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

__all__ = ["Cron", "next_cron", "parse_cron"]

_FIELDS: Final = (
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    (
        "month",
        1,
        12,
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"),
    ),
    ("weekday", 0, 7, ("sun", "mon", "tue", "wed", "thu", "fri", "sat")),
)
_PART: Final = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/(\d{1,2}))?", re.ASCII)
_DAYS_MAX: Final = 366 * 8  # February 29 can be eight years away


class Cron(NamedTuple):
    """Which minutes, hours, days, months and weekdays (0 is Sunday) a schedule names."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    days: frozenset[int]
    months: frozenset[int]
    weekdays: frozenset[int]
    any_day: bool
    any_weekday: bool

    def names(self, day: datetime) -> bool:
        """Whether the schedule has times on a day."""
        if day.month not in self.months:
            return False
        by_day = day.day in self.days
        by_weekday = day.isoweekday() % 7 in self.weekdays
        if self.any_day or self.any_weekday:
            return by_day and by_weekday
        return by_day or by_weekday


def parse_cron(text: str, field: str) -> Cron:
    """Read five fields: minute, hour, day of the month, month, day of the week.

    Raises:
        BadInput: names the field of the schedule and the reason.
    """
    parts = text.split()
    if len(parts) != len(_FIELDS):
        raise BadInput(field, "a schedule has five fields: minute hour day month weekday")
    sets = [_numbers(part, *rule, field) for part, rule in zip(parts, _FIELDS, strict=True)]
    weekdays = frozenset(number % 7 for number in sets[4])
    return Cron(
        tuple(sorted(sets[0])),
        tuple(sorted(sets[1])),
        frozenset(sets[2]),
        frozenset(sets[3]),
        weekdays,
        parts[2].startswith("*"),
        parts[4].startswith("*"),
    )


def next_cron(cron: Cron, after_us: int, zone: ZoneInfo) -> int | None:
    """Return the first instant after ``after_us`` that a schedule names; None when there is none.

    Args:
        cron: the schedule.
        after_us: microseconds since 1970 in UTC.
        zone: the zone that its times are in.
    """
    shown = from_us(after_us).astimezone(zone).replace(tzinfo=UTC)
    begin = shown.replace(second=0, microsecond=0) - timedelta(hours=2)
    day = begin.replace(hour=0, minute=0)
    for _ in range(_DAYS_MAX):
        if cron.names(day):
            for hour in cron.hours:
                for minute in cron.minutes:
                    instant_us = first_reaching(zone, to_us(day.replace(hour=hour, minute=minute)))
                    if instant_us > after_us:
                        return instant_us
        day += timedelta(days=1)
    return None


def _numbers(
    text: str, name: str, lowest: int, highest: int, names: tuple[str, ...], field: str
) -> set[int]:
    """Return the numbers that a field names."""
    found: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        first = _number(match[1], lowest, names) if match else None
        last = _number(match[2], lowest, names) if match and match[2] else None
        step = int(match[3]) if match and match[3] else 1
        if match is None or first is None or (match[2] and last is None) or step < 1:
            raise BadInput(field, f"'{part[:20]}' is no {name}")
        if match[1] == "*":
            first, last = lowest, highest
        elif last is None:
            last = highest if match[3] else first
        assert last is not None
        if not lowest <= first <= last <= highest:
            raise BadInput(field, f"'{part[:20]}': a {name} is from {lowest} to {highest}")
        found.update(range(first, last + 1, step))
    return found


def _number(text: str, lowest: int, names: tuple[str, ...]) -> int | None:
    if text == "*":
        return lowest
    if text.isdigit():
        return int(text)
    if text.lower() in names:
        return names.index(text.lower()) + lowest
    return None
