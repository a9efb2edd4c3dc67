"""What every question should answer, worked out once more in plain Python.

In the flow: the property tests of ``query`` compare the program's answers with these.
Guarantee: shares nothing with the program but its definitions: zones from zoneinfo, numbers from
fractions and decimal, one event looked at after the other.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from fractions import Fraction
from importlib.resources import files
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

__all__ = ["Told", "bucket_of", "expected", "rounded", "zone_of"]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
US = timedelta(microseconds=1)
_WIDE = Context(prec=120, rounding=ROUND_HALF_EVEN)


class Told(NamedTuple):
    """An event as it was sent: ``data`` is what its JSON holds."""

    type: str
    at_us: int
    id: str
    subject: str | None
    source: str | None
    data: dict[str, Any]


@functools.cache
def zone_of(name: str) -> ZoneInfo:
    """Read a zone from the tzdata package, whatever the machine has."""
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, name)


def _clock(zone: str, us: int) -> datetime:
    return (EPOCH + us * US).astimezone(zone_of(zone)).replace(tzinfo=None)


@functools.cache
def _midnight(zone: str, day: date) -> int:
    """Return the first instant at which the zone's clock shows this date's midnight, or later."""
    shown = datetime.combine(day, datetime.min.time())
    low = (shown.replace(tzinfo=UTC) - EPOCH) // US - 40 * 3_600_000_000
    step = 600_000_000
    while _clock(zone, low + step) < shown:
        low += step
    high = low + step
    while high - low > 1:
        middle = (low + high) // 2
        if _clock(zone, middle) < shown:
            low = middle
        else:
            high = middle
    return high


def _periods(interval: str, day: date) -> tuple[date, date]:
    """Return the first date of the period that holds ``day``, and of the next."""
    match interval:
        case "day":
            return day, day + timedelta(days=1)
        case "week":
            monday = day - timedelta(days=day.weekday())
            return monday, monday + timedelta(days=7)
    months = {"month": 1, "quarter": 3, "year": 12}[interval]
    month = (day.month - 1) // months * months
    later = month + months
    return date(day.year, month + 1, 1), date(day.year + later // 12, later % 12 + 1, 1)


@functools.lru_cache(maxsize=100_000)
def bucket_of(interval: str, zone: str, us: int) -> int:
    """Return the start of the bucket that holds an instant."""
    shown = _clock(zone, us)
    if interval in ("minute", "hour"):
        into = timedelta(seconds=shown.second, microseconds=shown.microsecond)
        if interval == "hour":
            into += timedelta(minutes=shown.minute)
        start = us - into // US
        return _after_change(zone, start, us)
    first, following = _periods(interval, shown.date())
    if _midnight(zone, following) <= us:  # the clock went back across midnight
        return _midnight(zone, following)
    return _midnight(zone, first)


def _after_change(zone: str, start: int, us: int) -> int:
    """Return ``start``, or the last change of the clock between it and ``us``."""
    ahead = _clock(zone, us) - (EPOCH + us * US).replace(tzinfo=None)

    def same(at: int) -> bool:
        return _clock(zone, at) - (EPOCH + at * US).replace(tzinfo=None) == ahead

    if same(start):
        return start
    low, high = start, us
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if same(middle) else (middle, high)
    return high


def rounded(value: Fraction, digits: int) -> Decimal:
    """Round half to even."""
    scaled = round(value * 10**digits)
    return _WIDE.scaleb(Decimal(scaled), -digits)


Read = Callable[[Told], Any]


def expected(
    events: list[tuple[int, Told]],
    place: Callable[[Told], Any],
    aggregate: str,
    terms: list[tuple[Callable[[Told], bool], Read | None, int]],
    scale: int | None,
) -> dict[Any, Any]:
    """Return the value of every place that an event falls into.

    Args:
        events: with their positions, already filtered.
        place: bucket and group of an event.
        aggregate: the metric's.
        terms: whether an event belongs, its value, and the sign.
        scale: digits of the decimals aggregated, None for other values.
    """
    met: dict[Any, list[tuple[Any, Any, int]]] = {}
    for position, event in events:
        for belongs, read, sign in terms:
            if belongs(event):
                order = (event.at_us, position, event.id.encode(), (event.source or "").encode())
                value = 1 if read is None else read(event)
                met.setdefault(place(event), []).append((order, value, sign))
    return {key: _value(aggregate, values, scale) for key, values in met.items()}


def _value(aggregate: str, met: list[tuple[Any, Any, int]], scale: int | None) -> Any:
    known = [(order, value, sign) for order, value, sign in met if value is not None]
    values = sorted(value for _, value, _ in known) if aggregate[0] in "mp" else []
    match aggregate:
        case "count" | "sum":
            total = sum((Fraction(value) * sign for _, value, sign in known), Fraction())
            return rounded(total, scale) if scale is not None else total
        case "avg" if known:
            mean = sum((Fraction(value) for _, value, _ in known), Fraction()) / len(known)
            return rounded(mean, scale + 6) if scale is not None else float(mean)
        case "min" | "max" if known:
            return values[0] if aggregate == "min" else values[-1]
        case "unique":
            return len({value for _, value, _ in known})
        case "latest" | "first" if known:
            pick = max if aggregate == "latest" else min
            return pick(known, key=lambda one: one[0])[1]
        case "p50" | "p90" | "p95" | "p99" if known:
            rank = math.ceil(Fraction(int(aggregate[1:]), 100) * len(values))
            return values[rank - 1]
    return None
