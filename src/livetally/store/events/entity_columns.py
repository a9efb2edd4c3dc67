"""A field of an entity becomes SQL: the same text for the projection that keeps it and the page.

In the flow: receives columns from ``query.entities``, hands expressions to ``entities`` and,
through ``query.projections``, to ``schema``.
Guarantee: an expression is made of the aggregates that ``column_aggregates`` names and of nothing
else that reads an event, so that a projection with those answers it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from livetally.definitions import Field, FieldType
from livetally.store.events.expressions import (
    EVENT_ORDER,
    Binder,
    Condition,
    Reference,
    condition_sql,
    type_is_one_of,
)
from livetally.store.events.literals import literal

__all__ = ["EVERY_ROW", "EntityColumn", "Source", "column_aggregates", "column_sql"]

EVERY_ROW = ("count()", "min(occurred_at)", "max(occurred_at)", "max(position)")
"""What every entity has beside its fields: how many events, first, last, newest position."""


class Source(NamedTuple):
    """Where a column's value comes from in events of one ``type``; ``sign`` is for sums."""

    type: str
    value: Reference | None
    where: tuple[Condition, ...] = ()
    sign: int = 1


class EntityColumn(NamedTuple):
    """One field of an entity: ``kind`` is latest, first, count, sum, min, max, or last_time.

    ``shape`` says of which type the value is, as a field without an event.
    """

    name: str
    kind: str
    sources: tuple[Source, ...]
    shape: Field


def column_aggregates(column: EntityColumn) -> tuple[str, ...]:
    """Return the aggregates that a field is made of, one for each source where they are added."""
    tests = [_test(source) for source in column.sources]
    test = _either(column.sources, tests)
    match column.kind:
        case "count":
            return (f"countIf({test})",)
        case "last_time":
            return (f"maxOrNullIf(occurred_at, {test})",)
        case "first_time":
            return (f"minOrNullIf(occurred_at, {test})",)
        case "sum":
            each = zip(column.sources, tests, strict=True)
            return tuple(f"sumIf({_value(source)}, {one})" for source, one in each)
    value = _any_value(column.sources)
    match column.kind:
        case "latest":
            return (f"argMaxOrNullIf({value}, {EVENT_ORDER}, ({test}) AND isNotNull({value}))",)
        case "first":
            return (f"argMinOrNullIf({value}, {EVENT_ORDER}, ({test}) AND isNotNull({value}))",)
        case _:
            return (f"{column.kind}OrNullIf({value}, {test})",)


def column_sql(column: EntityColumn) -> str:
    """Return the expression of a field's value."""
    aggregates = column_aggregates(column)
    match column.kind:
        case "count":
            return f"toInt128({aggregates[0]})"
        case "last_time" | "first_time":
            return f"toUnixTimestamp64Micro({aggregates[0]})"
        case "sum":
            each = zip(column.sources, aggregates, strict=True)
            return " + ".join(f"{source.sign} * ifNull({one}, 0)" for source, one in each)
    return aggregates[0]


def _either(sources: Sequence[Source], tests: Sequence[str]) -> str:
    whole = {source.type for source in sources if not source.where}
    each = zip(sources, tests, strict=True)
    some = [type_is_one_of(whole)] if whole else []
    some += dict.fromkeys(test for source, test in each if source.type not in whole)
    return " OR ".join(f"({test})" for test in some)


def _test(source: Source) -> str:
    binder = Binder(literals=True)
    tests = [f"type = {literal(source.type)}"]
    tests += [condition_sql(condition, binder) for condition in source.where]
    return " AND ".join(tests)


def _value(source: Source) -> str:
    if source.value is None:
        return "toInt128(1)"
    value = source.value.expression(Binder(literals=True))
    field = source.value.field
    whole = field is not None and field.type is FieldType.INTEGER
    return f"toInt128({value})" if whole else value


def _any_value(sources: tuple[Source, ...]) -> str:
    values = {_value(source) for source in sources}
    if len(values) == 1:
        return values.pop()
    cases = [f"type = {literal(source.type)}, {_value(source)}" for source in sources]
    return f"multiIf({', '.join(cases)}, NULL)"
