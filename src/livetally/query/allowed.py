"""Which actions an entity's state allows.

In the flow: asked by ``entities`` for every state that it answers, and by ``actions`` before one is
carried out.
Guarantee: what an answer says is allowed is what would be done at that moment; both ask here.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from livetally.definitions import Action, Field, FieldType, Filter, Op, read_literal
from livetally.errors import BadInput

__all__ = ["allowed_actions", "forbidding"]

_READ = frozenset({FieldType.TIME, FieldType.UUID})


def allowed_actions(
    actions: Mapping[str, Action], fields: Mapping[str, Any], shapes: Mapping[str, Field]
) -> tuple[str, ...]:
    """Return the names of the actions that a state allows, in the order of the definition."""
    return tuple(
        name
        for name, action in actions.items()
        if not action.creates and forbidding(action, fields, shapes) is None
    )


def forbidding(
    action: Action, fields: Mapping[str, Any], shapes: Mapping[str, Field]
) -> Filter | None:
    """Return the first condition of an action that a state does not meet, None when it meets all.

    Args:
        action: what is declared.
        fields: the entity's fields; empty when it has no events yet.
        shapes: of which type each of them is.
    """
    for one in action.when:
        if _meets(one, fields.get(one.field), shapes.get(one.field)) == one.negated:
            return one
    return None


def _meets(one: Filter, value: Any, shape: Field | None) -> bool:
    if one.op is Op.EXISTS:
        return value is not None
    if value is None:
        return False
    if shape is not None and shape.type in _READ and one.op is not Op.PREFIX:
        try:
            # One instant is written in many ways: they are compared as what the texts mean.
            value = read_literal(shape, value)
            wanted = tuple(str(read_literal(shape, text)) for text in one.values)
            one = msgspec.structs.replace(one, values=wanted)
        except BadInput:
            return False
    text = str(value).lower() if isinstance(value, bool) else str(value)
    match one.op:
        case Op.IN:
            return any(_same(value, text, wanted) for wanted in one.values)
        case Op.PREFIX:
            return text.startswith(one.values[0])
        case Op.RANGE:
            low, high = one.values
            return _compare(value, low) >= 0 and _compare(value, high) <= 0
    order = _compare(value, one.values[0])
    return {Op.GT: order > 0, Op.GE: order >= 0, Op.LT: order < 0, Op.LE: order <= 0}[one.op]


def _same(value: Any, text: str, wanted: str) -> bool:
    return text == wanted or (not isinstance(value, (str, bool)) and _compare(value, wanted) == 0)


def _compare(value: Any, wanted: str) -> int:
    """Compare as numbers where the value is one, else as texts."""
    if isinstance(value, (int, float, Decimal)):
        try:
            left, right = Decimal(str(value)), Decimal(wanted)
        except InvalidOperation:
            return 1
        return (left > right) - (left < right)
    return (str(value) > wanted) - (str(value) < wanted)
