"""Rows become the answer: empty buckets, quotients, comparison, order.

In the flow: receives rows from ``evaluate``, hands an ``Answer`` to ``api``, ``live`` and ``cli``.
Guarantee: every bucket and group appears at most once, in an order that depends on nothing but the
rows; a cut answer says so.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from typing import Any, NamedTuple

from livetally.definitions import Metric, Ratio
from livetally.errors import QueryTooLarge
from livetally.query.spec import MetricQuery
from livetally.query.values import Key, Value, empty_value, quotient

__all__ = [
    "ROWS_MAX",
    "Answer",
    "AnswerRow",
    "compared",
    "divided",
    "empty_value",
    "ordered",
    "rows_of",
    "until_now",
    "with_empty_buckets",
]

ROWS_MAX = 100_000


class AnswerRow(NamedTuple):
    """One bucket of one group. ``bucket_us`` is None in a total; ``version`` the newest position.

    ``other`` marks the row of all groups beyond the asked top; ``previous`` is the value of the
    period before, where that was asked.
    """

    bucket_us: int | None
    keys: Key
    value: Value
    version: int
    other: bool = False
    previous: Value = None


class Answer(NamedTuple):
    """A question's rows, true at ``position`` or later; ``truncated`` by the asked limit.

    ``start_us`` and ``end_us`` are the range that the answer covers, None where it is open and
    holds nothing; ``previous`` is the range compared with. ``error`` is the standard error of the
    values, relative to them, where they are approximate; 0 means exact. ``gone_before_us`` is the
    instant before which events that it would have needed are kept no more.
    """

    query: MetricQuery
    position: int
    start_us: int | None
    end_us: int | None
    rows: list[AnswerRow]
    truncated: bool = False
    previous: tuple[int, int] | None = None
    error: float = 0.0
    gone_before_us: int | None = None


def rows_of(
    buckets_us: Sequence[int | None],
    keys: Sequence[Key],
    values: Sequence[Value],
    versions: Sequence[int],
    others: Sequence[bool],
) -> list[AnswerRow]:
    """Join columns to rows, without running a line of Python for each."""
    columns = zip(buckets_us, keys, values, versions, others, repeat(None), strict=False)
    return list(map(tuple.__new__, repeat(AnswerRow), columns))


def until_now(edges: tuple[int, ...], rows: Iterable[AnswerRow], now_us: int) -> tuple[int, ...]:
    """Return the edges up to the end of the bucket of now, or of the last row if that is later.

    Where stored events end is known to a quarter of an hour, so minutes may be planned that have
    not begun. An empty one of these is nothing that happened.
    """
    last = max((row.bucket_us for row in rows if row.bucket_us is not None), default=now_us)
    return edges[: bisect_right(edges, max(now_us, last)) + 1]


def with_empty_buckets(
    rows: list[AnswerRow],
    edges: Sequence[int],
    metric: Metric | Ratio,
    dimensions: int = 0,
    before: Sequence[AnswerRow] = (),
) -> list[AnswerRow]:
    """Add the buckets without events: 0 for counts, sums and uniques, else no value.

    Every group that has a row gets all its buckets; without any row there is one group, of the
    events that lack the dimensions.

    Args:
        rows: of the asked period.
        edges: bucket edges.
        metric: says what a bucket without events is worth.
        dimensions: how many a group has.
        before: rows of the period compared with, whose groups are shown as well.

    Raises:
        QueryTooLarge: buckets times groups are more than one answer may hold.
    """
    empty = empty_value(metric)
    groups = _groups([*rows, *before]) or [(False, (None,) * dimensions)]
    if len(groups) * (len(edges) - 1) > ROWS_MAX:
        raise QueryTooLarge(
            f"{len(groups)} groups in {len(edges) - 1} buckets are more than {ROWS_MAX} rows:"
            " ask for a longer interval, a shorter range, fewer groups, or fill=none."
        )
    present = {(row.bucket_us, row.other, row.keys): row for row in rows}
    return [
        present.get((start, other, keys)) or AnswerRow(start, keys, empty, 0, other)
        for start in edges[:-1]
        for other, keys in groups
    ]


def divided(upper: list[AnswerRow], lower: list[AnswerRow], numerator: Metric) -> list[AnswerRow]:
    """Divide one metric's rows by another's, bucket by bucket and group by group.

    A numerator without events is nothing of the denominator where it counts or adds, else unknown.
    """
    above = {_place(row): row for row in upper}
    below = {_place(row): row for row in lower}
    rows = []
    for place in above | below:
        over, under = above.get(place), below.get(place)
        value = over.value if over else empty_value(numerator)
        known = over or under
        assert known is not None
        rows.append(
            known._replace(
                value=quotient(value, under.value if under else None),
                version=max(over.version if over else 0, under.version if under else 0),
            )
        )
    return sorted(rows, key=_in_order)


def compared(
    rows: list[AnswerRow],
    before: list[AnswerRow],
    edges: tuple[Sequence[int], Sequence[int]],
    metric: Metric | Ratio,
) -> list[AnswerRow]:
    """Give each row the value of the bucket at the same place in the period before.

    Args:
        rows: of the asked period.
        before: of the period before.
        edges: bucket edges of both periods, empty for a total.
        metric: says what a bucket without events is worth.
    """
    empty = empty_value(metric)
    here = {start: place for place, start in enumerate(edges[0][:-1])}
    there = dict(enumerate(edges[0][:-1]))
    places = {start: place for place, start in enumerate(edges[1][:-1])}
    earlier: dict[Any, AnswerRow] = {}
    for row in before:
        place = None if row.bucket_us is None else places[row.bucket_us]
        if place is None or place in there:
            earlier[place, row.other, row.keys] = row
    joined = []
    for row in rows:
        place = None if row.bucket_us is None else here[row.bucket_us]
        found = earlier.pop((place, row.other, row.keys), None)
        # A longer month has days that the one before had not.
        had_bucket = place is None or place < len(places)
        previous = found.value if found else (empty if had_bucket else None)
        version = max(row.version, found.version if found else 0)
        joined.append(row._replace(previous=previous, version=version))
    for (place, _, _), row in earlier.items():
        start = None if place is None else there[place]
        joined.append(row._replace(bucket_us=start, value=empty, previous=row.value))
    return sorted(joined, key=_in_order)


def ordered(rows: list[AnswerRow], order: str) -> list[AnswerRow]:
    """Sort rows by ``time``, ``-time``, ``value`` or ``-value``; no value comes last."""
    if order == "time":
        return rows
    if order == "-time":
        return sorted(rows, key=lambda row: row.bucket_us or 0, reverse=True)
    have = [row for row in rows if row.value is not None]
    lack = [row for row in rows if row.value is None]
    by_value: Callable[[AnswerRow], Any] = lambda row: row.value  # noqa: E731
    have.sort(key=by_value, reverse=order == "-value")
    return have + lack


def _place(row: AnswerRow) -> tuple[int | None, bool, Key]:
    return row.bucket_us, row.other, row.keys


def _groups(rows: Iterable[AnswerRow]) -> list[tuple[bool, Key]]:
    """Return the groups in the order in which one bucket shows them."""
    found = {(row.other, row.keys): row for row in rows}
    return sorted(found, key=lambda group: (group[0], _sortable(group[1])))


def _in_order(row: AnswerRow) -> Any:
    return (row.bucket_us or 0, row.other, _sortable(row.keys))


def _sortable(keys: Key) -> list[tuple[bool, Any]]:
    """Sort missing values last, as the store does."""
    return [(key is None, 0 if key is None else key) for key in keys]
