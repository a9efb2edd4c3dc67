"""Invented departures and the plain arithmetic over them that the fake server answers with.

In the flow: hands rows to ``fake_server.py``.
Guarantee: same seed, same events; the numbers are recounted from the events for every question, so
there is nothing here that could be stale.
"""

from __future__ import annotations

import math
import random
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from zoneinfo import ZoneInfo

HOUR_S = 3600
DAY_S = 86_400
_CARRIERS = ("UA", "B6", "EV", "DL", "AA", "MQ", "US", "9E", "WN", "VX", "FL", "AS")
_ORIGINS = ("EWR", "JFK", "LGA")
_WEIGHTS = (58, 54, 54, 48, 33, 26, 20, 18, 12, 5, 3, 1)

Value: TypeAlias = int | float | None
Row: TypeAlias = dict[str, object]


@dataclass(frozen=True, slots=True)
class Departure:
    """One event: when it was due (epoch seconds), who flew, minutes late (None if cancelled)."""

    at_s: int
    carrier: str
    origin: str
    delay: float | None
    distance: int
    tail: str


@dataclass(frozen=True, slots=True)
class Metric:
    """What a metric is called and how a group of departures becomes its value."""

    name: str
    title: str
    description: str
    unit: str
    aggregate: str
    value: Callable[[Sequence[Departure]], Value]

    def card(self) -> dict[str, object]:
        """Return the metric as ``GET /v1/metrics`` lists it."""
        return {
            "name": self.name,
            "title": self.title,
            "description": self.description,
            "unit": self.unit,
            "aggregate": self.aggregate,
            "by": ["carrier", "origin"],
            "application": "flights",
            "approximate": False,
        }


@dataclass(slots=True)
class Question:
    """A query of one metric, taken apart."""

    metric: Metric
    interval: str | None
    tz: str
    from_s: float = -math.inf
    to_s: float = math.inf
    by: tuple[str, ...] = ()
    where: tuple[tuple[str, str], ...] = ()
    bounds: dict[str, str | None] = field(default_factory=dict)


def make_departures(seed: int, now_s: int, day_count: int = 365) -> list[Departure]:
    """Invent a year of history (2013 in New York) and the 26 hours before ``now_s``."""
    dice = random.Random(seed)
    start_s = int(datetime(2013, 1, 1, tzinfo=ZoneInfo("America/New_York")).timestamp())
    made = [
        make_departure(dice, start_s + day * DAY_S + int(dice.triangular(5, 23, 15) * HOUR_S), day)
        for day in range(day_count)
        for _ in range(dice.randint(8, 13) - (4 if day % 7 == 4 else 0))
    ]
    recent = range(now_s - 26 * HOUR_S, now_s, 40)
    made += [
        make_departure(dice, at + dice.randint(0, 39), 0)
        for at in recent
        if dice.random() < _bustle(at)
    ]
    return sorted((one for one in made if one.at_s <= now_s), key=lambda one: one.at_s)


def _bustle(at_s: int) -> float:
    """How much goes on at an hour of the day: little at five at night, most in the afternoon."""
    hour = at_s % DAY_S / HOUR_S - 5
    return 0.5 - 0.42 * math.cos((hour - 4) / 24 * 2 * math.pi)


def make_departure(dice: random.Random, at_s: int, day: int) -> Departure:
    """Invent one departure; summers and evenings run later than the rest."""
    carrier = dice.choices(_CARRIERS, _WEIGHTS)[0]
    late = 9 + 7 * math.sin((day - 80) / 365 * 2 * math.pi) + _CARRIERS.index(carrier)
    return Departure(
        at_s=at_s,
        carrier=carrier,
        origin=dice.choices(_ORIGINS, (36, 33, 31))[0],
        delay=None if dice.random() < 0.03 else float(round(dice.expovariate(1 / late) - 5)),
        distance=dice.randint(90, 2600),
        tail=f"N{dice.randint(100, 999)}{carrier}",
    )


