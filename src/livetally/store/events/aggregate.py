"""A statistic becomes SQL: the same text for the projection that keeps it and the query that asks.

In the flow: receives measures and questions from ``query.plan``, hands rows back; hands
``Projection`` columns to ``schema``.
Guarantee: a projection and its question are made by the same function, so the engine recognises one
in the other; where it does not, it reads raw rows and the answer is the same.

Buckets come as edges (whole microseconds, computed from civil time in ``calendar``): the engine only
looks up into which half-open pair of edges a time falls. It needs no time zone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from livetally.definitions import Aggregate, FieldType
from livetally.store.events.engine import Engine
from livetally.store.events.expressions import (
    Binder,
    Condition,
    Reference,
    condition_sql,
)
from livetally.store.events.literals import literal
from livetally.store.events.schema import SLOT_US, TABLE

__all__ = ["Measure", "MeasureTerm", "Question", "Row", "ask", "measure_sql"]

_QUANTILES = {
    Aggregate.P50: "0.5",
    Aggregate.P90: "0.9",
    Aggregate.P95: "0.95",
    Aggregate.P99: "0.99",
}
_TERM_BY_TERM = frozenset(
    {Aggregate.COUNT, Aggregate.SUM, Aggregate.AVG, Aggregate.MIN, Aggregate.MAX}
)
_ORDER = "(occurred_at, position, id)"


class MeasureTerm(NamedTuple):
    """Events of one ``type`` that count in, with a ``value`` (None for a count).

    For ``unique`` no value means the subject. Signs are applied by ``query``.
    """

    type: str
    value: Reference | None
    where: tuple[Condition, ...]


class Measure(NamedTuple):
    """What a metric computes, independent of any range, bucket or filter."""

    aggregate: Aggregate
    terms: tuple[MeasureTerm, ...]

    @property
    def types(self) -> tuple[str, ...]:
        """The event types that count in."""
        return tuple(sorted({term.type for term in self.terms}))


class Question(NamedTuple):
    """A measure asked over a range: bounds and edges in microseconds, ``end_us`` exclusive.

    ``edges`` are strictly increasing bucket starts and the end of the last bucket, or empty for one
    total. ``since`` keeps only rows whose newest event has a later position.
    """

    team: int
    measure: Measure
    keys: tuple[Reference, ...]
    where: tuple[Condition, ...]
    edges: tuple[int, ...]
    start_us: int | None
    end_us: int | None
    since: int | None = None
    rows_max: int = 100_000
    use_projections: bool = True


class Row(NamedTuple):
    """One bucket of one group: its start (None in a total), keys, raw parts, newest position.

    ``parts`` are the aggregate's values as the engine gave them, in the order of ``measure_sql``.
    """

    bucket_us: int | None
    keys: tuple[str | int | float | bool | None, ...]
    parts: tuple[Any, ...]
    events: int
    version: int


def measure_sql(measure: Measure) -> tuple[str, ...]:
    """Return the aggregate expressions of a measure: its parts, then event count, then version.

    Counts, sums, averages, minima and maxima have one part (averages two) for each term, which
    ``query`` adds up; the other aggregates have one part for all terms.
    """
    conditions = [_condition(term, measure) for term in measure.terms]
    parts: list[str] = []
    if measure.aggregate in _TERM_BY_TERM:
        for term, condition in zip(measure.terms, conditions, strict=True):
            parts += _parts(measure.aggregate, _value(term), condition)
    else:
        parts += _parts(measure.aggregate, _any_value(measure), _any(conditions))
    either = _any(conditions)
    if either:
        return (*parts, f"countIf({either})", f"maxIf(position, {either})")
    return (*parts, "count()", "max(position)")


def ask(engine: Engine, question: Question) -> list[Row]:
    """Answer a question. Blocks. Rows are ordered by bucket, then keys.

    Raises:
        EngineError: the engine refused, or a limit of the query was reached.
    """
    binder = Binder()
    selected, grouped = _group(question, binder)
    measured = measure_sql(question.measure)
    having = f"{measured[-2]} > 0"
    if question.since is not None:
        having += f" AND {measured[-1]} > {binder.bind(question.since, 'UInt64')}"
    sql = (
        f"SELECT {', '.join((*selected, *measured))}\nFROM {TABLE}"
        f"\nWHERE {_where(question, binder)}"
        + (f"\nGROUP BY {', '.join(grouped)}" if grouped else "")
        + f"\nHAVING {having}"
        + (f"\nORDER BY {', '.join(grouped)}" if grouped else "")
        + f"\nLIMIT {question.rows_max + 1}"
    )
    settings = {} if question.use_projections else {"optimize_use_projections": 0}
    rows = engine.read(sql, binder.parameters, settings)
    return [_row(row, question) for row in rows]


def _row(row: list[Any], question: Question) -> Row:
    first = 1 if question.edges else 0
    last = first + len(question.keys)
    bucket = None
    if question.edges:
        bucket = row[0] * SLOT_US if _by_slot(question) else row[0]
    return Row(bucket, tuple(row[first:last]), tuple(row[last:-2]), row[-2], row[-1])


def _group(question: Question, binder: Binder) -> tuple[list[str], list[str]]:
    selected: list[str] = []
    if question.edges:
        if _by_slot(question):
            slots = [edge // SLOT_US for edge in question.edges]
            selected.append(f"roundDown(slot, {binder.bind(slots, 'Array(Int32)')}) AS bucket")
        else:
            micros = "toUnixTimestamp64Micro(occurred_at)"
            edges = binder.bind(list(question.edges), "Array(Int64)")
            selected.append(f"roundDown({micros}, {edges}) AS bucket")
    selected += [f"{key.sql} AS key{i}" for i, key in enumerate(question.keys)]
    return selected, [text.rsplit(" AS ", 1)[1] for text in selected]


def _by_slot(question: Question) -> bool:
    """Whether every bound is a whole quarter of an hour, so that slots decide the bucket."""
    bounds = (*question.edges, question.start_us or 0, question.end_us or 0)
    return all(bound % SLOT_US == 0 for bound in bounds)


def _where(question: Question, binder: Binder) -> str:
    types = ", ".join(binder.bind(kind, "String") for kind in question.measure.types)
    tests = [f"team = {binder.bind(question.team, 'UInt32')}", f"type IN ({types})"]
    by_slot = _by_slot(question)
    for bound, sign in ((question.start_us, ">="), (question.end_us, "<")):
        if bound is None:
            continue
        if by_slot:
            tests.append(f"slot {sign} {binder.bind(bound // SLOT_US, 'Int32')}")
        else:
            at = f"fromUnixTimestamp64Micro({binder.bind(bound, 'Int64')}, 'UTC')"
            tests.append(f"occurred_at {sign} {at}")
    tests += [condition_sql(condition, binder) for condition in question.where]
    return " AND ".join(tests)


def _condition(term: MeasureTerm, measure: Measure) -> str:
    """Return the test that an event belongs to a term, or nothing when every asked event does."""
    binder = Binder(literals=True)
    tests = [condition_sql(condition, binder) for condition in term.where]
    if len(measure.terms) > 1:
        tests.insert(0, f"type = {literal(term.type)}")
    return " AND ".join(tests)


def _any(conditions: list[str]) -> str:
    if not all(conditions):
        return ""
    return conditions[0] if len(conditions) == 1 else " OR ".join(f"({c})" for c in conditions)


def _any_value(measure: Measure) -> str:
    values = {_value(term) for term in measure.terms}
    if len(values) == 1:
        return values.pop()
    cases = [f"type = {literal(term.type)}, {_value(term)}" for term in measure.terms]
    return f"multiIf({', '.join(cases)}, NULL)"


def _value(term: MeasureTerm) -> str:
    if term.value is None:
        return "subject"
    field = term.value.field
    if field is not None and field.type is FieldType.INTEGER:
        return f"toInt128({term.value.sql})"
    return term.value.sql


def _parts(aggregate: Aggregate, value: str, condition: str) -> tuple[str, ...]:
    suffix, tail = ("If", f", {condition}") if condition else ("", "")
    match aggregate:
        case Aggregate.COUNT:
            return (f"countIf({condition})" if condition else "count()",)
        case Aggregate.SUM | Aggregate.MIN | Aggregate.MAX:
            return (f"{aggregate.value}{suffix}({value}{tail})",)
        case Aggregate.AVG:
            return (f"sum{suffix}({value}{tail})", f"count{suffix}({value}{tail})")
        case Aggregate.UNIQUE:
            return (f"uniqExact{suffix}({value}{tail})",)
        case Aggregate.LATEST:
            return (f"argMax{suffix}({value}, {_ORDER}{tail})",)
        case Aggregate.FIRST:
            return (f"argMin{suffix}({value}, {_ORDER}{tail})",)
        case _:
            return (f"quantileExactWeighted{suffix}({_QUANTILES[aggregate]})({value}, 1{tail})",)
