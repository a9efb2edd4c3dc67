"""A statistic becomes SQL: the same text for the projection that keeps it and the query that asks.

In the flow: receives measures from ``query.plan``, hands aggregate expressions to ``aggregate``
and, through ``query.projections``, to ``schema``.
Guarantee: a projection and its question are made by the same function, so the engine recognises one
in the other; where it does not, it reads raw rows and the answer is the same.

A quantile is a nearest rank: of ``n`` values in order, the one at place ``ceil(q * n)``. It is
always a value that an event had.
"""

from __future__ import annotations

from typing import NamedTuple

from livetally.definitions import Aggregate, Field, FieldType
from livetally.store.events.expressions import (
    EVENT_ORDER,
    Binder,
    Condition,
    Reference,
    condition_sql,
    type_is_one_of,
)
from livetally.store.events.literals import literal

__all__ = ["Measure", "MeasureTerm", "measure_sql"]

_QUANTILES = {
    Aggregate.P50: "0.5",
    Aggregate.P90: "0.9",
    Aggregate.P95: "0.95",
    Aggregate.P99: "0.99",
}
_TERM_BY_TERM = frozenset(
    {Aggregate.COUNT, Aggregate.SUM, Aggregate.AVG, Aggregate.MIN, Aggregate.MAX}
)
_ADDING = frozenset({Aggregate.SUM, Aggregate.AVG})


class MeasureTerm(NamedTuple):
    """Events of one ``type`` that count in, with a ``value`` (None for a count).

    For ``unique`` no value means the subject. ``sign`` is -1 for what a sum or count takes away.
    """

    type: str
    value: Reference | None
    where: tuple[Condition, ...]
    sign: int = 1


class Measure(NamedTuple):
    """What a metric computes, independent of any range, bucket or filter.

    ``approximate`` counts different values by a sketch with a standard error of 0.3 %, in bounded
    memory; it changes nothing but ``unique``.
    """

    aggregate: Aggregate
    terms: tuple[MeasureTerm, ...]
    approximate: bool = False

    @property
    def types(self) -> tuple[str, ...]:
        """The event types that count in."""
        return tuple(sorted({term.type for term in self.terms}))

    @property
    def signs(self) -> tuple[int, ...]:
        """The sign of each term."""
        return tuple(term.sign for term in self.terms)

    @property
    def added_as(self) -> tuple[str, str]:
        """The conversion, and its further argument, under which the terms' sums can be added.

        Sums of different scales would be added at the largest one in 128 bits, which overflows
        without a word. ("", "") where they are of one type.
        """
        fields = [term.value.field for term in self.terms if term.value and term.value.field]
        several = len({field.type_tag for field in fields}) > 1
        return _widest(fields) if several else ("", "")


def measure_sql(measure: Measure) -> tuple[str, ...]:
    """Return the aggregate expressions of a measure: its parts, then event count, then version.

    Counts, sums, averages, minima and maxima have one part (averages two) for each term, which
    ``query`` adds up; the other aggregates have one part for all terms.
    """
    conditions = [_condition(term, measure) for term in measure.terms]
    either = _either(measure, conditions)
    parts: list[str] = []
    if measure.aggregate in _TERM_BY_TERM:
        for term, condition in zip(measure.terms, conditions, strict=True):
            parts += _parts(measure.aggregate, _added(term, measure.aggregate), condition)
    else:
        parts.append(_whole(measure, conditions, either))
    if either:
        return (*parts, f"countIf({either})", f"maxIf(position, {either})")
    return (*parts, "count()", "max(position)")


def _condition(term: MeasureTerm, measure: Measure) -> str:
    """Return the test that an event belongs to a term, or nothing when every asked event does."""
    binder = Binder(literals=True)
    tests = [condition_sql(condition, binder) for condition in term.where]
    if len(measure.types) > 1:
        tests.insert(0, f"type = {literal(term.type)}")
    return " AND ".join(tests)


