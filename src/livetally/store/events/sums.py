"""Sums that tell whether two stores hold the same events of a day, and which ones they do not.

In the flow: asked by ``server.comparing`` of the store that was moved from and of the one moved to.
Guarantee: reads only; the same rows have the same sums on every engine, in whatever order, and
however they lie in parts.

A sum is that of a 64-bit hash of each row, so it does not depend on the order, and a table is read
once for all its days.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from livetally.store.events.engine import Engine
from livetally.store.events.expressions import Binder
from livetally.store.events.scope import of_team

__all__ = [
    "RECEIVED_US_MAX",
    "Bucket",
    "Row",
    "Share",
    "Sum",
    "rows_anywhere",
    "rows_of",
    "sums_by_day",
]

_SLOW = {"max_execution_time": 3600}
_AT = "toUnixTimestamp64Micro(occurred_at)"
_RECEIVED = "toUnixTimestamp64Micro(received_at)"
# Days of UTC since 1970; the slots of a projection are 96 to a day, also before it.
_DAY = "toInt32(floor(slot / 96))"
_KEY = "cityHash64(toString(source), id)"
_KEYS_AT_ONCE = 3_000

RECEIVED_US_MAX = 2**62
"""Later than anything arrives."""


class Share(NamedTuple):
    """What is compared of a type: from ``since_us`` on, arrived up to ``received_us``.

    Before ``whole_us`` only that an event is there: what was sent in it is kept no longer. With
    ``days``, those days of UTC (since 1970) only.
    """

    team: int
    type: str
    since_us: int
    whole_us: int
    received_us: int = RECEIVED_US_MAX
    days: tuple[int, ...] | None = None


class Sum(NamedTuple):
    """How many rows, and the sum of their hashes."""

    events: int
    digest: int


class Bucket(NamedTuple):
    """A part of the rows: those whose identity falls into the one of that number, of so many."""

    number: int
    buckets: int


class Row(NamedTuple):
    """A row: its day and identity, hashes of that, of all of it, of what was said, its arrival."""

    day: int
    key: int
    source: str
    id: str
    whole: int
    said: int
    received_us: int


def sums_by_day(engine: Engine, share: Share) -> dict[int, Sum]:
    """Return each day's sum. Blocks, a second or so for some million rows."""
    binder = Binder()
    rows = engine.read(
        f"SELECT {_DAY} AS day, count(), sum({_whole(share, binder)}) {_from(share, binder)}"
        " GROUP BY day",
        binder.parameters,
        _SLOW,
    )
    return {int(day): Sum(int(events), int(digest)) for day, events, digest in rows}


def rows_of(engine: Engine, share: Share, of: Bucket) -> list[Row]:
    """Return the rows of a bucket. Blocks."""
    binder = Binder()
    chosen = f"SELECT {_row(share, binder)} {_from(share, binder)}"
    place = f"{_KEY} % {binder.bind(of.buckets, 'UInt64')} = {binder.bind(of.number, 'UInt64')}"
    rows = engine.read(f"{chosen} AND {place}", binder.parameters, _SLOW)
    return [Row(*row) for row in rows]


def rows_anywhere(engine: Engine, share: Share, keys: Iterable[int]) -> list[Row]:
    """Return the rows of a team that have one of the keys, of whatever type and day. Blocks."""
    found: list[Row] = []
    wanted = sorted(set(keys))
    for start in range(0, len(wanted), _KEYS_AT_ONCE):
        binder = Binder()
        chosen = f"SELECT {_row(share, binder)} {of_team(share.team, binder)}"
        some = binder.bind(wanted[start : start + _KEYS_AT_ONCE], "Array(UInt64)")
        rows = engine.read(f"{chosen} AND {_KEY} IN {some}", binder.parameters, _SLOW)
        found += [Row(*row) for row in rows]
    return found


def _from(share: Share, binder: Binder) -> str:
    days = ""
    if share.days is not None:
        days = f" AND {_DAY} IN {binder.bind(share.days, 'Array(Int32)')}"
    return (
        f"{of_team(share.team, binder)} AND type = {binder.bind(share.type, 'String')}"
        f" AND {_AT} >= {binder.bind(share.since_us, 'Int64')}"
        f" AND {_RECEIVED} <= {binder.bind(share.received_us, 'Int64')}{days}"
    )


def _row(share: Share, binder: Binder) -> str:
    return (
        f"{_DAY}, {_KEY}, source, id, {_whole(share, binder)}, {_said(share, binder)}, {_RECEIVED}"
    )


def _whole(share: Share, binder: Binder) -> str:
    """Return the hash of everything that a row holds but its position."""
    at = binder.bind(share.whole_us, "Int64")
    sent = f"if({_AT} < {at}, '', data), if({_AT} < {at}, '', attributes)"
    return (
        f"cityHash64(toString(type), toString(source), id, subject, {_AT}, timed,"
        f" {_RECEIVED}, {sent})"
    )


def _said(share: Share, binder: Binder) -> str:
    """Return the hash of what makes a repeated event the same: as ``event.content_sums`` has it."""
    at = binder.bind(share.whole_us, "Int64")
    return (
        f"cityHash64(toString(type), timed, if(timed = 1, {_AT}, 0), subject,"
        f" if({_AT} < {at}, '', data))"
    )
