"""A measure asked over a range: one statement, in which the engine does all the arithmetic.

In the flow: receives a ``Question`` from ``query.plan``, hands its rows back.
Guarantee: every bound, edge, filter value and group of a request is bound, none is written into the
statement; the rows are the same whether the engine reads a projection or raw events.

Buckets come as edges (whole microseconds, computed from civil time in ``calendar``): the engine
only finds the half-open pair of edges that a time falls into. It needs no time zone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from livetally.definitions import Aggregate
from livetally.store.events.buckets import Grid, bucket_sql, grid_of
from livetally.store.events.engine import Columns, Engine, Setting
from livetally.store.events.expressions import (
    Binder,
    Condition,
    Reference,
    condition_sql,
    instant_sql,
)
from livetally.store.events.measure import Measure, measure_sql
from livetally.store.events.projection import smallest
from livetally.store.events.scope import of_team

__all__ = ["Found", "Group", "Question", "ask"]

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


class Found(NamedTuple):
    """The rows of an answer, column by column: each is a bucket of a group.

    ``buckets_us`` are bucket starts (None in a total), ``keys`` the groups, ``parts`` the
    aggregate's values as the engine gave them, in the order of ``measure_sql``, ``versions`` the
    newest position in each row. ``others`` marks the rows of all groups that were not chosen, whose
    keys are None.
    """

    buckets_us: Sequence[int | None]
    keys: Sequence[Group]
    parts: tuple[Sequence[Any], ...]
    versions: Sequence[int]
    others: Sequence[bool]


def ask(engine: Engine, question: Question, settings: Mapping[str, int] | None = None) -> Found:
    """Answer a question; at most ``rows_max`` + 1 rows. Blocks.

    Raises:
        EngineError: the engine refused, or a limit of the query was reached.
    """
    grid = grid_of(question.edges, question.start_us, question.end_us)
    binder = Binder()
    sql = _statement(question, grid, binder)
    chosen = {**_projection(engine, question, grid), **(settings or {})}
    columns = engine.read_columns(sql, binder.parameters, chosen)
    # Without a row the engine names no columns either.
    parts = len(measure_sql(question.measure)) - 2
    return _found(columns, question, grid) if columns else Found((), (), ((),) * parts, (), ())


def _projection(engine: Engine, question: Question, grid: Grid) -> dict[str, Setting]:
    """Return the settings that name the projection to read.

    The engine would find it too, but it tries each one that the table has, for 0.4 ms each.
    """
    if engine.projections is None:
        return {}
    members = [*question.keys, *(condition.reference for condition in question.where)]
    columns = {member.sql for member in members if member.is_declared}
    if not grid.by_slot or not all(member.is_declared for member in members):
        return {"optimize_use_projections": 0}
    name = smallest(engine.projections, columns, measure_sql(question.measure))
    return {"preferred_optimize_projection_name": name} if name else {"optimize_use_projections": 0}


def _statement(question: Question, grid: Grid, binder: Binder) -> str:
    selected = _grouped(question, grid, binder)
    names = [text.rsplit(" AS ", 1)[1] for text in selected]
    parts = measure_sql(question.measure)
    *wanted, events, version = parts
    measured = [f"{part} AS m{i}" for i, part in enumerate((*wanted, version))]
    # A group has an event; only what counts some of its events can have none of those.
    having = [] if names and events == "count()" else [f"{events} > 0"]
    if question.since is not None:
        having.append(f"{version} > {binder.bind(question.since, 'UInt64')}")
    order = [f"{name} ASC NULLS LAST" for name in names]
    if question.descending is not None:
        direction = "DESC" if question.descending else "ASC"
        order.insert(0, f"{_value(question.measure)} {direction} NULLS LAST")
    return (
        f"SELECT {', '.join((*selected, *measured))}"
        f"\n{of_team(question.team, binder)} AND {_where(question, grid, binder)}"
        + (f"\nGROUP BY {', '.join(names)}" if names else "")
        + (f"\nHAVING {' AND '.join(having)}" if having else "")
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
        cast, scale = measure.added_as
        sums = [f"{cast}(ifNull(m{i}, 0){scale})" for i in range(len(measure.signs))]
        return " + ".join(
            f"{sign} * {part}" for sign, part in zip(measure.signs, sums, strict=True)
        )
    return "m0"


def _where(question: Question, grid: Grid, binder: Binder) -> str:
    types = [binder.bind(kind, "String") for kind in question.measure.types]
    # The engine makes a set of a list, also of one, and then can't read the rows in their order.
    kind = f"type = {types[0]}" if len(types) == 1 else f"type IN ({', '.join(types)})"
    tests = [kind]
    for bound, sign in ((question.start_us, ">="), (question.end_us, "<")):
        if bound is None:
            continue
        if grid.by_slot:
            tests.append(f"slot {sign} {binder.bind(bound // grid.unit_us, 'Int32')}")
        else:
            tests.append(f"occurred_at {sign} {instant_sql(bound, binder)}")
    tests += [condition_sql(condition, binder) for condition in question.where]
    return " AND ".join(tests)


def _found(columns: Columns, question: Question, grid: Grid) -> Found:
    count = len(columns[-1])
    rest = iter(columns)
    buckets: Sequence[int | None] = [None] * count
    if question.edges:
        starts: list[int] = next(rest)
        buckets = [start * grid.unit_us for start in starts] if grid.by_slot else starts
    others = [False] * count
    if question.chosen is not None:
        others = list(map(bool, next(rest)))
    keys: Sequence[Group] = [()] * count
    if question.keys:
        keys = list(zip(*(next(rest) for _ in question.keys), strict=True))
    *parts, versions = rest
    return Found(buckets, keys, tuple(parts), versions, others)
