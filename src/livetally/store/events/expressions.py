"""References to an event's members and conditions on them, as SQL with bound values.

In the flow: receives references and conditions from ``query``, hands SQL fragments to ``measure``,
``aggregate``, ``pages`` and ``entities``.
Guarantee: whatever came with a request, a value or a name inside ``data``, is only ever bound. Text
written by a definition's author may stand in DDL, where nothing can be bound: it goes through
``literal``, the only place that quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import NamedTuple

from livetally.definitions import Field, FieldType, data_path, segments
from livetally.store.events.columns import COLUMN_NAME
from livetally.store.events.engine import Parameter
from livetally.store.events.literals import Value, literal

__all__ = [
    "BUILTINS",
    "EVENT_ORDER",
    "Binder",
    "Condition",
    "Reference",
    "Value",
    "condition_sql",
    "instant_sql",
    "type_is_one_of",
]

BUILTINS = frozenset({"subject", "source", "type", "id"})
EVENT_ORDER = "(occurred_at, position, id, source)"
"""Tells the latest of events from all others: no two agree in it."""

# These are "" where the sender gave none.
_MAY_BE_EMPTY = frozenset({"subject", "source"})
# A number that JSON may also write otherwise: 1.50 is 1.5, and 1e3 is 1000.
_NOT_CANONICAL = re.compile(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?", re.ASCII)
# A text that JSON can write in one way only, unless it writes an escape; no number is one.
_VERBATIM = re.compile(r"(?!inf|nan)[A-Za-z]", re.IGNORECASE)
_ESCAPED = r"position(data, '\\') > 0"
_CANONICAL = re.compile(r"-?(?:0|[1-9]\d{0,14})", re.ASCII)


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
            return _typed_literal(value, engine_type)
        name = f"v{len(self.parameters)}"
        if isinstance(value, Decimal):
            value = format(value, "f")
        elif isinstance(value, float):
            value = repr(value)
        elif isinstance(value, bool):
            value = int(value)
        self.parameters[name] = value
        return f"{{{name}:{engine_type}}}"


def instant_sql(at_us: int, binder: Binder) -> str:
    """Return the SQL of an instant, in microseconds since 1970 UTC, to compare times with."""
    return f"fromUnixTimestamp64Micro({binder.bind(at_us, 'Int64')}, 'UTC')"


def _typed_literal(value: Value, engine_type: str) -> str:
    """Write a value so that the engine reads it exactly; a bare 1.5 would be a binary number."""
    if isinstance(value, Decimal):
        return f"CAST({literal(format(value, 'f'))}, {literal(engine_type)})"
    return literal(value)


class Reference(NamedTuple):
    """A member of an event: a built-in, a declared field (with its column), or undeclared data.

    ``name`` is the canonical reference of what has no field: ``type`` is built in, ``data.type`` is
    data.
    """

    name: str
    field: Field | None = None

    @property
    def sql(self) -> str:
        """What can stand in DDL: the column, or the expression that reads the raw data."""
        if self.field is not None:
            if not COLUMN_NAME.match(self.field.column):
                raise AssertionError(f"not a column name: {self.field.column!r}")
            return f"`{self.field.column}`"
        if self.name in BUILTINS:
            return self.name
        return self._text(Binder(literals=True))

    def expression(self, binder: Binder) -> str:
        """Return the expression that reads the member, NULL where an event lacks it.

        A path into ``data`` is bound.
        """
        if not self.is_declared:
            return self._text(binder)
        if self.field is None and self.name in _MAY_BE_EMPTY:
            return f"nullIf({self.name}, '')"
        return self.sql

    @property
    def is_declared(self) -> bool:
        """Whether it has a column of its own, or is built in."""
        return self.field is not None or self.name in BUILTINS

    @property
    def engine_type(self) -> str:
        """The engine's type of values to compare the member with."""
        return _engine_type(self.field)

    def _text(self, binder: Binder) -> str:
        """Read an undeclared member as text; objects, arrays and null are none.

        The engine works out the second part of ``AND`` only where the first one holds, so that
        nearly every event is parsed once.
        """
        keys = ", ".join(binder.bind(key, "String") for key in self._keys)
        text = f"JSONExtract(data, {keys}, 'Nullable(String)')"
        nested = f"match({text}, '^[{{[]') AND JSONType(data, {keys}) IN ('Object', 'Array')"
        return f"if({nested}, NULL, {text})"

    @property
    def _keys(self) -> Sequence[str]:
        path = data_path(self.name)
        assert path is not None, self.name
        return segments(path)

    def likely(self, binder: Binder) -> str:
        """Return a test that no event fails which has this undeclared member, and is cheap.

        Its key stands in the text of ``data``, or is written with an escape.
        """
        quoted = f'"{self._keys[-1]}"'
        return f"({_stands(binder.bind(quoted, 'String'))} OR {_ESCAPED})"


