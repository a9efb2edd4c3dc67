"""When a source is due next.

In the flow: asked by ``keeper`` after each run.
Guarantee: pure; every process gives the same answer, and it is always later than the instant asked
from.
"""

from __future__ import annotations

from hashlib import blake2b

from livetally.calendar import find_zone, next_cron, parse_cron
from livetally.definitions import Schedule

__all__ = ["next_us"]

_US = 1_000_000


def next_us(schedule: Schedule, mark: str, after_us: int) -> int:
    """Return when to fetch next, in microseconds since 1970.

    Args:
        schedule: the rule.
        mark: names the source; its times are moved apart from those of others by it.
        after_us: the instant to go on from.
    """
    jitter_us = schedule.jitter_s * _US
    grid_us = after_us - jitter_us - 1
    while True:
        grid_us = _on_grid(schedule, grid_us)
        moved_us = grid_us + _moved(mark, grid_us, jitter_us)
        if moved_us > after_us:
            return moved_us


def _on_grid(schedule: Schedule, after_us: int) -> int:
    """Return the next time of the rule itself."""
    if schedule.every_s:
        every_us = schedule.every_s * _US
        return (after_us // every_us + 1) * every_us
    cron = parse_cron(schedule.cron, "cron")
    found = next_cron(cron, after_us, find_zone(schedule.tz))
    assert found is not None, "a schedule that was read has a next time"
    return found


def _moved(mark: str, grid_us: int, jitter_us: int) -> int:
    if not jitter_us:
        return 0
    digest = blake2b(f"{mark} {grid_us}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) % jitter_us
