"""The store's rows become the answer: exact values, labels, empty buckets, order.

In the flow: receives rows from ``run`` and ``live``, hands an ``Answer`` to ``api`` and ``cli``.
Guarantee: integers stay integers, decimals keep every digit, an average is the exact quotient rounded
once; nothing is computed in binary floating point that was not stored so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, NamedTuple

from livetally.definitions import Aggregate, FieldType, Metric, Ratio
from livetally.errors import QueryTooLarge
from livetally.query.spec import MetricQuery
from livetally.store.events import Row

__all__ = [
    "ROWS_MAX",
    "Answer",
    "AnswerRow",
    "divided",
    "empty_value",
    "finished",
    "ordered",
    "with_empty_buckets",
]

ROWS_MAX = 100_000

# An average of decimals has this many digits more than its field.
_AVERAGE_DIGITS = 6
_EXACT = Context(prec=80, rounding=ROUND_HALF_EVEN)

Key = tuple[str | int | float | bool | None, ...]


class AnswerRow(NamedTuple):
    """One bucket of one group. ``bucket_us`` is None in a total; ``version`` the newest position."""

    bucket_us: int | None
    keys: Key
    value: int | float | Decimal | str | None
    version: int


class Answer(NamedTuple):
    """A question's rows, true at ``position`` or later; ``truncated`` by the asked limit.

    ``start_us`` and ``end_us`` are the range that the answer covers, None where it is open and
    holds nothing.
    """

    query: MetricQuery
    position: int
    start_us: int | None
    end_us: int | None
    rows: list[AnswerRow]
    truncated: bool = False


def finished(metric: Metric, rows: Iterable[Row]) -> list[AnswerRow]:
    """Compute each row's value from the parts that the store aggregated."""
    return [AnswerRow(r.bucket_us, r.keys, _value(metric, r.parts), r.version) for r in rows]


def empty_value(metric: Metric | Ratio) -> int | None:
    """Return the value of a bucket without events: 0 of what is counted or added, else none."""
    return 0 if isinstance(metric, Metric) and metric.aggregate in _ZERO_WHEN_EMPTY else None


def with_empty_buckets(
    rows: list[AnswerRow], edges: Sequence[int], metric: Metric | Ratio
) -> list[AnswerRow]:
    """Add the buckets without events: 0 for counts, sums and uniques, else no value.

    Every group that has a row gets all its buckets; without any row there is one group, of all.

    Raises:
        QueryTooLarge: buckets times groups are more than one answer may hold.
    """
    empty = empty_value(metric)
    groups = list(dict.fromkeys(row.keys for row in rows)) or [()]
    if len(groups) * len(edges) > ROWS_MAX:
        raise QueryTooLarge(
            f"{len(groups)} groups in {len(edges) - 1} buckets are more than {ROWS_MAX} rows:"
            " ask for a longer interval, a shorter range, fewer groups, or fill=none."
        )
    present = {(row.bucket_us, row.keys): row for row in rows}
    return [
        present.get((start, group)) or AnswerRow(start, group, empty, 0)
        for start in edges[:-1]
        for group in groups
    ]


def ordered(rows: list[AnswerRow], order: str) -> list[AnswerRow]:
    """Sort rows by ``time``, ``-time``, ``value`` or ``-value``; no value comes last."""
    if order == "time":
        return rows
    if order == "-time":
        return sorted(rows, key=lambda row: row.bucket_us or 0, reverse=True)
    have = [row for row in rows if row.value is not None]
    lack = [row for row in rows if row.value is None]
    have.sort(key=_sortable, reverse=order == "-value")
    return have + lack


def divided(upper: list[AnswerRow], lower: list[AnswerRow]) -> list[AnswerRow]:
    """Divide one metric's rows by another's, bucket by bucket and group by group."""
    below = {(row.bucket_us, row.keys): row for row in lower}
    rows = []
    for row in upper:
        other = below.get((row.bucket_us, row.keys))
        value = _quotient(row.value, other.value) if other else None
        version = max(row.version, other.version) if other else row.version
        rows.append(row._replace(value=value, version=version))
    return rows


def _quotient(upper: Any, lower: Any) -> float | Decimal | None:
    """Divide exactly, rounded once; None when there is nothing to divide by."""
    if upper is None or not lower:
        return None
    if isinstance(upper, Decimal) or isinstance(lower, Decimal):
        return _EXACT.divide(Decimal(upper), Decimal(lower)).quantize(
            Decimal(1).scaleb(-12), context=_EXACT
        )
    return float(upper / lower)


def _sortable(row: AnswerRow) -> Any:
    return row.value


def _value(metric: Metric, parts: tuple[Any, ...]) -> Any:
    aggregate = metric.aggregate
    typed = [_typed(metric, i, part) for i, part in enumerate(parts)]
    match aggregate:
        case Aggregate.COUNT | Aggregate.SUM:
            signed = zip(metric.terms, typed, strict=True)
            return sum((term.sign * (part or 0) for term, part in signed), start=0)
        case Aggregate.AVG:
            total = sum((part or 0 for part in typed[0::2]), start=0)
            return _average(total, sum(typed[1::2]))
        case Aggregate.MIN | Aggregate.MAX:
            known = [part for part in typed if part is not None]
            pick = min if aggregate is Aggregate.MIN else max
            return pick(known) if known else None
        case _:
            return typed[0]


def _average(total: Any, count: int) -> float | Decimal | None:
    if not count:
        return None
    if isinstance(total, Decimal):
        digits = -int(total.as_tuple().exponent) + _AVERAGE_DIGITS
        return _EXACT.divide(total, Decimal(count)).quantize(
            Decimal(1).scaleb(-digits), context=_EXACT
        )
    return float(total / count)


def _typed(metric: Metric, index: int, part: Any) -> Any:
    """Read a part as the engine wrote it: decimals come as text, so that no digit is lost."""
    if not isinstance(part, str) or metric.aggregate in (Aggregate.COUNT, Aggregate.UNIQUE):
        return part
    term = metric.terms[index if index < len(metric.terms) else 0]
    field = term.fields.get(term.value) if term.value else None
    if field is not None and field.type is FieldType.DECIMAL:
        return Decimal(part)
    if field is not None and field.type is FieldType.INTEGER:
        return int(part)
    return part


_ZERO_WHEN_EMPTY = frozenset({Aggregate.COUNT, Aggregate.SUM, Aggregate.UNIQUE})
