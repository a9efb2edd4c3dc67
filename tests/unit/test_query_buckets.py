"""The engine's arithmetic finds the bucket that a list of edges would."""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise

import pytest

from livetally.calendar import Interval, edges, find_zone, parse_instant
from livetally.store.events.buckets import bucket_sql, grid_of
from livetally.store.events.expressions import Binder

CASES = [
    (Interval.MINUTE, "Europe/Oslo", "2026-03-01", "2026-04-01"),
    (Interval.HOUR, "Australia/Lord_Howe", "2025-01-01", "2026-01-01"),
    (Interval.HOUR, "Asia/Kathmandu", "1985-06-01", "1986-06-01"),
    (Interval.HOUR, "America/New_York", "1960-01-01", "1961-01-01"),
    (Interval.DAY, "UTC", "1960-01-01", "1980-01-01"),
    (Interval.DAY, "Africa/Cairo", "2023-01-01", "2024-01-01"),
    (Interval.MONTH, "Pacific/Apia", "2011-01-01", "2012-03-01"),
    (Interval.MINUTE, "Europe/Oslo", "2026-03-29T01:00", "2026-03-29T01:01"),
]


def computed(sql: str, parameters: dict[str, object], at: int) -> int:
    """Work the expression out as the engine does, whose intDiv rounds towards zero."""
    text = sql.replace("toUnixTimestamp64Micro(occurred_at)", "at").replace("slot", "at")
    for name in sorted(parameters, key=len, reverse=True):
        for kind in ("Array(Int32)", "Array(Int64)", "Int32", "Int64"):
            text = text.replace(f"{{{name}:{kind}}}", name)
    functions = {
        "roundDown": lambda x, starts: starts[max(0, bisect_right(starts, x) - 1)],
        "intDiv": lambda x, y: abs(x) // y * (1 if x >= 0 else -1),
    }
    return int(eval(text, {}, functions | parameters | {"at": at}))  # noqa: S307 - our own text


@pytest.mark.parametrize(("interval", "zone", "start", "end"), CASES)
def test_every_instant_near_an_edge_finds_its_bucket(
    interval: Interval, zone: str, start: str, end: str
) -> None:
    """The first and last unit of each bucket, and one in the middle."""
    found = find_zone(zone)
    bounds = [parse_instant(text, found, "from") for text in (start, end)]
    grid = grid_of(edges(interval, found, bounds[0], bounds[1], 50_000), None, None)
    binder = Binder()
    sql = bucket_sql(grid, binder)
    parameters: dict[str, object] = dict(binder.parameters)
    if interval in (Interval.MINUTE, Interval.HOUR):
        bound = sum(len(one) for one in parameters.values() if isinstance(one, list))
        assert bound < 10, "evenly spaced edges are not bound one by one"
    for begin, finish in list(pairwise(grid.edges))[:: max(1, len(grid.edges) // 800)]:
        for at in (begin, (begin + finish) // 2, finish - 1):
            assert computed(sql, parameters, at) == begin


def test_minutes_need_microseconds_and_hours_do_not() -> None:
    """Slots are used exactly when every bound is a whole quarter of an hour."""
    quarter = 900_000_000
    assert grid_of([0, 4 * quarter], -quarter, None).by_slot
    assert not grid_of([0, 60_000_000], None, None).by_slot
    assert not grid_of([0, 4 * quarter], 1, None).by_slot
    assert not grid_of([], None, quarter + 1).by_slot
