"""Lines that are alike become a batch, column by column.

In the flow: receives groups from ``event.alike`` in ``accept``, hands batches to the writer as
``ingest.batch`` does.
Guarantee: a batch made here equals the one that ``decode_lines``, ``check_limits`` and ``prepare``
make of the same lines; where that is not certain, and where one of the events is to be refused,
none is made, and the lines are read one by one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from livetally.definitions import Field, FieldType
from livetally.event import EventLimits
from livetally.event.alike import Alike, Span
from livetally.event.bulk import POWERS, Ints, Numbers, instants, numbers
from livetally.event.limits import NEWEST_US, OLDEST_US, future_us, type_is_wrong
from livetally.event.line_shape import DIGITS_MAX
from livetally.event.safety import may_be_deep
from livetally.event.texts import Texts
from livetally.ingest.batch import Batch, Columns, Schema, listed
from livetally.ingest.fields import FieldReader
from livetally.ingest.values import decimal_bounds

__all__ = ["batch_of"]

_EXACT_DIGITS = 15
"""Every whole number of so many digits is a float, and so is every power of ten up to 22."""
_UUIDS = re.compile(rb"(?:[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\n)*")
_FLOAT_POWERS = np.array([float(10**places) for places in range(_EXACT_DIGITS + 1)])


class _Unlike(Exception):
    """The lines are to be read one by one."""


def batch_of(
    team: int, group: Alike, schema: Schema, limits: EventLimits, now_us: int, first_index: int
) -> Batch | None:
    """Make the batch of lines that are alike, None if they are to be read one by one.

    Args:
        team: whose events these are.
        group: the lines.
        schema: what the team has declared.
        limits: the bounds of an event.
        now_us: time of arrival, microseconds since 1970 UTC.
        first_index: of the chunk's first line in the request.
    """
    reader = schema.readers.get(group.shape.type)
    if reader is None and schema.reject_unknown:
        return None
    try:
        columns = _Reading(group, limits, now_us).columns(first_index)
        fields = {} if reader is None else _fields(group, reader)
    except _Unlike:
        return None
    batch = Batch.of_columns(team, columns, now_us)
    batch.fields = fields
    batch.declared = {name: schema.columns[name] for name in fields}
    return batch


class _Reading:
    """Reads the members of the events."""

    def __init__(self, group: Alike, limits: EventLimits, now_us: int) -> None:
        self._group = group
        self._limits = limits
        self._now_us = now_us
        self._count = len(group.lines)

    def columns(self, first_index: int) -> Columns:
        """Return the columns of the batch."""
        group, limits, count = self._group, self._limits, self._count
        kind = group.shape.type
        if type_is_wrong(kind, limits):
            raise _Unlike
        ids = group.member("id")
        return Columns(
            indexes=(group.lines + first_index).tolist(),
            types=[kind] * count,
            sources=self._texts("source", self._limits.source_chars_max),
            subjects=self._texts("subject", limits.subject_chars_max),
            ids=None if ids is None else self._ids(ids),
            data=self._data(),
            given_us=self._times(),
        )

    def _ids(self, span: Span) -> Sequence[bytes]:
        sizes = span.ends - span.begins
        # Bytes are at least as many as characters.
        if sizes.min() < 1 or sizes.max() > self._limits.id_chars_max:
            raise _Unlike
        return self._group.text.pieces(span.begins, span.ends)

    def _texts(self, name: str, chars_max: int) -> Sequence[str]:
        span = self._group.member(name)
        if span is None:
            return [""] * self._count
        if (span.ends - span.begins).max() > chars_max:
            raise _Unlike
        return Texts(self._group.text.pieces(span.begins, span.ends))

    def _data(self) -> Sequence[bytes]:
        group = self._group
        if group.shape.data is None:
            return [b"{}"] * self._count
        longest = int((group.ends - group.begins).max())
        if longest > self._limits.data_bytes_max:
            raise _Unlike
        if may_be_deep(group.shape.sample):
            raise _Unlike
        return group.text.pieces(group.begins, group.ends)

    def _times(self) -> Ints | None:
        span = self._group.member("time")
        if span is None:
            return None
        at, fit = instants(self._group.text, span.begins, span.ends)
        newest = future_us(self._limits, self._now_us)
        if not fit.all() or at.min() < OLDEST_US or at.max() > newest:
            raise _Unlike
        return at


def _fields(group: Alike, reader: FieldReader) -> dict[str, Any]:
    """Read the declared fields.

    Raises:
        _Unlike: some value may not fit.
    """
    if reader.repeats(group.shape.sample):
        raise _Unlike
    return {field.column: _field(group, field) for field in reader.fields}


def _field(group: Alike, field: Field) -> Any:
    path = tuple(field.name.split("."))
    for depth in range(1, len(path)):
        above = group.value(path[:depth])
        if above == "":
            return _missing(group, field)
        if above != "object":
            raise _Unlike
    found = group.value(path)
    if found in ("", "null"):
        return _missing(group, field)
    if isinstance(found, str):
        raise _Unlike
    values = _READERS[field.type](group, field, found)
    if field.one_of and not set(listed(values)) <= set(field.one_of):
        raise _Unlike
    return values


def _missing(group: Alike, field: Field) -> list[None]:
    if field.required:
        raise _Unlike
    return [None] * len(group.lines)


def _string(group: Alike, field: Field, span: Span) -> Texts:
    if span.kind != "string":
        raise _Unlike
    if field.max_length is not None and (span.ends - span.begins).max() > field.max_length:
        raise _Unlike
    return Texts(group.text.pieces(span.begins, span.ends))


def _uuid(group: Alike, field: Field, span: Span) -> Texts:
    values = _string(group, field, span)
    # In capitals, or without dashes, it would be stored in another form.
    if not _UUIDS.fullmatch(b"\n".join([*values.utf8, b""])):
        raise _Unlike
    return values


def _integer(_group: Alike, field: Field, span: Span) -> Ints:
    read = span.numbers
    # As a whole number -0 is 0, and 1.0 is 1: the decoder says whether they are taken.
    if read is None or read.places.any() or (read.is_zero & read.negative).any():
        raise _Unlike
    low, high = field.minimum, field.maximum
    if (low is not None and read.digits.min() < int(low)) or (
        high is not None and read.digits.max() > int(high)
    ):
        raise _Unlike
    return read.digits


def _number(group: Alike, field: Field, span: Span) -> npt.NDArray[np.float64]:
    read = span.numbers
    if read is None or (read.is_zero & read.negative).any():  # -0.0 is not 0.0
        raise _Unlike
    values: npt.NDArray[np.float64]
    if read.length.max() <= _EXACT_DIGITS:
        values = read.digits / _FLOAT_POWERS[read.places]
    else:  # the quotient might not be the nearest float
        values = np.array([float(text) for text in group.text.pieces(span.begins, span.ends)])
    low, high = field.minimum, field.maximum
    if (low is not None and values.min() < float(low)) or (
        high is not None and values.max() > float(high)
    ):
        raise _Unlike
    return values


def _decimal(group: Alike, field: Field, span: Span) -> Ints:
    read: Numbers | None = span.numbers
    if span.kind == "string":
        read = numbers(group.text, span.begins, span.ends)
        if not read.fit.all():
            raise _Unlike
    scale = field.scale or 0
    if read is None or read.places.max() > scale:
        raise _Unlike
    raised = scale - read.places
    if (read.length + raised).max() > DIGITS_MAX:
        raise _Unlike
    values: Ints = read.digits * POWERS[raised]
    low, high = decimal_bounds(field, scale)
    if int(values.min()) < low or int(values.max()) > high:
        raise _Unlike
    return values


def _boolean(group: Alike, _field: Field, span: Span) -> npt.NDArray[np.bool_]:
    if span.kind != "boolean":
        raise _Unlike
    values: npt.NDArray[np.bool_] = group.text.chars[span.begins] == ord("t")
    return values


def _time(group: Alike, _field: Field, span: Span) -> Ints:
    if span.kind != "string":
        raise _Unlike
    at, fit = instants(group.text, span.begins, span.ends)
    if not fit.all() or at.min() < OLDEST_US or at.max() > NEWEST_US:
        raise _Unlike
    return at


_READERS: dict[FieldType, Any] = {
    FieldType.STRING: _string,
    FieldType.UUID: _uuid,
    FieldType.INTEGER: _integer,
    FieldType.NUMBER: _number,
    FieldType.DECIMAL: _decimal,
    FieldType.BOOLEAN: _boolean,
    FieldType.TIME: _time,
}
