"""Entities: the parameters of ``GET /v1/entities/{entity}`` become a page of states.

In the flow: receives parameters from ``api`` and ``live``, asks ``store.events``.
Guarantee: a state follows from the entity's events in their total order and from nothing else; a
page continues exactly where the last one ended.
"""

from __future__ import annotations

import re
import uuid
from decimal import Decimal
from typing import Any, NamedTuple

from livetally.calendar import find_zone, label
from livetally.definitions import (
    Aggregate,
    Entity,
    EntityField,
    EntityFieldKind,
    Field,
    FieldType,
    Filter,
    Metric,
    Term,
    nearest,
    parse_filters,
)
from livetally.errors import UnknownName
from livetally.query.allowed import allowed_actions
from livetally.query.conditions import condition_on, conditions_of, reference_of
from livetally.query.cursors import read_cursor, write_cursor
from livetally.query.declared import Declared
from livetally.query.horizons import Needs
from livetally.query.needs import columns_of
from livetally.query.parameters import Parameters, known_only, least_position, page_limit, single
from livetally.store.events import Engine, Projection, Reference
from livetally.store.events.entities import (
    Cursor,
    EntityQuestion,
    EntityRow,
    ask_entities,
)
from livetally.store.events.entity_columns import (
    EVERY_ROW,
    EntityColumn,
    Source,
    column_aggregates,
)

__all__ = [
    "EntitiesPage",
    "EntityQuery",
    "EntityState",
    "ask_entity_page",
    "entity_key",
    "entity_needs",
    "entity_projection",
    "entity_shapes",
    "one_entity",
    "parse_entities",
    "parse_entity",
]

_UTC = find_zone("UTC")
_KNOWN = ("where", "sort", "limit", "cursor", "min_position")
_ADDED = frozenset({Aggregate.COUNT, Aggregate.SUM})
_WHOLE = re.compile(r"-?[0-9]{1,100}", re.ASCII)
# As ingest takes one.
_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}", re.IGNORECASE)


class EntityQuery(NamedTuple):
    """A request for entities: ``sort`` is a field or "" for the key; ``key`` asks for one."""

    entity: str
    where: tuple[Filter, ...]
    sort: str
    descending: bool
    limit: int
    cursor: str
    min_position: int = 0
    key: str | None = None


class EntityState(NamedTuple):
    """One entity: key, fields by name, how many events, times in microseconds, position.

    ``actions`` are those that this state allows.
    """

    key: str
    fields: dict[str, Any]
    events: int
    first_us: int
    last_us: int
    version: int
    actions: tuple[str, ...] = ()


class EntitiesPage(NamedTuple):
    """A page of entities, and the cursor of the next one ("" at the end)."""

    states: list[EntityState]
    next: str


def parse_entities(entity: str, parameters: Parameters) -> EntityQuery:
    """Read the parameters of ``GET /v1/entities/{entity}``.

    Raises:
        BadInput: names the parameter and the reason.
    """
    known_only(parameters, _KNOWN)
    sort = single(parameters, "sort")
    return EntityQuery(
        entity=entity,
        where=parse_filters(parameters.get("where", ()), of_entity=True),
        sort=sort.removeprefix("-"),
        descending=sort.startswith("-"),
        limit=page_limit(parameters),
        cursor=single(parameters, "cursor"),
        min_position=least_position(parameters),
    )


def parse_entity(entity: str, key: str, parameters: Parameters) -> EntityQuery:
    """Read the parameters of ``GET /v1/entities/{entity}/{key}``.

    Raises:
        BadInput: names the parameter and the reason.
    """
    known_only(parameters, ("min_position",))
    return one_entity(entity, key)._replace(min_position=least_position(parameters))


def one_entity(entity: str, key: str) -> EntityQuery:
    """Return the request for the one entity that has ``key``."""
    return EntityQuery(entity, (), "", descending=False, limit=1, cursor="", key=key)


def entity_key(entity: Entity, declared: Declared, key: str) -> str:
    """Return a key as the store writes it: ``007`` is the integer 7, and UUIDs may be in capitals.

    Without it an entity that is there would be taken for a new one. A key that can be none is
    returned as it is.
    """
    field = _key_of(entity, declared).field
    if field is not None and field.type is FieldType.INTEGER and _WHOLE.fullmatch(key):
        return str(int(key))
    if field is not None and field.type is FieldType.UUID and _UUID.fullmatch(key):
        return str(uuid.UUID(key))
    return key


def ask_entity_page(
    engine: Engine, query: EntityQuery, declared: Declared, team: int, since: int | None = None
) -> EntitiesPage:
    """Return a page of a team's entities. Blocks.

    Raises:
        UnknownName: no such entity, or no such field to filter or sort by.
        BadInput: a filter's value does not fit its field.
    """
    entity = declared.entity(query.entity)
    question = _question(query, entity, declared, team)._replace(since=since)
    rows = ask_entities(engine, question)
    shapes = [column.shape for column in question.columns]
    names = [column.name for column in question.columns]
    more = len(rows) > query.limit
    rows = rows[: query.limit]
    states = [_state(row, names, shapes, entity) for row in rows]
    return EntitiesPage(states, _next(rows[-1], question) if more else "")


def entity_shapes(entity: Entity, declared: Declared) -> dict[str, Field]:
    """Return of which type each field of an entity is, as a field without an event."""
    return {name: _column(name, one, entity, declared).shape for name, one in entity.fields.items()}


def entity_needs(entity: Entity, declared: Declared) -> Needs:
    """Return what the states of an entity are made of."""
    question = _question(one_entity(entity.name, ""), entity, declared, team=0)
    sources = [source for column in question.columns for source in column.sources]
    values = [source.value for source in sources if source.value is not None]
    tested = [condition.reference for source in sources for condition in source.where]
    return columns_of([question.key, *values, *tested])


