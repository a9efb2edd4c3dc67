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

from livetally.definitions import Action
from livetally.errors import BadInput, ForbiddenByState
from livetally.query.allowed import forbidding
from livetally.query.entities import EntityState

__all__ = ["action_data", "require_allowed"]

_PLACE = re.compile(r"\{([A-Za-z_][\w.]*)\}")


def require_allowed(action: Action, name: str, state: EntityState | None) -> None:
    """Go on only when the entity's state allows the action.

    Raises:
        ForbiddenByState: it does not; says which field has which value.
    """
    if action.creates and state is not None:
        raise ForbiddenByState(f"'{name}' is not possible now: '{state.key}' is there already.")
    fields = {} if state is None else {"key": state.key, **state.fields}
    one = forbidding(action, fields)
    if one is not None:
        value = fields.get(one.field)
        shown = "not set" if value is None else f"'{value}'"
        raise ForbiddenByState(f"'{name}' is not possible now: {one.field} is {shown}.")


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
    known: dict[str, Any] = {**given, "key": key, "caller": caller}
    for field, value in (state.fields if state else {}).items():
        known[f"entity.{field}"] = value
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
    whole = _PLACE.fullmatch(template)
    if whole:
        return _known(whole[1], known, used)
    return _PLACE.sub(lambda found: str(_known(found[1], known, used)), template)


def _known(name: str, known: Mapping[str, Any], used: set[str]) -> Any:
    if name not in known:
        raise BadInput(name, "is needed by this action; send it in the body")
    used.add(name)
    return known[name]
