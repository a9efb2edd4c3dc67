"""Sums that tell whether two stores hold the same events of a day, and which ones they do not.

In the flow: asked by ``server.comparing`` of the store that was moved from and of the one moved to.
Guarantee: reads only; the same rows have the same sums on every engine, in whatever order, and
however they lie in parts.

A sum is that of a 64-bit hash of each row, so it does not depend on the order, and a table is read
once for all its days.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from livetally.store.events.engine import Engine
from livetally.store.events.expressions import Binder
from livetally.store.events.scope import of_team

__all__ = ["Bucket", "Row", "Share", "Sum", "rows_anywhere", "rows_of", "sums_by_day"]

_SLOW = {"max_execution_time": 3600}
_AT = "toUnixTimestamp64Micro(occurred_at)"
_RECEIVED = "toUnixTimestamp64Micro(received_at)"
# Days of UTC since 1970; the slots of a projection are 96 to a day, also before it.
_DAY = "toInt32(floor(slot / 96))"
_KEY = "cityHash64(toString(source), id)"
_TEXT_MAX = 50_000
_US_MAX = 2**62


class Share(NamedTuple):
    """What is compared of a type: from ``since_us`` on, arrived up to ``received_us``.

    Before ``whole_us`` only that an event is there: what was sent in it is kept no longer. With
    ``day``, that day of UTC (since 1970) only.
    """

    team: int
    type: str
    since_us: int
    whole_us: int
    received_us: int = _US_MAX
    day: int | None = None


class Sum(NamedTuple):
    """How many rows, and the sum of their hashes."""

    events: int
    digest: int


class Bucket(NamedTuple):
    """A part of the rows: those whose identity falls into the one of that number, of so many."""

    number: int
    buckets: int


class Row(NamedTuple):
    """A row: its identity, hashes of all of it and of what its sender said, its arrival."""

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


def rows_anywhere(engine: Engine, share: Share, ids: Iterable[str]) -> list[Row]:
    """Return the rows of a team that have one of the ids, of whatever type and day. Blocks."""
    found: list[Row] = []
    for some in _portions(sorted(set(ids))):
        binder = Binder()
        chosen = f"SELECT {_row(share, binder)} {of_team(share.team, binder)}"
        listed = ",".join(f"'{one}'" for one in some)
        rows = engine.read(
            f"{chosen} AND hex(id) IN {{ids:Array(String)}}",
            {**binder.parameters, "ids": f"[{listed}]"},
            _SLOW,
        )
        found += [Row(*row) for row in rows]
    return found


def _portions(ids: Iterable[str]) -> Iterator[list[str]]:
    """Write ids so that they need no escaping, and cut them to what an engine takes as one text."""
    some: list[str] = []
    length = 0
    for one in ids:
        text = one.encode().hex().upper()
        if some and length + len(text) + 3 > _TEXT_MAX:
            yield some
            some, length = [], 0
        some.append(text)
        length += len(text) + 3
    if some:
        yield some


def _from(share: Share, binder: Binder) -> str:
    day = "" if share.day is None else f" AND {_DAY} = {binder.bind(share.day, 'Int32')}"
    return (
        f"{of_team(share.team, binder)} AND type = {binder.bind(share.type, 'String')}"
        f" AND {_AT} >= {binder.bind(share.since_us, 'Int64')}"
        f" AND {_RECEIVED} <= {binder.bind(share.received_us, 'Int64')}{day}"
    )


def _row(share: Share, binder: Binder) -> str:
    return f"source, id, {_whole(share, binder)}, {_said(share, binder)}, {_RECEIVED}"


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
