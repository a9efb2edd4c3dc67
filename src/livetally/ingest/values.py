"""From a decoded value to the one that is stored: bounds and forms that the decoder can't check.

In the flow: called by ``ingest.fields`` for a whole column of one event type at a time.
Guarantee: decimals come out exactly, as whole numbers of the last place (12.5 at scale 2 is 1250);
a value that does not fit the declaration is reported and None in the column.

A column is converted in one go; only when a value of it does not fit is each looked at.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from decimal import Context, Decimal, DecimalException, Inexact, InvalidOperation
from functools import partial
from typing import Any

from livetally.definitions import Field, FieldType
from livetally.event import instant_us

__all__ = ["decimal_bounds", "finisher"]

_Wrong = list[tuple[int, str, str]]

# Sums of ten billion values of this many digits fit the store's 38.
_DIGITS_MAX = 28
_LIMIT = 10**_DIGITS_MAX
_EXACT = Context(prec=60, Emin=-999_999, Emax=999_999, traps=[Inexact, InvalidOperation])
_OLDEST_US = -2_177_452_800_000_000  # 1901-01-01T00:00:00Z
_NEWEST_US = 10_382_256_000_000_000  # 2299-01-01T00:00:00Z


def finisher(field: Field) -> Callable[[list[Any], _Wrong], list[Any]] | None:
    """Return what turns a column of decoded values into stored ones, None if nothing is left to do.

    It appends ``(place, field, reason)`` for each value that does not fit.
    """
    convert = _CONVERT.get(field.type)
    if field.one_of:
        return partial(_each, field, partial(_one_of, field))
    if field.type is FieldType.DECIMAL:
        return partial(_decimals, field)
    return partial(_each, field, convert) if convert else None


def _each(
    field: Field, convert: Callable[[Any], Any], values: list[Any], wrong: _Wrong
) -> list[Any]:
    finished: list[Any] = []
    for place, value in enumerate(values):
        try:
            finished.append(None if value is None else convert(value))
        except ValueError as error:
            wrong.append((place, f"data.{field.name}", str(error)))
            finished.append(None)
    return finished


def _decimals(field: Field, values: list[Decimal | None], wrong: _Wrong) -> list[Any]:
    scale = field.scale or 0
    shift, trim = _EXACT.scaleb, _EXACT.to_integral_exact
    low, high = decimal_bounds(field, scale)
    try:
        shifted = [None if value is None else shift(value, scale) for value in values]
        present = [value for value in shifted if value is not None]
        # Bounds before int(): that of 1e999999999 would not end.
        if not present or (low <= min(present) and max(present) <= high):
            return [None if value is None else int(trim(value)) for value in shifted]
    except DecimalException:
        pass  # found again below, value by value
    return _each(field, partial(_decimal, field), values, wrong)


def _decimal(field: Field, value: Decimal) -> int:
    if not value.is_finite():
        raise ValueError("must be a finite number")
    scale = field.scale or 0
    if value and value.adjusted() >= _DIGITS_MAX - scale:
        raise ValueError(f"has more than {_DIGITS_MAX - scale} digits before the point")
    if field.minimum is not None and value < _exact(field.minimum):
        raise ValueError(f"must be at least {field.minimum}")
    if field.maximum is not None and value > _exact(field.maximum):
        raise ValueError(f"must be at most {field.maximum}")
    try:
        return int(_EXACT.to_integral_exact(_EXACT.scaleb(value, scale)))
    except DecimalException:
        raise ValueError(f"has more than {scale} digits after the point") from None


def decimal_bounds(field: Field, scale: int) -> tuple[Decimal | int, Decimal | int]:
    """Return the least and the largest value of a decimal, in units of its last place."""
    low = -_LIMIT + 1 if field.minimum is None else _EXACT.scaleb(_exact(field.minimum), scale)
    high = _LIMIT - 1 if field.maximum is None else _EXACT.scaleb(_exact(field.maximum), scale)
    return max(low, -_LIMIT + 1), min(high, _LIMIT - 1)


def _exact(bound: int | Decimal) -> Decimal:
    return Decimal(str(bound))


def _instant(value: datetime) -> int:
    if value.tzinfo is None:
        raise ValueError("has no offset; write 2026-03-29T12:00:00Z or ...+02:00")
    at_us = instant_us(value)
    if not _OLDEST_US <= at_us <= _NEWEST_US:
        raise ValueError("must lie between the years 1901 and 2298")
    return at_us


def _one_of(field: Field, decoded: str | int | uuid.UUID) -> str | int:
    value = str(decoded) if isinstance(decoded, uuid.UUID) else decoded
    if value not in field.one_of:
        raise ValueError(f"must be one of {', '.join(map(str, field.one_of))}")
    return value


_CONVERT: dict[FieldType, Callable[[Any], Any]] = {
    FieldType.TIME: _instant,
    FieldType.UUID: str,
}
