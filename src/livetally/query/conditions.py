"""Names in a question become references, filters become typed conditions.

In the flow: called by ``plan``, ``raw`` and ``entities`` with a team's definitions.
Guarantee: a declared field is read from its column exactly when every event type of the metric
declares it alike; otherwise from the raw data. A value that can't be of the field's type is
refused.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from livetally.definitions import (
    Field,
    FieldType,
    Filter,
    Metric,
    Op,
    Term,
    Value,
    data_path,
    read_literal,
)
from livetally.errors import BadInput
from livetally.query.declared import Declared
from livetally.store.events import BUILTINS, Condition, Reference

__all__ = ["condition_on", "conditions_of", "reference_of"]

_NUMBER = re.compile(r"[-+]?\d{1,400}(?:\.\d{1,400})?(?:[eE][-+]?\d{1,3})?", re.ASCII)
_NO_ORDER = frozenset({FieldType.BOOLEAN, FieldType.UUID})
_SHOWN_CHARS_MAX = 50


def reference_of(
    name: str, metric: Metric, declared: Declared | None, term: Term | None = None
) -> Reference:
    """Resolve a canonical name.

    Args:
        name: as in ``by``, ``where`` or ``value``.
        metric: whose events are asked.
        declared: the team's definitions; None for a name of the metric's own definition.
        term: the one term that the name belongs to, None for all.
    """
    path = data_path(name)
    if path is None:
        assert name in BUILTINS, name
        return Reference(name)
    terms = (term,) if term is not None else metric.terms
    fields = {_field(name, path, one, declared) for one in terms}
    columns = {field.column for field in fields if field is not None}
    if None in fields or len(columns) != 1:
        return Reference(name)
    return Reference(path, next(iter(field for field in fields if field is not None)))


def _field(name: str, path: str, term: Term, declared: Declared | None) -> Field | None:
    if declared is not None and term.event in declared.events:
        return declared.events[term.event].fields.get(path)
    return term.fields.get(name)


def conditions_of(
    filters: Sequence[Filter],
    metric: Metric,
    declared: Declared | None,
    term: Term | None = None,
) -> tuple[Condition, ...]:
    """Resolve filters; arguments as for ``reference_of``.

    Raises:
        BadInput: a value is not of the field's type.
    """
    return tuple(
        condition_on(one, reference_of(one.field, metric, declared, term)) for one in filters
    )


def condition_on(one: Filter, reference: Reference) -> Condition:
    """Resolve one filter on a resolved member.

    Raises:
        BadInput: a value is not of the member's type, or the type has no such comparison.
    """
    if one.op is Op.EXISTS:
        return Condition(reference, "exists", (), one.negated)
    if one.op is Op.PREFIX:
        _require_text(reference)
        return Condition(reference, "prefix", one.values, one.negated)
    if one.op is Op.IN:
        # Without a declaration equality is one of texts: "5" is 5, and true is "true".
        values = [_read(reference, text, compares=False) for text in one.values]
        return Condition(reference, "in", tuple(values), one.negated)
    if reference.field is not None and reference.field.type in _NO_ORDER:
        raise BadInput("where", f"'{reference.name}' is a {reference.field.type}: it has no order")
    values = [_read(reference, text, compares=True) for text in one.values]
    bounds: tuple[Value | None, ...]
    match one.op:
        case Op.RANGE:
            bounds = (values[0], False, values[1], False)
        case Op.GT | Op.GE:
            bounds = (values[0], one.op is Op.GT, None, False)
        case _:
            bounds = (None, False, values[0], one.op is Op.LT)
    return Condition(reference, "range", bounds, one.negated)


def _require_text(reference: Reference) -> None:
    field = reference.field
    if field is not None and field.type is not FieldType.STRING:
        raise BadInput(
            "where", f"'{field.name}' is a {field.type}: only texts begin with something"
        )


def _read(reference: Reference, text: str, *, compares: bool) -> Value:
    if reference.field is not None:
        return read_literal(reference.field, text)
    if not compares or reference.is_declared:
        return text
    number = float(text) if _NUMBER.fullmatch(text) else math.inf
    if not math.isfinite(number):
        shown = text[:_SHOWN_CHARS_MAX]
        reason = f"'{reference.name}' is not declared, so it is compared as a number, not '{shown}'"
        raise BadInput("where", reason)
    return number
