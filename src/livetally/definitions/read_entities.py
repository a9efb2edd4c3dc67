"""Reads ``[entity.NAME]``: the fields that follow from events, and the actions.

In the flow: receives the definition's root ``Table``, the ``Scope`` and the metrics from
``reading``, hands back entities.

Guarantee: every event type, field, metric and action that an entity mentions exists and fits.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from livetally.definitions.entity import Entity, EntityField, EntityFieldKind
from livetally.definitions.fields import NUMERIC, Field, FieldType
from livetally.definitions.metric import Aggregate, Metric, Statistics
from livetally.definitions.paths import ATTRIBUTES
from livetally.definitions.read_actions import read_actions
from livetally.definitions.read_where import read_where
from livetally.definitions.scope import Scope
from livetally.definitions.table import Table

__all__ = ["read_entities"]

_EVENTS_MAX: Final = 50
_FIELDS_MAX: Final = 100
_KEY_TYPES: Final = frozenset({FieldType.STRING, FieldType.INTEGER, FieldType.UUID})
_OF_ANYTHING: Final = frozenset({EntityFieldKind.LATEST, EntityFieldKind.FIRST})
# What is one value of one type for each entity, in the projection that keeps its state.
_ADDED: Final = (Aggregate.COUNT, Aggregate.SUM)
_KEPT: Final = (*_ADDED, Aggregate.MIN, Aggregate.MAX, Aggregate.LATEST, Aggregate.FIRST)


def read_entities(
    root: Table, application: str, scope: Scope, statistics: Statistics
) -> dict[str, Entity]:
    """Read the entities by name.

    Args:
        root: the whole definition.
        application: its name.
        scope: the event types.
        statistics: the metrics and ratios; None for one that has mistakes of its own.
    """
    entities: dict[str, Entity] = {}
    for name, table in root.named("entity"):
        entities[name] = _entity(name, application, table, scope, statistics)
        table.finish()
    return entities


def _entity(
    name: str, application: str, table: Table, scope: Scope, statistics: Statistics
) -> Entity:
    """Read one entity."""
    events = table.texts("events", _EVENTS_MAX)
    if not events and not table.raw("events"):
        table.problem("'events' is missing: which event types concern it?")
    for index, event in enumerate(events):
        scope.event((*table.path, "events", index), event)
    key = _key(table, events, scope)
    fields: dict[str, EntityField] = {}
    for field_name, entry in table.named("fields"):
        field = _field(entry, key, events, scope, statistics)
        entry.finish()
        fields[field_name] = field or EntityField(EntityFieldKind.COUNT)
    if len(fields) > _FIELDS_MAX:
        table.problem(f"takes at most {_FIELDS_MAX} fields, not {len(fields)}", "fields")
    return Entity(
        name,
        application,
        key,
        events,
        fields,
        read_actions(table, key, fields, scope),
        table.text("title"),
        table.text("description"),
        _field_name(table, "title_field", fields),
        _field_name(table, "sort", fields),
    )


def _key(table: Table, events: tuple[str, ...], scope: Scope) -> str:
    """Read what tells one entity from another; it must be in every one of its events."""
    text = table.text("key")
    path = (*table.path, "key")
    if not text:
        if not table.raw("key"):
            table.problem("'key' is missing: subject, or a data field")
        return "subject"
    key = scope.reference(path, text)
    if key is None or key == "subject":
        return "subject"
    found = scope.declared(path, events, key, ("subject",))
    for event in events:
        if found and event not in found:
            scope.problems.add(path, f"event type '{event}' does not declare '{text[:80]}'")
    types = {field.type for event, field in found.items() if not scope.is_doubtful(event, key)}
    if len(types) > 1:
        scope.problems.add(path, f"is declared as {', '.join(sorted(types))}: it needs one type")
    for type_ in sorted(types - _KEY_TYPES):
        scope.problems.add(path, f"a {type_} can't be a key; use a string, an integer or a uuid")
    return key


def _field(
    table: Table, key: str, events: tuple[str, ...], scope: Scope, statistics: Statistics
) -> EntityField | None:
    """Read one field; None when what it is can't be told."""
    title, unit = table.text("title"), table.text("unit")
    where = read_where(table)
    scope.filters(where, events)
    filters = tuple(condition for _, condition in where)
    given = [kind for kind in EntityFieldKind if kind in table]
    if len(given) != 1:
        table.problem(f"needs exactly one of: {', '.join(EntityFieldKind)}")
        return None
    kind = given[0]
    if kind is EntityFieldKind.COUNT:
        return EntityField(kind, _counted(table, events, scope), title, unit, filters)
    of = table.text(kind)
    if not of and table.raw(kind) == "":
        table.problem("must be a name", kind)
    if not of:
        return None
    if kind is EntityFieldKind.METRIC:
        if filters:
            table.problem("a metric has its own conditions", "where")
        _check_metric(table, of, key, events, scope, statistics)
        return EntityField(kind, of, title, unit)
    reference = scope.reference((*table.path, kind.value), of)
    if reference is None:
        return None
    fields = _values(table, kind, reference, events, scope)
    return EntityField(kind, reference, title, unit, filters, fields)


