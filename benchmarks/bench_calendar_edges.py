"""How long the edges of a chart's buckets take, beside one aware datetime for each bucket.

In the flow: run by hand, ``python benchmarks/bench_calendar_edges.py``; needs no server.
Guarantee: both ways are timed in one run on the same instants; a figure is the best of nine.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from livetally.calendar import Interval, edges, find_zone, from_us, labels, parse_instant
from livetally.calendar.offsets import _changes

if TYPE_CHECKING:
    from collections.abc import Callable

ZONE = find_zone("Europe/Oslo")
LIMIT = 10_000_000
REPEATS = 9
# Each interval twice, the second range ten times the first: how the cost grows.
QUESTIONS = [
    (Interval.MINUTE, "2026-03-25", "2026-04-01"),
    (Interval.MINUTE, "2026-03-01", "2026-05-10"),
    (Interval.HOUR, "2025", "2026"),
    (Interval.HOUR, "2016", "2026"),
    (Interval.DAY, "2021", "2026"),
    (Interval.DAY, "1976", "2026"),
    (Interval.MONTH, "2016", "2026"),
    (Interval.MONTH, "1926", "2026"),
]


def best_ms(work: Callable[[], object], *, cold: bool = False) -> float:
    """Return the shortest of several runs; ``cold`` forgets the zone's changes before each."""
    best = float("inf")
    for _ in range(REPEATS):
        if cold:
            _changes.cache_clear()
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best * 1000


def measure(interval: Interval, start: str, end: str) -> str:
    """Time one question in every way and return its line of the table."""
    start_us, end_us = parse_instant(start, ZONE, "from"), parse_instant(end, ZONE, "to")
    found = edges(interval, ZONE, start_us, end_us, LIMIT)
    cold_ms = best_ms(lambda: edges(interval, ZONE, start_us, end_us, LIMIT), cold=True)
    warm_ms = best_ms(lambda: edges(interval, ZONE, start_us, end_us, LIMIT))
    labels_ms = best_ms(lambda: labels(found, ZONE))
    baseline_ms = best_ms(lambda: [from_us(edge).astimezone(ZONE) for edge in found])
    return (
        f"{interval:8} {start:>10} {end:>10} {len(found) - 1:8} {cold_ms:8.2f} {warm_ms:8.2f} "
        f"{labels_ms:8.2f} {baseline_ms:9.2f} {baseline_ms / warm_ms:6.1f}x"
    )


def main() -> None:
    """Print one line for each question; times in milliseconds."""
    print(f"{ZONE.key}; baseline: one aware datetime for each bucket; ratio: baseline / warm")
    print("interval       from         to  buckets     cold     warm   labels  baseline  ratio")
    for question in QUESTIONS:
        print(measure(*question))


if __name__ == "__main__":
    main()
