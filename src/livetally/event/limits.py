"""The sizes and times that an event may have.

In the flow: receives decoded items from ``ingest``, hands back the ones within the limits and a
rejection for each of the others.
Guarantee: what passes fits every column of the store.

The usual batch breaks no limit; so the extremes of the batch are looked at first, and the items one
by one only when an extreme is out of bounds.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from livetally.event.model import Incoming, Rejection

__all__ = ["EventLimits", "check_limits"]

OLDEST_YEAR = 1900
NEWEST_YEAR = 2299
_TYPE = re.compile(r"[^\s\x00-\x1f\x7f]+\Z")
_DAY_S = 86_400
_BRACE = ord("{")
_NEWEST_US = 10_382_515_200 * 1e6  # 2299-01-01T00:00:00Z


class EventLimits(NamedTuple):
    """Bounds of one event; lengths in characters, ``data_bytes_max`` in bytes, the rest in days."""

    type_chars_max: int = 100
    id_chars_max: int = 256
    source_chars_max: int = 256
    subject_chars_max: int = 1024
    data_bytes_max: int = 262_144
    future_days_max: int = 3650


def check_limits(
    events: list[Incoming], indexes: list[int], limits: EventLimits, now_us: int
) -> tuple[list[Incoming], list[int], list[Rejection]]:
    """Part ``events`` into those within ``limits`` and rejections.

    Args:
        events: decoded items.
        indexes: the index of each in the request.
        limits: the bounds.
        now_us: time of arrival, microseconds since 1970 UTC; bounds the future.
    """
    if _all_within(events, limits, now_us):
        return events, indexes, []
    wrong = {i: found for i, e in enumerate(events) if (found := _complaint(e, limits, now_us))}
    kept = [i for i in range(len(events)) if i not in wrong]
    rejected = [Rejection(indexes[i], field, reason) for i, (field, reason) in wrong.items()]
    return [events[i] for i in kept], [indexes[i] for i in kept], rejected


def _all_within(events: list[Incoming], limits: EventLimits, now_us: int) -> bool:
    """Look at the extremes of the batch only: a few tens of nanoseconds an event."""
    kinds = {event.type for event in events}
    if any(_type_is_wrong(kind, limits) for kind in kinds):
        return False
    ids = [event.id for event in events if event.id is not None]
    data = [memoryview(event.data) for event in events]
    if (
        not all(ids)
        or max(map(len, ids), default=0) > limits.id_chars_max
        or max(map(len, {event.source for event in events}), default=0) > limits.source_chars_max
        or max(map(len, [event.subject for event in events]), default=0) > limits.subject_chars_max
        or max(map(len, data), default=0) > limits.data_bytes_max
        or {view[0] for view in data} - {_BRACE}
    ):
        return False
    times = [event.time for event in events if event.time is not None]
    if not times:
        return True
    if None in {at.tzinfo for at in times}:
        return False
    oldest, newest = min(times), max(times)
    return OLDEST_YEAR < oldest.year and newest.timestamp() * 1e6 <= _future_us(limits, now_us)


def _type_is_wrong(kind: str, limits: EventLimits) -> bool:
    return len(kind) > limits.type_chars_max or not _TYPE.match(kind)


def _future_us(limits: EventLimits, now_us: int) -> float:
    """Return the newest time that is taken; never beyond what the store can hold."""
    return min(now_us + limits.future_days_max * _DAY_S * 1e6, _NEWEST_US)


def _complaint(event: Incoming, limits: EventLimits, now_us: int) -> tuple[str, str] | None:
    if _type_is_wrong(event.type, limits):
        return "type", f"must be 1 to {limits.type_chars_max} characters without spaces"
    if event.id is not None and not 0 < len(event.id) <= limits.id_chars_max:
        return "id", f"must be 1 to {limits.id_chars_max} characters"
    if len(event.source) > limits.source_chars_max:
        return "source", f"must be at most {limits.source_chars_max} characters"
    if len(event.subject) > limits.subject_chars_max:
        return "subject", f"must be at most {limits.subject_chars_max} characters"
    size = len(memoryview(event.data))
    if size > limits.data_bytes_max:
        return "data", f"is {size} bytes; at most {limits.data_bytes_max} are taken"
    if memoryview(event.data)[0] != _BRACE:
        return "data", "must be an object"
    return _complaint_about_time(event, limits, now_us)


def _complaint_about_time(
    event: Incoming, limits: EventLimits, now_us: int
) -> tuple[str, str] | None:
    at = event.time
    if at is None:
        return None
    if at.tzinfo is None:
        return "time", "has no offset; write 2026-03-29T12:00:00Z or ...+02:00"
    if not OLDEST_YEAR < at.year < NEWEST_YEAR:
        return "time", f"must lie between the years {OLDEST_YEAR + 1} and {NEWEST_YEAR - 1}"
    if at.timestamp() * 1e6 > _future_us(limits, now_us):
        return "time", f"lies more than {limits.future_days_max} days in the future"
    return None
