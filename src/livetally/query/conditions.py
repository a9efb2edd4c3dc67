"""Names in a question become references, filters become typed conditions.

In the flow: called by ``plan`` with a metric and its team's definitions.
Guarantee: a declared field is read from its column exactly when every event type of the metric
declares it alike; otherwise from the raw data. A value that can't be of the field's type is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal, InvalidOperation

from livetally.calendar import find_zone, parse_instant
from livetally.definitions import Field, FieldType, Filter, Metric, Op, Term, data_path
from livetally.errors import BadInput
from livetally.query.declared import Declared
from livetally.store.events import BUILTINS, Condition, Reference

__all__ = ["conditions_of", "reference_of"]

_Value = str | int | float | Decimal | bool


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
        return Reference(path)
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
        _condition(one, reference_of(one.field, metric, declared, term)) for one in filters
    )


def _condition(one: Filter, reference: Reference) -> Condition:
    values: list[_Value] = []
    if one.op is Op.PREFIX:
        values = list(one.values)
    elif one.op is not Op.EXISTS:
        # Without a declaration numbers are compared as numbers, and equality is one of texts.
        reader = _reader(reference, compares=one.op is not Op.IN)
        values = [_read(reader, reference, text) for text in one.values]
    match one.op:
        case Op.IN | Op.PREFIX | Op.EXISTS:
            return Condition(reference, one.op.value, tuple(values), one.negated)
        case Op.RANGE:
            return Condition(reference, "range", (values[0], False, values[1], False), one.negated)
        case Op.GT | Op.GE:
            bounds = (values[0], one.op is Op.GT, None, False)
        case _:
            bounds = (None, False, values[0], one.op is Op.LT)
    return Condition(reference, "range", bounds, one.negated)


def _reader(reference: Reference, *, compares: bool) -> Callable[[str], _Value]:
    if reference.field is not None:
        return _READERS.get(reference.field.type, str)
    return float if compares and not reference.is_declared else str


def _read(reader: Callable[[str], _Value], reference: Reference, text: str) -> _Value:
    try:
        return reader(text)
    except (ValueError, InvalidOperation, OverflowError):
        kind = reference.field.type.value if reference.field else "number"
        raise BadInput("where", f"{reference.name}: '{text}' is not of type {kind}") from None


def _integer(text: str) -> int:
    value = int(text)
    if not -(2**63) <= value < 2**63:
        raise ValueError
    return value


def _decimal(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite() or abs(value.adjusted()) > 28:
        raise ValueError
    return value


def _boolean(text: str) -> bool:
    return {"true": True, "false": False}[text] if text in ("true", "false") else _fail()


def _fail() -> bool:
    raise ValueError


def _time(text: str) -> int:
    return parse_instant(text, find_zone("UTC"), "where")


_READERS: dict[FieldType, Callable[[str], _Value]] = {
    FieldType.INTEGER: _integer,
    FieldType.NUMBER: float,
    FieldType.DECIMAL: _decimal,
    FieldType.BOOLEAN: _boolean,
    FieldType.TIME: _time,
    FieldType.UUID: str.lower,
}
