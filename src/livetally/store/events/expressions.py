"""References to an event's members and conditions on them, as SQL with bound values.

In the flow: receives references and conditions from ``query.plan``, hands SQL fragments to
``aggregate`` and ``rows``.
Guarantee: a value that came with a request is only ever bound. Text written by a definition's author
may stand in DDL, where nothing can be bound: it goes through ``literal``, the only place that quotes.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from livetally.definitions import Field, FieldType
from livetally.store.events.columns import COLUMN_NAME, path_literal
from livetally.store.events.engine import Parameter
from livetally.store.events.literals import Value, literal

__all__ = ["BUILTINS", "Binder", "Condition", "Reference", "Value", "condition_sql"]

BUILTINS = frozenset({"subject", "source", "type", "id"})


class Reference(NamedTuple):
    """A member of an event: a built-in, a declared field (with its column), or a path in ``data``."""

    name: str
    field: Field | None = None

    @property
    def sql(self) -> str:
        """The expression that reads the member; NULL where an event lacks it."""
        if self.field is not None:
            if not COLUMN_NAME.match(self.field.column):
                raise AssertionError(f"not a column name: {self.field.column!r}")
            return f"`{self.field.column}`"
        if self.name in BUILTINS:
            return self.name
        path = path_literal(self.name)
        return (
            f"if(JSONType(data, {path}) IN ('Null', 'Object', 'Array'), NULL,"
            f" JSONExtract(data, {path}, 'Nullable(String)'))"
        )

    @property
    def sql_number(self) -> str:
        """The member as a number to compare with."""
        if self.field is None:
            return f"toFloat64OrNull({self.sql})"
        return self.sql

    @property
    def is_declared(self) -> bool:
        """Whether it has a column of its own, or is built in."""
        return self.field is not None or self.name in BUILTINS


class Condition(NamedTuple):
    """A test of one member: ``op`` is one of ``in range prefix exists``.

    ``in``: equal to one of ``values``. ``range``: ``(low, low_open, high, high_open)``, either bound
    may be None. ``prefix``: starts with ``values[0]``. A negated condition is the exact complement,
    so it holds for events that lack the member.
    """

    reference: Reference
    op: str
    values: tuple[Value | None, ...]
    negated: bool = False


class Binder:
    """Collects values and hands out placeholders, or literals where nothing can be bound."""

    def __init__(self, *, literals: bool = False) -> None:
        """With ``literals`` the values are quoted into the text: for DDL only."""
        self.parameters: dict[str, Parameter] = {}
        self._literals = literals

    def bind(self, value: Value | Sequence[str] | Sequence[int], engine_type: str) -> str:
        """Return the SQL that stands for ``value``."""
        if self._literals:
            assert isinstance(value, Value)
            return literal(value)
        name = f"v{len(self.parameters)}"
        if isinstance(value, (Decimal, float)):
            value = str(value)
        elif isinstance(value, bool):
            value = int(value)
        self.parameters[name] = value
        return f"{{{name}:{engine_type}}}"


def condition_sql(condition: Condition, binder: Binder) -> str:
    """Return SQL that is 1 where the condition holds and 0 elsewhere, never NULL."""
    positive = f"ifNull({_positive(condition, binder)}, 0)"
    return f"NOT {positive}" if condition.negated else positive


def _positive(condition: Condition, binder: Binder) -> str:
    reference = condition.reference
    match condition.op:
        case "exists":
            if reference.name in BUILTINS:
                return f"notEmpty({reference.sql})"
            return f"isNotNull({reference.sql})"
        case "prefix":
            return f"startsWith({reference.sql}, {binder.bind(str(condition.values[0]), 'String')})"
        case "in":
            return _equal_to_one(reference, condition.values, binder)
        case "range":
            return _between(reference, condition.values, binder)
    raise AssertionError(f"no such condition: {condition.op}")


def _equal_to_one(
    reference: Reference, values: tuple[Value | None, ...], binder: Binder
) -> str:
    kind = _value_type(reference)
    tests = [f"{reference.sql} = {binder.bind(v, kind)}" for v in values if v is not None]
    return f"({' OR '.join(tests)})"


def _between(reference: Reference, values: tuple[Value | None, ...], binder: Binder) -> str:
    low, low_open, high, high_open = values
    declared_text = reference.field is not None and _value_type(reference) == "String"
    textual = declared_text or reference.name in BUILTINS
    member = reference.sql if textual else reference.sql_number
    kind = "Float64" if reference.field is None and not textual else _value_type(reference)
    tests = []
    if low is not None:
        tests.append(f"{member} {'>' if low_open else '>='} {binder.bind(low, kind)}")
    if high is not None:
        tests.append(f"{member} {'<' if high_open else '<='} {binder.bind(high, kind)}")
    return f"({' AND '.join(tests)})"


def _value_type(reference: Reference) -> str:
    if reference.field is None:
        return "String"
    match reference.field.type:
        case FieldType.INTEGER | FieldType.TIME:
            return "Int64"
        case FieldType.NUMBER:
            return "Float64"
        case FieldType.DECIMAL:
            return f"Decimal(38, {reference.field.scale})"
        case FieldType.BOOLEAN:
            return "Bool"
        case _:
            return "String"