class Condition(NamedTuple):
    """A test of one member: ``op`` is one of ``in range prefix exists``.

    ``in``: equal to one of ``values``. ``range``: ``(low, low_open, high, high_open)``, either
    bound may be None. ``prefix``: starts with ``values[0]``. A negated condition is the exact
    complement, so it holds for events that lack the member.
    """

    reference: Reference
    op: str
    values: tuple[Value | None, ...]
    negated: bool = False


def condition_sql(condition: Condition, binder: Binder) -> str:
    """Return SQL that is 1 where the condition holds and 0 elsewhere, never NULL."""
    positive = f"ifNull({_positive(condition, binder)}, 0)"
    if not condition.reference.is_declared:
        positive = f"({_likely(condition, binder)} AND {positive})"
    return f"NOT {positive}" if condition.negated else positive


def type_is_one_of(types: Iterable[str]) -> str:
    """Return the test that an event is of one of these types, as it can stand in a projection.

    The engine rewrites ``type = 'a' OR type = 'b'`` in a question, but not in a projection, and
    then finds neither in the other.
    """
    kinds = [literal(kind) for kind in sorted(types)]
    return f"type = {kinds[0]}" if len(kinds) == 1 else f"has([{', '.join(kinds)}], type)"


def _likely(condition: Condition, binder: Binder) -> str:
    """Return a cheap test that no event fails which meets the condition on an undeclared member.

    To search a text takes a thirtieth of the time that it takes to parse it.
    """
    if condition.op in ("in", "prefix"):
        texts = [str(value) for value in condition.values if value is not None]
        if all(_VERBATIM.match(text) for text in texts):
            tests = [_stands(binder.bind(text, "String")) for text in texts]
            return f"({' OR '.join((*tests, _ESCAPED))})"
    return condition.reference.likely(binder)


def _stands(bound: str) -> str:
    return f"position(data, {bound}) > 0"


def _positive(condition: Condition, binder: Binder) -> str:
    reference = condition.reference
    member = reference.expression(binder)
    match condition.op:
        case "exists":
            return f"isNotNull({member})"
        case "prefix":
            return f"startsWith({member}, {binder.bind(str(condition.values[0]), 'String')})"
        case "in":
            return _equal_to_one(reference, member, condition.values, binder)
        case "range":
            return _between(reference, member, condition.values, binder)
    raise AssertionError(f"no such condition: {condition.op}")


def _equal_to_one(
    reference: Reference, member: str, values: tuple[Value | None, ...], binder: Binder
) -> str:
    kind = reference.engine_type
    tests = []
    for value in values:
        if value is None:
            continue
        tests.append(f"{member} = {binder.bind(value, kind)}")
        if not reference.is_declared and _written_otherwise(str(value)):
            tests.append(f"{_number(member)} = {binder.bind(float(value), 'Float64')}")
    return f"({' OR '.join(tests)})"


def _written_otherwise(text: str) -> bool:
    return bool(_NOT_CANONICAL.fullmatch(text)) and not _CANONICAL.fullmatch(text)


def _between(
    reference: Reference, member: str, values: tuple[Value | None, ...], binder: Binder
) -> str:
    low, low_open, high, high_open = values
    kind = reference.engine_type
    if not reference.is_declared:
        member, kind = _number(member), "Float64"
    tests = []
    if low is not None:
        tests.append(f"{member} {'>' if low_open else '>='} {binder.bind(low, kind)}")
    if high is not None:
        tests.append(f"{member} {'<' if high_open else '<='} {binder.bind(high, kind)}")
    return f"({' AND '.join(tests)})"


def _number(member: str) -> str:
    """Read a text as a number; the texts "inf" and "nan" are none."""
    return f"if(isFinite(toFloat64OrNull({member})), toFloat64OrNull({member}), NULL)"


def _engine_type(field: Field | None) -> str:
    if field is None:
        return "String"
    match field.type:
        case FieldType.INTEGER | FieldType.TIME:
            return "Int64"
        case FieldType.NUMBER:
            return "Float64"
        case FieldType.DECIMAL:
            return f"Decimal(38, {field.scale})"
        case FieldType.BOOLEAN:
            return "Bool"
        case _:
            return "String"
