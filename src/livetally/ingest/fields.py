"""Reads and checks the declared fields of one event type.

In the flow: built from a definition by ``fields.reader``, used by ``batch`` for every event.
Guarantee: a value that comes out has the declared type and bounds; decimals keep every digit.

The decoder is compiled from the declaration once, so a usual event costs one call; only an event
that fails it is looked at member by member.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from livetally.definitions import EventType, Field, FieldType

__all__ = ["FieldReader"]

# Sums of ten billion values of this many whole digits fit the store's 38 digits at any scale.
_WHOLE_DIGITS_SPARE = 10
_AT = re.compile(r" - at `\$\.?(?P<path>.*)`$")
_INT64 = 2**63


class FieldReader:
    """Decodes ``data`` of one event type into columns. Safe for any thread."""

    def __init__(self, event: EventType) -> None:
        """Compile the declared fields of ``event``."""
        self._fields = tuple(event.fields.values())
        self._decoder = msgspec.json.Decoder(_struct(event.name, event.fields))
        self._names = [_paths(field) for field in self._fields]

    def read(
        self, data: Sequence[msgspec.Raw]
    ) -> tuple[dict[str, list[Any]], list[tuple[int, str, str]]]:
        """Return values by column name, and ``(place, field, reason)`` for each bad event."""
        wrong: list[tuple[int, str, str]] = []
        decoded: list[Any] = []
        decode = self._decoder.decode
        for place, raw in enumerate(data):
            try:
                decoded.append(decode(raw))
            except (msgspec.DecodeError, RecursionError) as error:
                wrong.append((place, *_why(error)))
                decoded.append(None)
        columns: dict[str, list[Any]] = {}
        for field, names in zip(self._fields, self._names, strict=True):
            values = [_member(item, names) for item in decoded]
            if field.type in _FINISH or field.one_of:
                values = _finish(field, values, wrong)
            columns[field.column] = values
        return columns, wrong


def _finish(field: Field, values: list[Any], wrong: list[tuple[int, str, str]]) -> list[Any]:
    finish = _FINISH.get(field.type, _finish_one_of)
    finished: list[Any] = []
    for place, value in enumerate(values):
        try:
            finished.append(None if value is None else finish(field, value))
        except ValueError as error:
            wrong.append((place, f"data.{field.name}", str(error)))
            finished.append(None)
    return finished


def _member(item: Any, names: list[str]) -> Any:
    for name in names:
        if item is None:
            return None
        item = getattr(item, name)
    return item


def _paths(field: Field) -> list[str]:
    return [f"m_{part}" for part in field.name.split(".")]


def _struct(name: str, fields: Mapping[str, Field]) -> type[msgspec.Struct]:
    """Build the type to decode into; a nested path ``a.b`` becomes a struct ``a`` with ``b``."""
    nested: dict[str, dict[str, Field]] = {}
    members: list[tuple[str, Any, Any]] = []
    rename: dict[str, str] = {}
    for path, field in fields.items():
        head, _, rest = path.partition(".")
        rename[f"m_{head}"] = head
        if rest:
            nested.setdefault(head, {})[rest] = field
        else:
            members.append(_member_type(f"m_{head}", field))
    for head, inner in nested.items():
        kind = _struct(head, inner)
        required = any(field.required for field in inner.values())
        default: Any = msgspec.NODEFAULT if required else None
        members.append((f"m_{head}", kind if required else kind | None, default))
    members.sort(key=lambda member: member[2] is not msgspec.NODEFAULT)
    return msgspec.defstruct(f"Data_{abs(hash(name))}", members, rename=rename, gc=False)


def _member_type(name: str, field: Field) -> tuple[str, Any, Any]:
    kind = _python_type(field)
    if field.required:
        return (name, kind, msgspec.NODEFAULT)
    return (name, kind | None, None)


def _python_type(field: Field) -> Any:
    bounds = {"ge": field.minimum, "le": field.maximum}
    limits = {key: value for key, value in bounds.items() if value is not None}
    match field.type:
        case FieldType.INTEGER:
            whole = {key: int(value) for key, value in limits.items()}
            return Annotated[int, msgspec.Meta(**{"ge": -_INT64, "le": _INT64 - 1, **whole})]
        case FieldType.NUMBER:
            return Annotated[float, msgspec.Meta(**{k: float(v) for k, v in limits.items()})]
        case FieldType.BOOLEAN:
            return bool
        case FieldType.TIME:
            return datetime
        case FieldType.UUID:
            return uuid.UUID
        case FieldType.DECIMAL:
            return Decimal
        case _:
            return Annotated[str, msgspec.Meta(max_length=field.max_length)]


def _why(error: Exception) -> tuple[str, str]:
    text = str(error)
    at = _AT.search(text)
    path = re.sub(r"\[.*?\]", "", at["path"]) if at else ""
    reason = _AT.sub("", text).replace("`", "")
    missing = re.search(r"missing required field (\S+)", reason)
    if missing:
        return ".".join(part for part in ("data", path, missing[1]) if part), "required, but missing"
    return ".".join(part for part in ("data", path) if part), reason[:1].lower() + reason[1:]


def _finish_decimal(field: Field, value: Decimal) -> Decimal:
    if not value.is_finite():
        raise ValueError("must be a finite number")
    scale = field.scale or 0
    exponent = int(value.as_tuple().exponent)
    whole = 38 - scale - _WHOLE_DIGITS_SPARE
    if value and value.adjusted() >= whole:
        raise ValueError(f"has more than {whole} digits before the point")
    if -exponent > scale and any(value.as_tuple().digits[exponent + scale :]):
        raise ValueError(f"has more than {scale} digits after the point")
    _within(field, value)
    return value


def _finish_time(_field: Field, value: datetime) -> int:
    if value.tzinfo is None:
        raise ValueError("has no offset; write 2026-03-29T12:00:00Z or ...+02:00")
    return round(value.timestamp() * 1e6)


def _finish_one_of(field: Field, value: str | int) -> str | int:
    if value not in field.one_of:
        raise ValueError(f"must be one of {', '.join(map(str, field.one_of))}")
    return value


def _within(field: Field, value: Decimal) -> None:
    if field.minimum is not None and value < Decimal(str(field.minimum)):
        raise ValueError(f"must be at least {field.minimum}")
    if field.maximum is not None and value > Decimal(str(field.maximum)):
        raise ValueError(f"must be at most {field.maximum}")


_FINISH: dict[FieldType, Any] = {
    FieldType.DECIMAL: _finish_decimal,
    FieldType.TIME: _finish_time,
    FieldType.UUID: lambda _field, value: str(value),
}
