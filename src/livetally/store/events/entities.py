"""The state of things: one row for each key, computed from its events.

In the flow: receives ``EntityQuestion`` from ``query.entities``, hands rows back.
Guarantee: the order of an entity's events is total (time, position, id), so its latest value is the
same on every machine and after every restart; a page never repeats or skips a key that did not
change between two pages.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from livetally.definitions import Field, FieldType
from livetally.store.events.engine import Engine
from livetally.store.events.expressions import Binder, Condition, Reference, condition_sql
from livetally.store.events.literals import literal
from livetally.store.events.schema import TABLE

__all__ = ["Cursor", "EntityColumn", "EntityQuestion", "EntityRow", "Source", "ask_entities"]

_ORDER = "(occurred_at, position, id)"


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


class Cursor(NamedTuple):
    """Where the last page ended: the value sorted by (None: no value) and the key."""

    value: str | None
    key: str


class EntityQuestion(NamedTuple):
    """Which entities to return: all of a team's, filtered by their fields, one page of them.

    ``sort`` is the place of a column, None for the key. ``since`` keeps only entities whose newest
    event has a later position.
    """

    team: int
    types: tuple[str, ...]
    key: Reference
    columns: tuple[EntityColumn, ...]
    where: tuple[tuple[int, Condition], ...] = ()
    keys: tuple[str, ...] = ()
    sort: int | None = None
    descending: bool = False
    after: Cursor | None = None
    limit: int = 100
    since: int | None = None


class EntityRow(NamedTuple):
    """One entity: its key, fields in the order of the columns, events, their times, position."""

    key: str
    fields: tuple[Any, ...]
    events: int
    first_us: int
    last_us: int
    version: int


def ask_entities(engine: Engine, question: EntityQuestion) -> list[EntityRow]:
    """Return a page of entities and one more, if there is one. Blocks.

    Raises:
        EngineError: the engine refused, or a limit of the query was reached.
    """
    binder = Binder()
    columns = [f"{_column(column)} AS f{i}" for i, column in enumerate(question.columns)]
    columns += [
        "count() AS events",
        "toUnixTimestamp64Micro(min(occurred_at)) AS first_us",
        "toUnixTimestamp64Micro(max(occurred_at)) AS last_us",
        "max(position) AS version",
    ]
    key = f"assumeNotNull(toString({question.key.sql}))"
    inner = (
        f"SELECT {key} AS entity_key, {', '.join(columns)}\nFROM {TABLE}"
        f"\nWHERE {_events(question, binder)}\nGROUP BY entity_key"
    )
    names = [f"f{i}" for i in range(len(question.columns))]
    direction = "DESC" if question.descending else "ASC"
    order = f"entity_key {direction}"
    if question.sort is not None:
        order = f"f{question.sort} {direction} NULLS LAST, {order}"
    sql = (
        f"SELECT entity_key, {', '.join([*names, 'events', 'first_us', 'last_us', 'version'])}"
        f"\nFROM ({inner})\nWHERE {_kept(question, binder)}"
        f"\nORDER BY {order}\nLIMIT {question.limit + 1}"
    )
    return [
        EntityRow(row[0], tuple(row[1:-4]), *row[-4:])
        for row in engine.read(sql, binder.parameters)
    ]


def _events(question: EntityQuestion, binder: Binder) -> str:
    types = ", ".join(binder.bind(kind, "String") for kind in question.types)
    tests = [f"team = {binder.bind(question.team, 'UInt32')}", f"type IN ({types})"]
    if question.keys:
        each = ", ".join(binder.bind(key, "String") for key in question.keys)
        text = question.key.sql
        if question.key.field is not None and question.key.field.type is not FieldType.STRING:
            text = f"toString({text})"
        tests.append(f"{text} IN ({each})")
    elif question.key.name == "subject":
        tests.append("subject != ''")
    else:
        tests.append(f"isNotNull({question.key.sql})")
    if question.since is not None:
        # Finding the few keys that changed by the index on positions spares grouping all others.
        since = binder.bind(question.since, "UInt64")
        changed = f"SELECT {question.key.sql} FROM {TABLE} WHERE {' AND '.join(tests)}"
        tests.append(f"{question.key.sql} IN ({changed} AND position > {since})")
    return " AND ".join(tests)


def _kept(question: EntityQuestion, binder: Binder) -> str:
    tests = ["1"]
    for place, condition in question.where:
        shape = question.columns[place].shape
        tests.append(
            condition_sql(condition._replace(reference=_Alias(f"f{place}", shape)), binder)
        )
    if question.since is not None:
        tests.append(f"version > {binder.bind(question.since, 'UInt64')}")
    if question.after is not None:
        tests.append(_after(question, question.after, binder))
    return " AND ".join(tests)


def _after(question: EntityQuestion, cursor: Cursor, binder: Binder) -> str:
    """Return the test for what comes after the cursor in the page's order."""
    sign = "<" if question.descending else ">"
    key = f"entity_key {sign} {binder.bind(cursor.key, 'String')}"
    if question.sort is None:
        return key
    name = f"f{question.sort}"
    if cursor.value is None:
        return f"(isNull({name}) AND {key})"
    kind = _engine_type(question.columns[question.sort].shape)
    value = f"CAST({binder.bind(cursor.value, 'String')}, '{kind}')"
    return f"(isNull({name}) OR {name} {sign} {value} OR ({name} = {value} AND {key}))"


