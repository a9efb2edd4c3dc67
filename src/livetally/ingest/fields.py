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
from collections.abc import Callable, Mapping, Sequence
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
_NO_DECIMAL = "invalid decimal string"  # what the decoder says of other texts


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
        shape = _struct(apart, _python_type)
        self._one = msgspec.json.Decoder(shape)
        self._many = msgspec.json.Decoder(list[shape])  # type: ignore[valid-type] # built at run time
        self._getters = [_getter(field) for field in self.fields]
        self._finishers = [finisher(field) for field in self.fields]
        self._repeats = RepeatFinder([field.name for field in self.fields])
        decimals = {name: field for name, field in apart.items() if field.type is FieldType.DECIMAL}
        written = _struct(decimals, _as_written)
        self._written = msgspec.json.Decoder(written) if decimals else None
        self._written_getters = [(name, _getter(field)) for name, field in decimals.items()]

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
        wrong += self._strange_decimals(data, joined, decoded)
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

    def _strange_decimals(
        self, data: Sequence[bytes], joined: bytes, decoded: Sequence[Any]
    ) -> list[Wrong]:
        """Find texts that only the decoder takes for decimals.

        It knows the digits of every script, and every kind of space; the store does not.
        """
        if self._written is None or _is_plain(joined):
            return []
        wrong: list[Wrong] = []
        for place, body in enumerate(data):
            if decoded[place] is None or _is_plain(body):
                continue
            item = self._written.decode(body)
            for name, get in self._written_getters:
                written = get(item)
                if written is not None and _is_strange(bytes(written)):
                    wrong.append((place, f"data.{name}", _NO_DECIMAL))
        return wrong

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


def _struct(fields: Mapping[str, Field], type_of: Callable[[Field], Any]) -> type[msgspec.Struct]:
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
            members.append(_member_type(f"m_{head}", field, type_of(field)))
    for head, inner in nested.items():
        kind = _struct(inner, type_of)
        required = any(field.required for field in inner.values())
        default: Any = msgspec.NODEFAULT if required else None
        members.append((f"m_{head}", kind if required else kind | None, default))
    members.sort(key=lambda member: member[2] is not msgspec.NODEFAULT)
    return msgspec.defstruct("Data", members, rename=rename, gc=False)


def _member_type(name: str, field: Field, kind: Any) -> tuple[str, Any, Any]:
    if field.required:
        return (name, kind, msgspec.NODEFAULT)
    return (name, kind if kind is msgspec.Raw else kind | None, None)


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


def _as_written(_field: Field) -> Any:
    return msgspec.Raw


def _is_plain(body: bytes) -> bool:
    """Tell that no text in some JSON has a character beyond ASCII, or one that is not printed."""
    return body.isascii() and b"\\" not in body


def _is_strange(written: bytes) -> bool:
    if not written.startswith(b'"'):
        return False
    text = msgspec.json.decode(written, type=str)
    return not (text.isascii() and text.isprintable())


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
