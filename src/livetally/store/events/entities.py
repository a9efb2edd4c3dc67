"""The state of things: one row for each key, computed from its events.

In the flow: receives ``EntityQuestion`` from ``query.entities``, hands rows back.
Guarantee: the order of an entity's events is total (time, position, id, source), so its latest
value is the same on every machine and after every restart; a page never repeats or skips a key that
did not change between two pages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from livetally.definitions import Field, FieldType
from livetally.store.events.engine import Engine, Rows, Setting
from livetally.store.events.entity_columns import (
    EVERY_ROW,
    EntityColumn,
    column_aggregates,
    column_sql,
)
from livetally.store.events.expressions import Binder, Condition, Reference, condition_sql
from livetally.store.events.projection import smallest
from livetally.store.events.scope import of_team

__all__ = ["Cursor", "EntityQuestion", "EntityRow", "ask_entities"]

_VERSION = "max(position)"
# How often a page is asked for again because one of its entities changed meanwhile.
_TRIES = 3


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

    First which keys are on the page, from no more fields than it is filtered and sorted by; then
    those keys' fields. An entity that changed between the two has another version: then both are
    asked again.

    Raises:
        EngineError: the engine refused, or a limit of the query was reached.
    """
    if question.keys or question.since is not None:
        return _whole(engine, question)
    for _ in range(_TRIES):
        page = _keys_of_page(engine, question)
        if not page:
            return []
        own = question._replace(keys=tuple(page), where=(), sort=None, after=None, limit=len(page))
        rows = {row.key: row for row in _whole(engine, own)}
        if page == {key: row.version for key, row in rows.items()}:
            return [rows[key] for key in page]
    return _whole(engine, question)


def _whole(engine: Engine, question: EntityQuestion) -> list[EntityRow]:
    """Answer with one statement."""
    names = [f"f{i}" for i in range(len(question.columns))]
    rest = {
        "events": "count()",
        "first_us": "toUnixTimestamp64Micro(min(occurred_at))",
        "last_us": "toUnixTimestamp64Micro(max(occurred_at))",
        "version": _VERSION,
    }
    places = range(len(question.columns))
    rows = _ordered(engine, question, places, [*names, *rest], rest, EVERY_ROW)
    return [EntityRow(row[0], tuple(row[1:-4]), *row[-4:]) for row in rows]


def _keys_of_page(engine: Engine, question: EntityQuestion) -> dict[str, int]:
    """Return the keys on a page, in its order, each with its version."""
    if question.sort is None and not question.where and _is_text(question.key):
        rows = _next_keys(engine, question)
    else:
        places = {place for place, _ in question.where}
        if question.sort is not None:
            places.add(question.sort)
        rest = {"version": _VERSION}
        rows = _ordered(engine, question, sorted(places), ["version"], rest, (_VERSION,))
    return {key: version for key, version in rows}  # noqa: C416 - says what the two are


def _next_keys(engine: Engine, question: EntityQuestion) -> Rows:
    """Return the next keys in their order, and versions.

    Type by type, because projections are sorted by (team, type, key): the engine stops where each
    page is full.
    """
    binder = Binder()
    direction = "DESC" if question.descending else "ASC"
    key, limit = question.key.sql, question.limit + 1
    each = [
        f"SELECT {key} AS entity_key, {_VERSION} AS version"
        f" {_events(question._replace(types=(kind,)), binder)}"
        f" GROUP BY {key} ORDER BY {key} {direction} LIMIT {limit}"
        for kind in question.types
    ]
    joined = "\nUNION ALL\n".join(f"SELECT * FROM ({one})" for one in each)
    return engine.read(
        f"SELECT entity_key, max(version) FROM (\n{joined}\n) GROUP BY entity_key"
        f" ORDER BY entity_key {direction} LIMIT {limit}",
        binder.parameters,
        # A second thread would begin further back, and read what the first never needs.
        {
            "optimize_aggregation_in_order": 1,
            "max_threads": 1,
            **_projection(engine, question, (_VERSION,)),
        },
    )


def _ordered(
    engine: Engine,
    question: EntityQuestion,
    places: Sequence[int],
    names: Sequence[str],
    rest: Mapping[str, str],
    base: Sequence[str],
) -> Rows:
    """Return the key and ``names`` of a page, computed from some columns and what ``rest`` says."""
    binder = Binder()
    columns = [f"{column_sql(question.columns[i])} AS f{i}" for i in places]
    columns += [f"{sql} AS {name}" for name, sql in rest.items()]
    key = f"assumeNotNull(toString({question.key.sql}))"
    inner = (
        f"SELECT {key} AS entity_key, {', '.join(columns)}"
        f"\n{_events(question, binder)}\nGROUP BY entity_key"
    )
    direction = "DESC" if question.descending else "ASC"
    order = f"entity_key {direction}"
    if question.sort is not None:
        order = f"f{question.sort} {direction} NULLS LAST, {order}"
    sql = (
        f"SELECT entity_key, {', '.join(names)}"
        f"\nFROM ({inner})\nWHERE {_kept(question, binder)}"
        f"\nORDER BY {order}\nLIMIT {question.limit + 1}"
    )
    wanted = [one for i in places for one in column_aggregates(question.columns[i])]
    return engine.read(sql, binder.parameters, _projection(engine, question, (*wanted, *base)))


def _projection(
    engine: Engine, question: EntityQuestion, aggregates: Sequence[str]
) -> dict[str, Setting]:
    """Return the setting that names the projection to read, nothing when there is none."""
    if not question.key.is_declared:
        return {}
    name = smallest(engine.projections or (), {question.key.sql}, aggregates, by_slot=False)
    return {"preferred_optimize_projection_name": name} if name else {}


def _is_text(key: Reference) -> bool:
    """Tell whether a key is stored as the text that it is shown as."""
    text = key.field is None or key.field.type in (FieldType.STRING, FieldType.UUID)
    return key.is_declared and text


def _events(question: EntityQuestion, binder: Binder) -> str:
    types = [binder.bind(kind, "String") for kind in question.types]
    # Of a list, also of one, the engine does not know that what follows it is in order.
    kind = f"type = {types[0]}" if len(types) == 1 else f"type IN ({', '.join(types)})"
    tests = [of_team(question.team, binder), kind]
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
    if question.after is not None and question.sort is None and _is_text(question.key):
        sign = "<" if question.descending else ">"
        tests.append(f"{question.key.sql} {sign} {binder.bind(question.after.key, 'String')}")
    if question.since is not None:
        # Finding the few keys that changed by the index on positions spares grouping all others.
        since = binder.bind(question.since, "UInt64")
        changed = f"SELECT {question.key.sql} {' AND '.join(tests)}"
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
