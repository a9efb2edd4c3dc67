"""A metric worked out from what the senders said, event by event, in plain Python.

In the flow: used by ``verify``; receives raw events, hands values by bucket and group.
Guarantee: shares no code with the way a question is answered: no engine arithmetic, no typed
column, no projection, no cache. So an agreement of both means something.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple

import msgspec

from livetally.calendar import find_zone, label
from livetally.definitions import (
    Aggregate,
    Field,
    FieldType,
    Filter,
    Metric,
    Op,
    Term,
    data_path,
    read_literal,
    segments,
)
from livetally.query.gathered import EXACT, Gathered, Mean, gathered_for
from livetally.store.events.recount import SentEvent

__all__ = ["Recomputed", "Recount"]

_UTC = find_zone("UTC")
_INT64 = 2**63
# The same as ingest: of a decimal's 38 digits ten are left for sums.
_DECIMAL_DIGITS = 28
_AVERAGE_DIGITS = 6
_UUID = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{32}", re.IGNORECASE)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_OLDEST = datetime(1901, 1, 1, tzinfo=UTC)
_NEWEST = datetime(2299, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_decode = msgspec.json.Decoder(float_hook=Decimal).decode
_decode_time = msgspec.json.Decoder(datetime).decode

# Other numbers are written with an exponent.
_PLAIN_MIN = Decimal("1e-6")
_PLAIN_MAX = Decimal("1e21")

Place = tuple[int, tuple[Any, ...]]
"""Bucket start and group."""


class Recomputed(NamedTuple):
    """A bucket's value and the newest position in it."""

    value: Any
    version: int


class Recount:
    """Collects the events of one metric, then says each bucket's value."""

    def __init__(
        self,
        metric: Metric,
        bucket: Callable[[int], int],
        dimensions: Mapping[str, Field | None],
    ) -> None:
        """Count for ``metric``.

        Args:
            metric: what is counted.
            bucket: returns the start of the bucket of an instant.
            dimensions: what each is declared as; None where it is not, or not alike everywhere.
        """
        self._metric = metric
        self._dimensions = tuple(dimensions.items())
        self._bucket = bucket
        self._met: dict[Place, Gathered] = {}
        self._versions: dict[Place, int] = {}
        self._terms = {
            kind: [term for term in metric.terms if term.event == kind]
            for kind in {term.event for term in metric.terms}
        }

    def add(self, kind: str, event: SentEvent) -> None:
        """Count one event of type ``kind`` in every term that it meets."""
        data = _decode(event.data)
        for term in self._terms[kind]:
            if not all(_meets(one, term, kind, event, data) for one in term.where):
                continue
            keys = tuple(_key(name, field, kind, event, data) for name, field in self._dimensions)
            place = (self._bucket(event.at_us), keys)
            value: Any = 1
            if term.value is not None or self._metric.aggregate is Aggregate.UNIQUE:
                value = _member(term.value or "subject", term, kind, event, data)
            met = self._met.get(place)
            if met is None:
                met = self._met[place] = gathered_for(self._metric.aggregate)
            if value is not None:
                order = (event.at_us, event.position, event.id.encode(), event.source.encode())
                met.add(order, value, term.sign)
            self._versions[place] = max(self._versions.get(place, 0), event.position)

    def values(self) -> dict[Place, Recomputed]:
        """Return the value of every bucket and group that an event fell into."""
        return {
            place: Recomputed(self._value(met), self._versions[place])
            for place, met in self._met.items()
        }

    def _value(self, met: Gathered) -> Any:
        if isinstance(met, Mean):
            return self._average(met)
        value = met.value()
        if self._metric.aggregate in (Aggregate.LATEST, Aggregate.FIRST):
            return self._shown(value)
        return value

    def _shown(self, value: Any) -> Any:
        term = self._metric.terms[0]
        return _shown(term.fields.get(term.value or ""), value)

    def _average(self, met: Mean) -> Any:
        mean = met.value()
        if mean is None:
            return None
        if not met.is_decimal:
            return float(mean)
        fields = [term.fields.get(term.value or "") for term in self._metric.terms]
        scales = [field.scale for field in fields if field and field.scale is not None]
        digits = max(scales) + _AVERAGE_DIGITS
        return EXACT.scaleb(Decimal(round(mean * 10**digits)), -digits)


