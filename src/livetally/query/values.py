"""The parts that the store aggregated become one exact value; groups become what a client sees.

In the flow: receives rows of ``store.events`` from ``evaluate``, hands values and keys to
``answer``.
Guarantee: integers stay integers, decimals keep every digit, an average is the exact quotient
rounded once; nothing is computed in binary floating point that was not stored so.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any
from zoneinfo import ZoneInfo

from livetally.calendar import label
from livetally.definitions import Aggregate, Field, FieldType, Metric, Ratio, Term
from livetally.errors import QueryTooLarge
from livetally.store.events import Group, Reference

__all__ = [
    "EXACT",
    "Key",
    "Value",
    "added",
    "empty_value",
    "key_of",
    "plain",
    "quotient",
    "values_of",
]

Value = int | float | Decimal | str | bool | None
Key = tuple[Value, ...]

EXACT = Context(prec=120, rounding=ROUND_HALF_EVEN)
"""Enough digits for any sum of the store: decimal's usual 28 would round silently."""

_BEYOND = (
    "A sum of binary numbers is beyond 1.8e308, the largest there is: ask for less of them, or"
    " declare the field as a decimal."
)

# An average of decimals has this many digits more than its field, a ratio with a decimal so many.
_AVERAGE_DIGITS = 6
_RATIO_DIGITS = 12
# Arrow's decimals have 76 digits, the 12 after the point among them, and rounding may add one.
_RATIO_WHOLE_DIGITS_MAX = 63

# Up to here every whole number is a binary one, and is written as it came.
_WHOLE_MAX = 2**53

_ADDED = frozenset({Aggregate.COUNT, Aggregate.SUM})
_ZERO_WHEN_EMPTY = frozenset({Aggregate.COUNT, Aggregate.SUM, Aggregate.UNIQUE})


def empty_value(metric: Metric | Ratio) -> int | None:
    """Return the value of a bucket without events: 0 of what is counted or added, else none."""
    return 0 if isinstance(metric, Metric) and metric.aggregate in _ZERO_WHEN_EMPTY else None


def values_of(metric: Metric, parts: Sequence[Sequence[Any]], zone: ZoneInfo) -> Sequence[Any]:
    """Return the values of all rows, from the parts column by column; ``zone`` writes times.

    Raises:
        QueryTooLarge: a sum of binary numbers is beyond the largest there is.
    """
    if metric.aggregate is Aggregate.COUNT and [term.sign for term in metric.terms] == [1]:
        return parts[0]
    values = [_value_of(metric, row, zone) for row in zip(*parts, strict=True)]
    if any(isinstance(value, float) and not math.isfinite(value) for value in values):
        raise QueryTooLarge(_BEYOND)
    return values


def _value_of(metric: Metric, parts: Sequence[Any], zone: ZoneInfo) -> Any:
    aggregate = metric.aggregate
    if aggregate in _ADDED:
        return plain(_signed_sum(metric, parts))
    if aggregate is Aggregate.AVG:
        return _average(metric, parts)
    if aggregate is Aggregate.UNIQUE:
        return int(parts[0])
    if aggregate in (Aggregate.MIN, Aggregate.MAX):
        each = zip(metric.terms, parts, strict=True)
        known = [_read(_field(term), part) for term, part in each if part is not None]
        pick = min if aggregate is Aggregate.MIN else max
        return plain(pick(known)) if known else None
    return _shown(_widest(metric), parts[0], zone)


def key_of(references: Sequence[Reference], group: Group, zone: ZoneInfo) -> Key:
    """Return a group's keys as a client sees them; None where events lack the member."""
    return tuple(
        _shown(reference.field, value, zone)
        for reference, value in zip(references, group, strict=True)
    )


def quotient(upper: Any, lower: Any) -> Any:
    """Divide exactly, rounded once; None when there is nothing to divide by.

    With a decimal the quotient is one of 12 digits after the point, rounded half to even; else it
    is the nearest binary number. So it is where it has more digits than a decimal on the wire has
    room for: only a binary number is that large, or divides by so little. None as well where it is
    beyond the largest binary number.
    """
    if upper is None or not lower:
        return None
    if isinstance(upper, Decimal) or isinstance(lower, Decimal):
        exact = EXACT.divide(Decimal(upper), Decimal(lower))
        if exact.adjusted() < _RATIO_WHOLE_DIGITS_MAX:
            return plain(EXACT.quantize(exact, Decimal(1).scaleb(-_RATIO_DIGITS)))
        nearest = float(exact)
    else:
        nearest = float(upper / lower)
    return nearest if math.isfinite(nearest) else None


def _signed_sum(metric: Metric, parts: Sequence[Any]) -> Any:
    total: Any = 0
    for term, part in zip(metric.terms, parts, strict=True):
        if part is not None:
            total = added(total, _read(_field(term), part), term.sign)
    return total


def _average(metric: Metric, parts: Sequence[Any]) -> Any:
    count = sum(parts[1::2])
    if not count:
        return None
    total: Any = 0
    scales = [0]
    for term, part in zip(metric.terms, parts[0::2], strict=True):
        field = _field(term)
        if part is not None:
            total = added(total, _read(field, part), 1)
        if field is not None:
            scales.append(field.scale or 0)
    if isinstance(total, Decimal):
        return _rounded(total, Decimal(count), max(scales) + _AVERAGE_DIGITS)
    return float(total / count)


def added(total: Any, value: Any, sign: int) -> Any:
    """Add exactly; a binary number makes the sum one."""
    if isinstance(value, float) or isinstance(total, float):
        return float(total) + sign * float(value)
    if isinstance(value, Decimal) or isinstance(total, Decimal):
        signed = EXACT.multiply(Decimal(sign), Decimal(value))
        return EXACT.add(Decimal(total), signed)
    return total + sign * value


def _rounded(upper: Decimal, lower: Decimal, digits: int) -> Any:
    return plain(EXACT.quantize(EXACT.divide(upper, lower), Decimal(1).scaleb(-digits)))


def _field(term: Term) -> Field | None:
    return term.fields.get(term.value) if term.value else None


def _widest(metric: Metric) -> Field | None:
    """Return the field that says how the one value of all terms is written."""
    fields = [_field(term) for term in metric.terms]
    decimals = [field for field in fields if field and field.type is FieldType.DECIMAL]
    return decimals[0] if decimals else fields[0]


def _read(field: Field | None, part: Any) -> Any:
    """Read a part as the engine wrote it: decimals come as text, so that no digit is lost."""
    if field is not None and isinstance(part, str):
        if field.type is FieldType.DECIMAL:
            return Decimal(part)
        if field.type is FieldType.INTEGER:
            return int(part)
        if field.type is FieldType.NUMBER:
            return float(part)  # "inf": a sum beyond the largest number, or the mean of such
    if field is not None and field.type is FieldType.NUMBER and isinstance(part, int):
        # The engine writes 2**63 in as few digits as tell it, so it is another whole number.
        return part if abs(part) <= _WHOLE_MAX else float(part)
    return part


def _shown(field: Field | None, part: Any, zone: ZoneInfo) -> Any:
    if part is not None and field is not None and field.type is FieldType.TIME:
        return label(part, zone)
    return plain(_read(field, part))


def plain(value: Any) -> Any:
    """Write a decimal without exponent and without zeros that say nothing."""
    if not isinstance(value, Decimal):
        return value
    text = format(value, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return Decimal("0" if text in ("-0", "") else text)