def _either(measure: Measure, conditions: list[str]) -> str:
    """Return the test that an event belongs to some term, or nothing when every asked event does.

    Only events of the measure's types are asked.
    """
    whole = {term.type for term in measure.terms if not term.where}
    if whole == set(measure.types):
        return ""
    each = zip(measure.terms, conditions, strict=True)
    tests = [type_is_one_of(whole)] if whole else []
    tests += dict.fromkeys(condition for term, condition in each if term.type not in whole)
    return tests[0] if len(tests) == 1 else " OR ".join(f"({test})" for test in tests)


def _parts(aggregate: Aggregate, value: str, condition: str) -> tuple[str, ...]:
    """Return the parts of one term for the aggregates that ``query`` adds up."""
    suffix, tail = ("If", f", {condition}") if condition else ("", "")
    if aggregate is Aggregate.COUNT:
        return (f"countIf({condition})" if condition else "count()",)
    if aggregate is Aggregate.AVG:
        return (f"sum{suffix}({value}{tail})", f"count{suffix}({value}{tail})")
    return (f"{aggregate.value}{suffix}({value}{tail})",)


def _whole(measure: Measure, conditions: list[str], either: str) -> str:
    """Return the one part of an aggregate that has to see the values of all terms together."""
    values = _alike(measure.terms)
    name, before, after = _function(measure)
    suffix, tail = ("If", f", {either}") if either else ("", "")
    # An event of a type of its own meets one term; that it meets two matters to quantiles only.
    once = len(measure.types) == len(measure.terms) or measure.aggregate not in _QUANTILES
    if once and len(set(values)) == 1:
        return f"{name}{suffix}{before}({values[0]}{after}{tail})"
    if len(measure.types) == len(measure.terms):
        kinds = (f"type = {literal(term.type)}" for term in measure.terms)
        cases = ", ".join(f"{kind}, {value}" for kind, value in zip(kinds, values, strict=True))
        return f"{name}{suffix}{before}(multiIf({cases}, NULL){after}{tail})"
    # An event counts once for each term that it meets: its values become an array.
    each = [
        f"if({condition or '1'}, {value}, NULL)"
        for condition, value in zip(conditions, values, strict=True)
    ]
    others = f", [{', '.join([after.removeprefix(', ')] * len(each))}]" if after else ""
    return f"{name}Array{before}([{', '.join(each)}]{others})"


def _function(measure: Measure) -> tuple[str, str, str]:
    """Return the function's name, its parameters, and what follows the value in its arguments."""
    match measure.aggregate:
        case Aggregate.UNIQUE:
            return ("uniqCombined64", "(17)", "") if measure.approximate else ("uniqExact", "", "")
        case Aggregate.LATEST:
            return ("argMax", "", f", {EVENT_ORDER}")
        case Aggregate.FIRST:
            return ("argMin", "", f", {EVENT_ORDER}")
        case quantile:
            return ("quantileExactWeighted", f"({_QUANTILES[quantile]})", ", 1")


def _added(term: MeasureTerm, aggregate: Aggregate) -> str:
    """Return a term's value; integers are added in 128 bits, which nothing overflows."""
    value = _value(term)
    field = term.value.field if term.value else None
    widened = aggregate in _ADDING and field is not None and field.type is FieldType.INTEGER
    return f"toInt128({value})" if widened else value


def _value(term: MeasureTerm) -> str:
    return (term.value or Reference("subject")).expression(Binder(literals=True))


def _alike(terms: tuple[MeasureTerm, ...]) -> list[str]:
    """Return the terms' values, cast to one type where they are numbers of several."""
    fields = [term.value.field for term in terms if term.value and term.value.field]
    values = [_value(term) for term in terms]
    if len(fields) != len(terms) or len({field.type_tag for field in fields}) == 1:
        return values
    return [f"{_widest(fields)[0]}({value}{_widest(fields)[1]})" for value in values]


def _widest(fields: list[Field]) -> tuple[str, str]:
    """Return the conversion, and its further argument, that keeps every value of these fields."""
    if any(field.type is FieldType.NUMBER for field in fields):
        return "toFloat64", ""
    return "toDecimal256", f", {max(field.scale or 0 for field in fields)}"
