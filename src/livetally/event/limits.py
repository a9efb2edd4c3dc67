"""The sizes and times that an event may have.

In the flow: receives decoded items from ``ingest``, hands back the ones within the limits, their
data and times as plain values, and a rejection for each of the others.
Guarantee: what passes fits every column of the store, and its data is JSON that the engine reads
as we do.

The usual batch breaks no limit; so the extremes of the batch are looked at first, and the items one
by one only when an extreme is out of bounds.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple

from livetally.event.model import Incoming, Rejection
from livetally.event.safety import danger, may_be_dangerous

__all__ = [
    "NEWEST_US",
    "OLDEST_US",
    "EventLimits",
    "Within",
    "check_limits",
    "future_us",
    "instant_us",
    "type_is_wrong",
]

OLDEST_YEAR = 1900
NEWEST_YEAR = 2299
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
OLDEST_US = -2_177_452_800_000_000  # 1901-01-01T00:00:00Z
NEWEST_US = 10_382_256_000_000_000  # 2299-01-01T00:00:00Z
_DAY_US = 86_400_000_000
_TYPE = re.compile(r"[^\s\x00-\x1f\x7f]+\Z")
_BRACE = ord("{")


class EventLimits(NamedTuple):
    """Bounds of one event; lengths in characters, ``data_bytes_max`` in bytes, the rest in days."""

    type_chars_max: int = 100
    id_chars_max: int = 256
    source_chars_max: int = 256
    subject_chars_max: int = 1024
    attributes_chars_max: int = 8192
    data_bytes_max: int = 262_144
    future_days_max: int = 3650


class Within(NamedTuple):
    """The events within the limits, and beside each its index, its data and its time.

    ``given_us`` is in microseconds since 1970 UTC, None where the sender gave no time. ``joined``
    is the data of all, comma between, as it came (rejected events included).
    """

    events: list[Incoming]
    indexes: list[int]
    data: list[bytes]
    given_us: list[int | None]
    rejected: list[Rejection]
    joined: bytes


def check_limits(
    events: list[Incoming], indexes: list[int], limits: EventLimits, now_us: int
) -> Within:
    """Part ``events`` into those within ``limits`` and rejections.

    Args:
        events: decoded items.
        indexes: the index of each in the request.
        limits: the bounds.
        now_us: time of arrival, microseconds since 1970 UTC; bounds the future.
    """
    data = [bytes(event.data) for event in events]
    joined = b",".join(data)
    try:
        given_us = _instants(events)
    except TypeError:
        given_us = None  # a time has no offset
    if given_us is not None and _all_within(events, data, joined, given_us, limits, now_us):
        return Within(events, indexes, data, given_us, [], joined)
    return _one_by_one(events, indexes, data, joined, limits, now_us)


def instant_us(at: datetime) -> int:
    """Return the instant in microseconds since 1970 UTC, exactly: floats of seconds are not.

    Raises:
        TypeError: ``at`` has no offset.
    """
    passed = at - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000 + passed.microseconds


def _instants(events: list[Incoming]) -> list[int | None]:
    """As ``instant_us``, without a call for each event."""
    instants: list[int | None] = []
    for event in events:
        at = event.time
        if at is None:
            instants.append(None)
        else:
            passed = at - _EPOCH
            seconds = passed.days * 86_400 + passed.seconds
            instants.append(seconds * 1_000_000 + passed.microseconds)
    return instants


def _all_within(
    events: list[Incoming],
    data: list[bytes],
    joined: bytes,
    given_us: list[int | None],
    limits: EventLimits,
    now_us: int,
) -> bool:
    """Look at the extremes of the batch only: a few tens of nanoseconds an event."""
    ids = [event.id for event in events if event.id is not None]
    longest = max(map(len, data), default=0)
    if (
        any(type_is_wrong(kind, limits) for kind in {event.type for event in events})
        or not all(ids)
        or max(map(len, ids), default=0) > limits.id_chars_max
        or max(map(len, {event.source for event in events}), default=0) > limits.source_chars_max
        or max([len(event.subject) for event in events], default=0) > limits.subject_chars_max
        or max([len(event.attributes) for event in events], default=0) > limits.attributes_chars_max
        or longest > limits.data_bytes_max
        or {body[0] for body in data} - {_BRACE}
        or may_be_dangerous(data, joined, longest)
    ):
        return False
    times = [at for at in given_us if at is not None]
    if not times:
        return True
    return min(times) >= OLDEST_US and max(times) <= future_us(limits, now_us)


def _one_by_one(
    events: list[Incoming],
    indexes: list[int],
    data: list[bytes],
    joined: bytes,
    limits: EventLimits,
    now_us: int,
) -> Within:
    rejected: list[Rejection] = []
    kept: list[int] = []
    for i, event in enumerate(events):
        wrong = _complaint(event, data[i], limits, now_us)
        if wrong is None:
            kept.append(i)
        else:
            rejected.append(Rejection(indexes[i], *wrong))
    within = [events[i] for i in kept]
    return Within(
        within,
        [indexes[i] for i in kept],
        [data[i] for i in kept],
        _instants(within),
        rejected,
        joined,
    )


def type_is_wrong(kind: str, limits: EventLimits) -> bool:
    """Tell whether ``kind`` can't be the type of an event."""
    return len(kind) > limits.type_chars_max or not _TYPE.match(kind)


def future_us(limits: EventLimits, now_us: int) -> int:
    """Return the newest time that is taken; never beyond what the store can hold."""
    return min(now_us + limits.future_days_max * _DAY_US, NEWEST_US)


def _complaint(
    event: Incoming, data: bytes, limits: EventLimits, now_us: int
) -> tuple[str, str] | None:
    if type_is_wrong(event.type, limits):
        return "type", f"must be 1 to {limits.type_chars_max} characters without spaces"
    if event.id is not None and not 0 < len(event.id) <= limits.id_chars_max:
        return "id", f"must be 1 to {limits.id_chars_max} characters"
    if len(event.source) > limits.source_chars_max:
        return "source", f"must be at most {limits.source_chars_max} characters"
    if len(event.subject) > limits.subject_chars_max:
        return "subject", f"must be at most {limits.subject_chars_max} characters"
    if len(event.attributes) > limits.attributes_chars_max:
        return "attributes", f"must be at most {limits.attributes_chars_max} characters together"
    if len(data) > limits.data_bytes_max:
        return "data", f"is {len(data)} bytes; at most {limits.data_bytes_max} are taken"
    if data[0] != _BRACE:
        return "data", "must be an object"
    if found := danger(data):
        return "data", found
    return _complaint_about_time(event, limits, now_us)


def _complaint_about_time(
    event: Incoming, limits: EventLimits, now_us: int
) -> tuple[str, str] | None:
    if event.time is None:
        return None
    if event.time.tzinfo is None:
        return "time", "has no offset; write 2026-03-29T12:00:00Z or ...+02:00"
    at_us = instant_us(event.time)
    if not OLDEST_US <= at_us <= NEWEST_US:
        return "time", f"must lie between the years {OLDEST_YEAR + 1} and {NEWEST_YEAR - 1}"
    if at_us > future_us(limits, now_us):
        return "time", f"lies more than {limits.future_days_max} days in the future"
    return None
