"""Reads and checks the declared fields of one event type.

In the flow: built by ``batch.Schema`` from a definition, used by ``batch.prepare`` for every event.
Guarantee: a value that comes out has the declared type and bounds, and equals what the store would
read from the raw data by itself; decimals keep every digit.

The decoder is compiled from the declaration once, and all events of a batch are decoded in one
call; only when that fails are they looked at one by one.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Annotated, Any

import msgspec

from livetally.definitions import EventType, Field, FieldType, parents
from livetally.ingest.repeats import RepeatFinder
from livetally.ingest.values import finisher

__all__ = ["FieldReader", "Wrong"]

Wrong = tuple[int, str, str]
"""The place of an event in what was read, the field, the reason."""

_AT = re.compile(r" - at `\$(?P<path>.*)`$")
_MISSING = re.compile(r"missing required field (\S+)")
_INT64 = 2**63


class FieldReader:
    """Decodes ``data`` of one event type into columns. Safe for any thread."""

    def __init__(self, event: EventType) -> None:
        """Compile the declared fields of ``event``."""
        # Definitions don't declare a field below another one. If one does: what an object holds
        # can't be read where a value is expected, and a decoder that can't be made stops ingest.
        apart = {
            path: field
            for path, field in event.fields.items()
            if not any(parent in event.fields for parent in parents(path))
        }
        self.fields = tuple(apart.values())
        self.columns = frozenset(field.column for field in self.fields)
        shape = _struct(apart)
        self._one = msgspec.json.Decoder(shape)
        self._many = msgspec.json.Decoder(list[shape])  # type: ignore[valid-type] # built at run time
        self._getters = [_getter(field) for field in self.fields]
        self._finishers = [finisher(field) for field in self.fields]
        self._repeats = RepeatFinder([field.name for field in self.fields])

    def read(self, data: Sequence[bytes]) -> tuple[dict[str, list[Any]], list[Wrong]]:
        """Return values by column name, and what is wrong with each bad event.

        Times are in microseconds since 1970 UTC, decimals in units of their last place.
        """
        if not self.fields:
            return {}, []
        joined = b",".join(data)
        wrong: list[Wrong] = []
        try:
            decoded: list[Any] = self._many.decode(b"[" + joined + b"]")
        except (msgspec.DecodeError, RecursionError):
            decoded = self._each(data, wrong)
        columns: dict[str, list[Any]] = {}
        present: dict[str, int] = {}
        for field, get, finish in zip(self.fields, self._getters, self._finishers, strict=True):
            values = list(map(get, decoded))
            present[field.name] = len(values) - values.count(None)
            columns[field.column] = finish(values, wrong) if finish else values
        wrong += self._repeats.find(data, joined, present)
        return columns, _first_of_each(wrong)

    def repeats(self, data: bytes) -> bool:
        """Tell whether one event's data may name a declared member twice."""
        return bool(self._repeats.find([data], data, {}))

    def _each(self, data: Sequence[bytes], wrong: list[Wrong]) -> list[Any]:
        decoded: list[Any] = []
        for place, body in enumerate(data):
            try:
                decoded.append(self._one.decode(body))
            except (msgspec.DecodeError, RecursionError) as error:
                wrong.append((place, *_why(error)))
                decoded.append(None)
        return decoded


def _first_of_each(wrong: list[Wrong]) -> list[Wrong]:
    """Keep one complaint for an event, so that every item is accounted for once."""
    first: dict[int, Wrong] = {}
    for one in wrong:
        first.setdefault(one[0], one)
    return list(first.values())


def _getter(field: Field) -> Any:
    """Return what takes the field's value out of a decoded event, None where it is missing."""
    names = [f"m_{part}" for part in field.name.split(".")]
    direct = attrgetter(names[0])

    def nested(item: Any) -> Any:
        for name in names:
            if item is None:
                return None
            item = getattr(item, name)
        return item

    def flat(item: Any) -> Any:
        return None if item is None else direct(item)

    return nested if len(names) > 1 else flat


def _struct(fields: Mapping[str, Field]) -> type[msgspec.Struct]:
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
        kind = _struct(inner)
        required = any(field.required for field in inner.values())
        default: Any = msgspec.NODEFAULT if required else None
        members.append((f"m_{head}", kind if required else kind | None, default))
    members.sort(key=lambda member: member[2] is not msgspec.NODEFAULT)
    return msgspec.defstruct("Data", members, rename=rename, gc=False)


def _member_type(name: str, field: Field) -> tuple[str, Any, Any]:
    kind = _python_type(field)
    if field.required:
        return (name, kind, msgspec.NODEFAULT)
    return (name, kind | None, None)


def _python_type(field: Field) -> Any:
    bounds = {"ge": field.minimum, "le": field.maximum}
    limits: dict[str, Any] = {key: value for key, value in bounds.items() if value is not None}
    match field.type:
        case FieldType.INTEGER:
            whole: dict[str, Any] = {key: int(value) for key, value in limits.items()}
            return Annotated[int, msgspec.Meta(**{"ge": -_INT64, "le": _INT64 - 1} | whole)]
        case FieldType.NUMBER:
            near: dict[str, Any] = {key: float(value) for key, value in limits.items()}
            return Annotated[float, msgspec.Meta(**near)]
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
    path = re.sub(r"\[.*?\]", "", at["path"]).strip(".") if at else ""
    reason = _AT.sub("", text).replace("`", "")
    if missing := _MISSING.search(reason):
        return _joined("data", path, missing[1]), "required, but missing"
    return _joined("data", path), reason[:1].lower() + reason[1:]


def _joined(*parts: str) -> str:
    return ".".join(part for part in parts if part)
