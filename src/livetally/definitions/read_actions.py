"""Reads ``actions`` of an entity: which event each appends, and in which state it is allowed.

In the flow: receives an entity's ``Table`` and fields from ``read_entities``, hands back its
actions.

Guarantee: the event that an action appends is one that its event type accepts, whatever the
parameters: every required field is given, and every constant has the field's type.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from livetally.definitions.entity import Action, EntityField
from livetally.definitions.fields import Field, FieldType
from livetally.definitions.literals import is_literal
from livetally.definitions.locate import Path
from livetally.definitions.paths import is_field_name
from livetally.definitions.read_where import Condition, read_where
from livetally.definitions.scope import Scope
from livetally.definitions.table import Table

__all__ = ["PLACEHOLDER", "check_state", "placeholders", "read_actions"]

PLACEHOLDER: Final = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}]*)\}|(?P<stray>[{}])")
_PLACEHOLDER_NAME: Final = re.compile(r"(?:entity\.)?[A-Za-z_][A-Za-z0-9_-]{0,63}")
_ACTIONS_MAX: Final = 50


def placeholders(text: str) -> tuple[str, ...]:
    """Return the names in a template's text, in order; ``{{`` and ``}}`` stand for braces."""
    return tuple(found["name"] for found in PLACEHOLDER.finditer(text) if found["name"] is not None)


def read_actions(
    entity: Table, key: str, fields: Mapping[str, EntityField], scope: Scope
) -> dict[str, Action]:
    """Read the actions of one entity by name.

    Args:
        entity: the entity's table.
        key: canonical reference to the entity's key; an action fills it in by itself.
        fields: the entity's fields.
        scope: the event types.
    """
    actions: dict[str, Action] = {}
    names = entity.table("actions").given()
    if len(names) > _ACTIONS_MAX:
        entity.problem(f"takes at most {_ACTIONS_MAX} actions, not {len(names)}", "actions")
    for name, table in entity.named("actions"):
        event = table.text("event")
        if event:
            scope.event((*table.path, "event"), event)
        elif not table.raw("event"):
            table.problem("'event' is missing: which event does it append?")
        data = table.raw("data") if table.table("data").given() else {}
        _check_data(table, event, key, fields, scope)
        when = read_where(table, "when", of_entity=True)
        check_state(when, fields, scope)
        undo = table.text("undo") or None
        if undo == name or (undo and undo not in names):
            others = [other for other in names if other != name]
            table.problems.unknown(
                (*table.path, "undo"), "other action of this entity", undo, others
            )
        creates = table.flag("creates")
        if creates and when:
            table.problem("what does not exist yet has no fields; leave 'when' out", "when")
        filters = tuple(condition for _, condition in when)
        actions[name] = Action(event, data, filters, undo, table.text("title"), creates)
        table.finish()
    return actions


def check_state(
    conditions: tuple[Condition, ...], fields: Mapping[str, EntityField], scope: Scope
) -> None:
    """Check conditions on an entity's fields, as opposed to those on an event."""
    for path, condition in conditions:
        name = condition.field.removeprefix("data.")
        if name not in fields and name != "key":
            scope.problems.unknown(path, "field of this entity", name, [*fields, "key"])
        elif name in fields:
            for field in fields[name].fields.values():
                scope.comparison(path, condition, field)


def _check_data(
    table: Table, event: str, key: str, fields: Mapping[str, EntityField], scope: Scope
) -> None:
    """Check the template of the event's data against the event type."""
    declared = scope.fields(event)
    given = {key}
    for path, name, value in _leaves(table.table("data"), ""):
        given.add(name)
        field = declared.get(name) if declared is not None else None
        if declared is not None and field is None:
            remedy = f"declare it: [event.{event}] data.{name} = ..."
            scope.problems.unknown(path, "field", name, declared, remedy)
        if isinstance(value, str) and PLACEHOLDER.search(value):
            _check_template(path, value, fields, scope)
        elif field is not None and not _fits(field, value):
            scope.problems.add(path, f"'{name}' takes a {field.type}")
    for name, field in (declared or {}).items():
        if field.required and name not in given:
            table.problem(f"event type '{event}' requires '{name}'", "data")


def _leaves(table: Table, above: str) -> Iterator[tuple[Path, str, Any]]:
    """Yield path, field name and value of everything in a template."""
    for key in table.given():
        value = table.raw(key)
        if isinstance(value, dict):
            yield from _leaves(table.table(key), f"{above}{key}.")
        else:
            name = f"{above}{key}"
            if not is_field_name(name):
                table.problem("is not the name of a field", key)
            else:
                yield (*table.path, key), name, value


def _check_template(path: Path, text: str, fields: Mapping[str, EntityField], scope: Scope) -> None:
    """Check the placeholders in one text."""
    if any(found["stray"] for found in PLACEHOLDER.finditer(text)):
        scope.problems.add(path, "a brace is not closed; write {{ and }} for braces themselves")
    for name in placeholders(text):
        of_entity = name.removeprefix("entity.")
        if not _PLACEHOLDER_NAME.fullmatch(name):
            scope.problems.add(path, f"'{{{name[:50]}}}' is not a placeholder")
        elif of_entity != name and of_entity not in fields:
            scope.problems.unknown(path, "field of this entity", of_entity, fields)


def _fits(field: Field, value: object) -> bool:
    """Whether a constant is a value of the field's type."""
    match field.type:
        case FieldType.BOOLEAN:
            return isinstance(value, bool)
        case FieldType.INTEGER:
            return isinstance(value, int) and not isinstance(value, bool)
        case FieldType.NUMBER | FieldType.DECIMAL:
            return isinstance(value, (int, Decimal)) and not isinstance(value, bool)
        case _:
            return isinstance(value, str) and is_literal(field, value)