def _values(
    table: Table, kind: EntityFieldKind, reference: str, events: tuple[str, ...], scope: Scope
) -> dict[str, Field]:
    """Return the declared fields that a field of an entity looks at, after checking their types."""
    path = (*table.path, kind.value)
    anything = kind in _OF_ANYTHING
    found = scope.declared(path, events, reference, ATTRIBUTES if anything else ())
    types = {
        field.type for event, field in found.items() if not scope.is_doubtful(event, reference)
    }
    if anything and len(types) > 1:
        scope.problems.add(path, f"is declared as {', '.join(sorted(types))}: it needs one type")
    for type_ in sorted(() if anything else types - NUMERIC):
        reason = f"'{reference}' is a {type_}; {kind} needs an integer, number or decimal"
        scope.problems.add(path, reason)
    sure = [found[event] for event in found if not scope.is_doubtful(event, reference)]
    if types <= NUMERIC and (mixed := _mixed(sure)):
        scope.problems.add(path, f"is declared as {mixed}: it needs one type and scale")
    return found


def _mixed(fields: Iterable[Field]) -> str:
    """Return the types of fields, with their scales, if there are several; else ""."""
    kinds = {
        f"{field.type} of scale {field.scale or 0}" if field.scale is not None else str(field.type)
        for field in fields
    }
    return ", ".join(sorted(kinds)) if len(kinds) > 1 else ""


def _counted(table: Table, events: tuple[str, ...], scope: Scope) -> str | None:
    """Read which events a count counts: one type, or all of them."""
    value = table.raw("count")
    if value is True:
        return None
    if isinstance(value, str) and value in events:
        return value
    if isinstance(value, str):
        path = (*table.path, "count")
        scope.problems.unknown(path, "event type of this entity", value, events)
    else:
        table.problem("must be true, or the name of one event type", "count")
    return None


def _check_metric(
    table: Table,
    name: str,
    key: str,
    events: tuple[str, ...],
    scope: Scope,
    statistics: Statistics,
) -> None:
    """Check that a metric has one value of one type for each entity."""
    path = (*table.path, "metric")
    statistic = statistics.get(name)
    if name not in statistics:
        scope.problems.unknown(path, "metric", name, statistics)
    elif statistic and key not in statistic.by:
        scope.problems.add(
            path, f"metric '{name}' needs the entity's key in its dimensions: '{key}'"
        )
    elif isinstance(statistic, Metric):
        for reason in _unfit(statistic, events):
            scope.problems.add(path, f"metric '{name}' {reason}")
    elif statistic is not None:
        scope.problems.add(path, f"'{name}' is a ratio; a field needs a metric")


def _unfit(metric: Metric, events: tuple[str, ...]) -> Iterator[str]:
    """Yield why a metric can't be a field of an entity of these ``events``."""
    if metric.aggregate not in _KEPT:
        yield f"has the aggregate {metric.aggregate}; a field needs one of: {', '.join(_KEPT)}"
        return
    kinds = [term.event for term in metric.terms]
    for event in sorted({*kinds} - {*events}):
        yield f"counts '{event}', which is not among the entity's events"
    if metric.aggregate not in _ADDED and len(set(kinds)) < len(kinds):
        yield "looks at one event type twice; a field of that kind looks at each once"
    values = [term.fields[term.value] for term in metric.terms if term.value in term.fields]
    if mixed := _mixed(values):
        yield f"takes its values from {mixed}: a field needs one type and scale"


def _field_name(table: Table, option: str, fields: Mapping[str, EntityField]) -> str:
    """Read the name of one of the entity's fields; for ``sort`` with an optional ``-``."""
    text = table.text(option)
    name = text.removeprefix("-") if option == "sort" else text
    if name and name != "key" and name not in fields:
        table.problems.unknown((*table.path, option), "field of this entity", name, fields)
    return text
