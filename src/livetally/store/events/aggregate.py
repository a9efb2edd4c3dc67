"""A measure asked over a range: one statement, in which the engine does all the arithmetic.

In the flow: receives a ``Question`` from ``query.plan``, hands its rows back.
Guarantee: every bound, edge, filter value and group of a request is bound, none is written into the
statement; the rows are the same whether the engine reads a projection or raw events.

Buckets come as edges (whole microseconds, computed from civil time in ``calendar``): the engine
only finds the half-open pair of edges that a time falls into. It needs no time zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from livetally.definitions import Aggregate
from livetally.store.events.buckets import Grid, bucket_sql, grid_of
from livetally.store.events.engine import Engine
from livetally.store.events.expressions import Binder, Condition, Reference, condition_sql
from livetally.store.events.measure import Measure, measure_sql
from livetally.store.events.schema import TABLE

__all__ = ["Group", "Question", "Row", "ask"]

Group = tuple[str | int | float | bool | None, ...]
"""The values of a question's keys, as the engine gave them: decimals as text, times as integers."""


class Question(NamedTuple):
    """What to ask: bounds and edges in microseconds since 1970 UTC, ``end_us`` exclusive.

    ``edges`` are strictly increasing bucket starts and the end of the last bucket, or empty for one
    total. ``chosen`` keeps these groups and joins all others into one row. ``since`` keeps only
    rows whose newest event has a later position. ``descending`` orders by value, and only then
    ``rows_max`` may cut the answer; None orders by bucket and group.
    """

    team: int
    measure: Measure
    keys: tuple[Reference, ...]
    where: tuple[Condition, ...]
    edges: tuple[int, ...]
    start_us: int | None
    end_us: int | None
    since: int | None = None
    chosen: tuple[Group, ...] | None = None
    descending: bool | None = None
    rows_max: int = 100_000


class Row(NamedTuple):
    """One bucket of one group: its start (None in a total), keys, raw parts, newest position.

    ``parts`` are the aggregate's values as the engine gave them, in the order of ``measure_sql``.
    ``other`` marks the row of all groups that were not chosen; its keys are None.
    """

    bucket_us: int | None
    keys: Group
    parts: tuple[Any, ...]
    events: int
    version: int
    other: bool = False


def ask(engine: Engine, question: Question, settings: Mapping[str, int] | None = None) -> list[Row]:
    """Answer a question; at most ``rows_max`` + 1 rows. Blocks.

    Raises:
        EngineError: the engine refused, or a limit of the query was reached.
    """
    grid = grid_of(question.edges, question.start_us, question.end_us)
    binder = Binder()
    sql = _statement(question, grid, binder)
    rows = engine.read(sql, binder.parameters, settings)
    return [_row(row, question, grid) for row in rows]


def _statement(question: Question, grid: Grid, binder: Binder) -> str:
    selected = _grouped(question, grid, binder)
    names = [text.rsplit(" AS ", 1)[1] for text in selected]
    parts = measure_sql(question.measure)
    measured = [f"{part} AS m{i}" for i, part in enumerate(parts)]
    having = f"m{len(parts) - 2} > 0"
    if question.since is not None:
        having += f" AND m{len(parts) - 1} > {binder.bind(question.since, 'UInt64')}"
    order = [f"{name} ASC NULLS LAST" for name in names]
    if question.descending is not None:
        direction = "DESC" if question.descending else "ASC"
        order.insert(0, f"{_value(question.measure)} {direction} NULLS LAST")
    return (
        f"SELECT {', '.join((*selected, *measured))}\nFROM {TABLE}"
        f"\nWHERE {_where(question, grid, binder)}"
        + (f"\nGROUP BY {', '.join(names)}" if names else "")
        + f"\nHAVING {having}"
        + (f"\nORDER BY {', '.join(order)}" if order else "")
        + f"\nLIMIT {question.rows_max + 1}"
    )


def _grouped(question: Question, grid: Grid, binder: Binder) -> list[str]:
    """Return the expressions to group by, each with its alias."""
    selected = [f"{bucket_sql(grid, binder)} AS bucket"] if question.edges else []
    keys = [key.expression(binder) for key in question.keys]
    if question.chosen is not None:
        selected.append(f"{_is_other(question, keys, binder)} AS other")
        keys = [f"if(other, NULL, {key})" for key in keys]
    return selected + [f"{key} AS key{i}" for i, key in enumerate(keys)]


def _is_other(question: Question, keys: list[str], binder: Binder) -> str:
    groups = [
        " AND ".join(
            _is_group(key, reference, value, binder)
            for key, reference, value in zip(keys, question.keys, group, strict=True)
        )
        for group in question.chosen or ()
    ]
    return f"NOT ({' OR '.join(f'({group})' for group in groups) or '0'})"


def _is_group(key: str, reference: Reference, value: Any, binder: Binder) -> str:
    if value is None:
        return f"isNull({key})"
    return f"ifNull({key} = {binder.bind(value, reference.engine_type)}, 0)"


def _value(measure: Measure) -> str:
    """Return the value to order by, of the aggregates for which the engine's order is exact."""
    if measure.aggregate in (Aggregate.COUNT, Aggregate.SUM):
        return " + ".join(f"{sign} * ifNull(m{i}, 0)" for i, sign in enumerate(measure.signs))
    return "m0"


def _where(question: Question, grid: Grid, binder: Binder) -> str:
    types = ", ".join(binder.bind(kind, "String") for kind in question.measure.types)
    tests = [f"team = {binder.bind(question.team, 'UInt32')}", f"type IN ({types})"]
    for bound, sign in ((question.start_us, ">="), (question.end_us, "<")):
        if bound is None:
            continue
        if grid.by_slot:
            tests.append(f"slot {sign} {binder.bind(bound // grid.unit_us, 'Int32')}")
        else:
            at = f"fromUnixTimestamp64Micro({binder.bind(bound, 'Int64')}, 'UTC')"
            tests.append(f"occurred_at {sign} {at}")
    tests += [condition_sql(condition, binder) for condition in question.where]
    return " AND ".join(tests)


def _row(row: list[Any], question: Question, grid: Grid) -> Row:
    first = 1 if question.edges else 0
    other = False
    if question.chosen is not None:
        other = bool(row[first])
        first += 1
    last = first + len(question.keys)
    bucket = row[0] * grid.unit_us if question.edges else None
    return Row(bucket, tuple(row[first:last]), tuple(row[last:-2]), row[-2], row[-1], other)