def entity_projection(entity: Entity, declared: Declared) -> Projection | None:
    """Return what the store keeps of an entity; None when its key is not declared."""
    question = _question(one_entity(entity.name, ""), entity, declared, team=0)
    if not question.key.is_declared:
        return None
    each = [one for column in question.columns for one in column_aggregates(column)]
    return Projection((question.key.sql,), tuple({*each, *EVERY_ROW}), by_slot=False)


def _question(query: EntityQuery, entity: Entity, declared: Declared, team: int) -> EntityQuestion:
    columns = tuple(_column(name, one, entity, declared) for name, one in entity.fields.items())
    places = {column.name: i for i, column in enumerate(columns)}
    where = []
    for one in query.where:
        place = _place("where", one.field, places)
        where.append((place, condition_on(one, Reference(one.field, columns[place].shape))))
    sort = query.sort or entity.sort.removeprefix("-")
    descending = query.descending if query.sort else entity.sort.startswith("-")
    by_key = sort in ("", "key")
    question = EntityQuestion(
        team=team,
        types=entity.events,
        key=_key_of(entity, declared),
        columns=columns,
        where=tuple(where),
        keys=() if query.key is None else (entity_key(entity, declared, query.key),),
        sort=None if by_key else _place("sort", sort, places),
        descending=descending,
        limit=query.limit,
    )
    if not query.cursor:
        return question
    return question._replace(after=read_cursor(query.cursor, Cursor, _order(question)))


def _key_of(entity: Entity, declared: Declared) -> Reference:
    asked = Metric("", "", Aggregate.COUNT, tuple(Term(kind) for kind in entity.events))
    return reference_of(entity.key, asked, declared)


def _place(parameter: str, name: str, places: dict[str, int]) -> int:
    if name not in places:
        raise UnknownName(parameter, "field", name, nearest(name, places))
    return places[name]


def _column(name: str, one: EntityField, entity: Entity, declared: Declared) -> EntityColumn:
    if one.kind is EntityFieldKind.METRIC:
        return _metric_column(name, one, declared)
    if one.kind is EntityFieldKind.COUNT:
        types = (one.of,) if one.of else entity.events
        sources = tuple(_source(kind, None, one, declared) for kind in types)
        return EntityColumn(name, "count", sources, Field(name, FieldType.INTEGER))
    if one.of == "time":
        sources = tuple(_source(kind, None, one, declared) for kind in entity.events)
        kind = "first_time" if one.kind in _EARLIEST else "last_time"
        return EntityColumn(name, kind, sources, Field(name, FieldType.TIME))
    assert one.of is not None, "checked when the definition was read"
    types = tuple(one.fields) or entity.events
    sources = tuple(_source(kind, one.of, one, declared) for kind in types)
    field = next(iter(one.fields.values()), None)
    shape = Field(name, field.type, scale=field.scale) if field else Field(name, FieldType.STRING)
    return EntityColumn(name, one.kind.value, sources, shape)


_EARLIEST = frozenset({EntityFieldKind.FIRST, EntityFieldKind.MIN})


def _source(kind: str, of: str | None, one: EntityField, declared: Declared) -> Source:
    asked = Metric("", "", Aggregate.COUNT, (Term(kind),))
    value = None if of is None else reference_of(of, asked, declared)
    return Source(kind, value, conditions_of(one.where, asked, declared))


def _metric_column(name: str, one: EntityField, declared: Declared) -> EntityColumn:
    metric = declared.metric(one.of or "")
    assert isinstance(metric, Metric), "checked when the definition was read"
    sources = tuple(
        Source(
            term.event,
            None if term.value is None else reference_of(term.value, metric, None, term),
            conditions_of(term.where, metric, None, term),
            term.sign,
        )
        for term in metric.terms
    )
    fields = [term.fields.get(term.value) for term in metric.terms if term.value]
    field = next((one for one in fields if one is not None), None)
    shape = Field(name, field.type, scale=field.scale) if field else Field(name, FieldType.INTEGER)
    kind = "sum" if metric.aggregate in _ADDED else metric.aggregate.value
    return EntityColumn(name, kind, sources, shape)


def _state(row: EntityRow, names: list[str], shapes: list[Field], entity: Entity) -> EntityState:
    values = {
        name: _typed(value, shape)
        for name, value, shape in zip(names, row.fields, shapes, strict=True)
    }
    fields = {"key": row.key, **values}
    allowed = allowed_actions(entity.actions, fields, dict(zip(names, shapes, strict=True)))
    return EntityState(row.key, values, row.events, row.first_us, row.last_us, row.version, allowed)


def _typed(value: Any, shape: Field) -> Any:
    if isinstance(value, str) and shape.type is FieldType.DECIMAL:
        return Decimal(value)
    if isinstance(value, str) and shape.type is FieldType.INTEGER:
        return int(value)
    if isinstance(value, str) and shape.type is FieldType.NUMBER:
        return None  # a sum beyond the largest binary number: JSON has no word for it
    if value is not None and shape.type is FieldType.TIME:
        return label(int(value), _UTC)
    return value


def _next(row: EntityRow, question: EntityQuestion) -> str:
    value = None if question.sort is None else row.fields[question.sort]
    text = None if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return write_cursor((text, row.key), _order(question))


def _order(question: EntityQuestion) -> str:
    """Name an order: a value means something only among values of its field and type."""
    if question.sort is None:
        return f"key {question.descending}"
    shape = question.columns[question.sort].shape
    return f"{shape.name} {shape.type} {shape.scale} {question.descending}"