def _shown(field: Field | None, value: Any) -> Any:
    """Write a time as the answers of UTC do; all else is shown as it is."""
    is_time = value is not None and field is not None and field.type is FieldType.TIME
    return label(value, _UTC) if is_time else value


def _key(name: str, field: Field | None, kind: str, event: SentEvent, data: Any) -> Any:
    """Return the group of an event in one dimension: its value, else its text."""
    found = _found(name, kind, event, data)
    if found is None or data_path(name) is None:
        return found
    return _text(found) if field is None else _shown(field, _typed(field, found))


def _member(name: str, term: Term, kind: str, event: SentEvent, data: Any) -> Any:
    """Return a member as its declared type reads it, None where the event lacks it."""
    found = _found(name, kind, event, data)
    if found is None or data_path(name) is None:
        return found
    field = term.fields.get(name)
    return None if field is None else _typed(field, found)


def _found(name: str, kind: str, event: SentEvent, data: Any) -> Any:
    path = data_path(name)
    if path is None:
        return kind if name == "type" else getattr(event, name) or None
    found = data
    for key in segments(path):
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _text(value: Any) -> str | None:
    """Return a value as a text, numbers as the engine writes them; lists and objects are none."""
    if isinstance(value, (dict, list)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    # A whole number beyond 64 bits comes as a decimal, and keeps its digits.
    if not isinstance(value, Decimal) or value.as_tuple().exponent == 0:
        return str(value)
    number = Decimal(repr(float(value)))
    if not number or _PLAIN_MIN <= abs(number) < _PLAIN_MAX:
        return f"{number:f}".removesuffix(".0")
    digits, _, exponent = f"{number.normalize():e}".partition("e")
    return f"{digits}e{int(exponent)}"


def _typed(field: Field, value: Any) -> Any:
    match field.type:
        case FieldType.STRING:
            return value if isinstance(value, str) else None
        case FieldType.BOOLEAN:
            return value if isinstance(value, bool) else None
        case FieldType.INTEGER:
            whole = isinstance(value, int) and not isinstance(value, bool)
            return value if whole and -_INT64 <= value < _INT64 else None
        case FieldType.NUMBER:
            numeric = isinstance(value, (int, Decimal)) and not isinstance(value, bool)
            return float(value) if numeric else None
        case FieldType.DECIMAL:
            return _decimal(field, value)
    if not isinstance(value, str):
        return None
    if field.type is FieldType.UUID:
        return str(uuid.UUID(value)) if _UUID.fullmatch(value) else None
    return _instant(value)


def _instant(text: str) -> int | None:
    try:
        at = _decode_time(msgspec.json.encode(text))
    except msgspec.DecodeError:
        return None
    if at.tzinfo is None or not _OLDEST <= at <= _NEWEST:
        return None
    return (at - _EPOCH) // _MICROSECOND


def _decimal(field: Field, value: Any) -> Decimal | None:
    scale = field.scale or 0
    if isinstance(value, str) and not (value.isascii() and value.isprintable()):
        return None  # Python takes the digits of every script, and every kind of space
    try:
        number = Decimal(value) if not isinstance(value, bool) else Decimal("nan")
    except (InvalidOperation, TypeError, ValueError):
        return None
    if not number.is_finite():
        return None
    if number and not -scale <= number.adjusted() < _DECIMAL_DIGITS - scale:
        return None
    cut = EXACT.scaleb(number, scale)
    return number if cut == cut.to_integral_value() else None


def _meets(one: Filter, term: Term, kind: str, event: SentEvent, data: Any) -> bool:
    value = _member(one.field, term, kind, event, data)
    return (value is not None and _holds(one, value, term.fields.get(one.field))) != one.negated


def _holds(one: Filter, value: Any, field: Field | None) -> bool:
    if one.op is Op.EXISTS:
        return True
    if one.op is Op.PREFIX:
        return str(value).startswith(one.values[0])
    wanted: list[Any] = [read_literal(field, text) if field else text for text in one.values]
    match one.op:
        case Op.IN:
            return value in wanted
        case Op.RANGE:
            return bool(wanted[0] <= value <= wanted[1])
        case Op.GT:
            return bool(value > wanted[0])
        case Op.GE:
            return bool(value >= wanted[0])
        case Op.LT:
            return bool(value < wanted[0])
        case _:
            return bool(value <= wanted[0])