def answer(question: Question, departures: Sequence[Departure]) -> list[Row]:
    """Count the rows of one question over departures in order of time, without empty buckets."""
    groups: dict[tuple[object, ...], list[Departure]] = {}
    start_of = _bucket_starts(question.interval, question.tz)
    begin, end = (bisect_left(departures, at_s, key=_at) for at_s in _bounds(question))
    for one in departures[begin:end]:
        if any(getattr(one, name) != wanted for name, wanted in question.where):
            continue
        key = (start_of(one.at_s), *(getattr(one, name) for name in question.by))
        groups.setdefault(key, []).append(one)
    rows: list[Row] = []
    for key in sorted(groups, key=str):
        row: Row = {"time": key[0]} if key[0] is not None else {}
        row["value"] = question.metric.value(groups[key])
        rows.append(row | dict(zip(question.by, key[1:], strict=True)))
    return rows


def _at(one: Departure) -> int:
    return one.at_s


def _bounds(question: Question) -> tuple[float, float]:
    return question.from_s, question.to_s


def _bucket_starts(interval: str | None, tz: str) -> Callable[[int], str | None]:
    """Return a function from an instant to its bucket's start in ``tz``, by the quarter hour."""
    zone = ZoneInfo(tz)
    known: dict[int, str | None] = {}

    def start_of(at_s: int) -> str | None:
        unit_s = 60 if interval == "minute" else 900
        slot = at_s // unit_s
        if slot not in known:
            known[slot] = floor(datetime.fromtimestamp(slot * unit_s, zone), interval)
        return known[slot]

    return start_of


def floor(moment: datetime, interval: str | None) -> str | None:
    """Return the start of the bucket that holds ``moment``, in its zone; None for one total."""
    if interval is None:
        return None
    if interval == "minute":
        return moment.replace(second=0, microsecond=0).isoformat()
    if interval == "hour":
        return moment.replace(minute=0, second=0, microsecond=0).isoformat()
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    month = {"month": day.month, "quarter": (day.month - 1) // 3 * 3 + 1, "year": 1}
    if interval == "week":
        day -= timedelta(days=day.weekday())
    elif interval in month:
        day = day.replace(month=month[interval], day=1)
    return day.isoformat()


def instant_of(text: str, tz: str) -> float:
    """Read a date (midnight in ``tz``) or an RFC 3339 time."""
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=ZoneInfo(tz))).timestamp()


def utc_text(at_s: float) -> str | None:
    """Write an instant as RFC 3339, or nothing when it has no bound."""
    return datetime.fromtimestamp(at_s, UTC).isoformat() if math.isfinite(at_s) else None


def _delays(group: Sequence[Departure]) -> list[float]:
    return sorted(one.delay for one in group if one.delay is not None)


def _mean_delay(group: Sequence[Departure]) -> Value:
    delays = _delays(group)
    return sum(delays) / len(delays) if delays else None


def _p90_delay(group: Sequence[Departure]) -> Value:
    delays = _delays(group)
    return delays[math.ceil(0.9 * len(delays)) - 1] if delays else None


METRICS = {
    metric.name: metric
    for metric in (
        Metric("departures", "Departures", "Flights due to leave.", "flights", "count", len),
        Metric(
            "mean_departure_delay",
            "Mean departure delay",
            "Minutes behind schedule, over flights that left; early ones count below zero.",
            "min",
            "avg",
            _mean_delay,
        ),
        Metric(
            "p90_departure_delay",
            "90th percentile of departure delay",
            "Nine of ten flights left with this delay or less.",
            "min",
            "p90",
            _p90_delay,
        ),
        Metric(
            "cancellations",
            "Cancellations",
            "Flights that never left.",
            "flights",
            "count",
            lambda group: sum(one.delay is None for one in group),
        ),
        Metric(
            "distance",
            "Distance flown",
            "Great-circle miles of flights that left.",
            "miles",
            "sum",
            lambda group: sum(one.distance for one in group if one.delay is not None),
        ),
        Metric(
            "aircraft",
            "Distinct aircraft",
            "Different tail numbers seen.",
            "aircraft",
            "unique",
            lambda group: len({one.tail for one in group}),
        ),
    )
}
