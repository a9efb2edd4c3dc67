"""Actions: what a person or program does to an entity becomes an event.

In the flow: receives an action's definition, the entity's state and the request's parameters from
``api``, hands the event's ``data`` back.
Guarantee: an action that the entity's state forbids is refused; every placeholder is filled or the
one that lacks is named; the caller is recorded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from livetally.definitions import Action, Entity, Field, FieldType, data_path, segments
from livetally.definitions.read_actions import PLACEHOLDER
from livetally.errors import BadInput, ForbiddenByState
from livetally.query.allowed import forbidding
from livetally.query.entities import EntityState

__all__ = ["action_data", "require_allowed", "with_key"]

_OF_ENTITY = "entity."
_WHOLE = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_JSON = msgspec.json.Encoder(decimal_format="number")


def require_allowed(
    action: Action, name: str, state: EntityState | None, shapes: Mapping[str, Field]
) -> None:
    """Go on only when the entity's state allows the action; ``shapes`` are its fields' types.

    Raises:
        ForbiddenByState: it does not; says which field has which value.
    """
    if action.creates and state is not None:
        raise ForbiddenByState(f"'{name}' is not possible now: '{state.key}' is there already.")
    fields = {} if state is None else {"key": state.key, **state.fields}
    one = forbidding(action, fields, shapes)
    if one is not None:
        value = fields.get(one.field)
        shown = "not set" if value is None else f"'{value}'"
        raise ForbiddenByState(f"'{name}' is not possible now: {one.field} is {shown}.")


def with_key(
    data: Mapping[str, Any], entity: Entity, fields: Mapping[str, Field], key: str
) -> dict[str, Any]:
    """Return an event's data with the entity's key where the entity reads it from.

    Args:
        data: what the template gives; a key that it gives itself stays.
        entity: whose key it is.
        fields: the event's declared fields, by path.
        key: its text.

    Raises:
        BadInput: the key is declared as an integer, and is none.
    """
    made = dict(data)
    path = data_path(entity.key)
    if path is None:
        return made
    value: str | int = key
    if path in fields and fields[path].type is FieldType.INTEGER:
        if not _WHOLE.fullmatch(key):
            raise BadInput("key", f"'{key[:40]}' is no whole number, which the key is declared as")
        value = int(key)
    *heads, last = segments(path)
    inner = made
    for head in heads:
        held = inner.get(head)
        inner[head] = dict(held) if isinstance(held, dict) else {}
        inner = inner[head]
    inner.setdefault(last, value)
    return made


def action_data(
    action: Action, key: str, state: EntityState | None, caller: str, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Fill the action's template.

    Args:
        action: what is declared.
        key: the entity's key.
        state: the entity's state, None when it has no events yet.
        caller: the id of the key used.
        given: the request's parameters.

    Raises:
        BadInput: a placeholder's parameter was not given, or a parameter is unknown.
    """
    for name in given:
        if name.startswith(_OF_ENTITY):
            raise BadInput(name, "no parameter of this action")
    known: dict[str, Any] = {**given, "key": key, "caller": caller}
    for field, value in (state.fields if state else {}).items():
        known[f"{_OF_ENTITY}{field}"] = value
    used: set[str] = set()
    data = {name: _filled(value, known, used) for name, value in action.data.items()}
    for name in given:
        if name not in used:
            raise BadInput(name, "no parameter of this action")
    return data


def _filled(template: Any, known: Mapping[str, Any], used: set[str]) -> Any:
    if isinstance(template, dict):
        return {name: _filled(value, known, used) for name, value in template.items()}
    if isinstance(template, list):
        return [_filled(value, known, used) for value in template]
    if not isinstance(template, str):
        return template
    whole = PLACEHOLDER.fullmatch(template)
    if whole and whole["name"] is not None:
        return _known(whole["name"], known, used)

    def written(found: re.Match[str]) -> str:
        if found["name"] is None:
            return found[0][0]  # a brace that is written twice to stand for itself
        return _text(_known(found["name"], known, used))

    return PLACEHOLDER.sub(written, template)


def _text(value: Any) -> str:
    """Write a value into a text: a text as it is, all else as in JSON."""
    return value if isinstance(value, str) else _JSON.encode(value).decode()


def _known(name: str, known: Mapping[str, Any], used: set[str]) -> Any:
    if name not in known:
        raise BadInput(name, "is needed by this action; send it in the body")
    used.add(name)
    return known[name]