def _engine_type(shape: Field) -> str:
    match shape.type:
        case FieldType.INTEGER:
            return "Int128"
        case FieldType.NUMBER:
            return "Float64"
        case FieldType.DECIMAL:
            return f"Decimal(38, {shape.scale})"
        case FieldType.TIME:
            return "Int64"
        case FieldType.BOOLEAN:
            return "Bool"
        case _:
            return "String"


class _Alias(Reference):
    """A column of the inner query, to be tested like a member of an event."""

    __slots__ = ()

    @property
    def sql(self) -> str:
        """The column's name."""
        return self.name


def _column(column: EntityColumn) -> str:
    tests = [_test(source) for source in column.sources]
    test = " OR ".join(f"({one})" for one in tests)
    match column.kind:
        case "count":
            return f"toInt128(countIf({test}))"
        case "last_time":
            return f"toUnixTimestamp64Micro(maxOrNullIf(occurred_at, {test}))"
        case "first_time":
            return f"toUnixTimestamp64Micro(minOrNullIf(occurred_at, {test}))"
        case "sum":
            return " + ".join(
                f"{source.sign} * ifNull(sumIf({_value(source)}, {one}), 0)"
                for source, one in zip(column.sources, tests, strict=True)
            )
    value = _any_value(column.sources)
    match column.kind:
        case "latest":
            return f"argMaxOrNullIf({value}, {_ORDER}, ({test}) AND isNotNull({value}))"
        case "first":
            return f"argMinOrNullIf({value}, {_ORDER}, ({test}) AND isNotNull({value}))"
        case _:
            return f"{column.kind}OrNullIf({value}, {test})"


def _test(source: Source) -> str:
    binder = Binder(literals=True)
    tests = [f"type = {literal(source.type)}"]
    tests += [condition_sql(condition, binder) for condition in source.where]
    return " AND ".join(tests)


def _value(source: Source) -> str:
    if source.value is None:
        return "toInt128(1)"
    field = source.value.field
    if field is not None and field.type is FieldType.INTEGER:
        return f"toInt128({source.value.sql})"
    return source.value.sql


def _any_value(sources: tuple[Source, ...]) -> str:
    values = {_value(source) for source in sources}
    if len(values) == 1:
        return values.pop()
    cases = [f"type = {literal(source.type)}, {_value(source)}" for source in sources]
    return f"multiIf({', '.join(cases)}, NULL)"
