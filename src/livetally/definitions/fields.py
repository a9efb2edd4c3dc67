"""What a declared field of an event's data is, and the event type that declares it.

In the flow: built by ``events``, carried to ``ingest`` (which values to accept), ``store`` (which
columns to keep) and ``query`` (how to read a value).

Guarantee: immutable; a field that was built has a valid name and a type, and only the limits that
its type can have.
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from livetally.definitions.paths import column_name

__all__ = ["NUMERIC", "SCALE_DEFAULT", "SCALE_MAX", "EventType", "Field", "FieldType"]

SCALE_DEFAULT: Final = 9
SCALE_MAX: Final = 18


class FieldType(StrEnum):
    """Which JSON values a field takes, and how they are compared."""

    STRING = "string"
    INTEGER = "integer"  # whole, 64 bits
    NUMBER = "number"  # binary floating point: sums are approximate
    DECIMAL = "decimal"  # exact, with a fixed number of decimals: money
    BOOLEAN = "boolean"
    TIME = "time"  # RFC 3339
    UUID = "uuid"


NUMERIC: Final = frozenset({FieldType.INTEGER, FieldType.NUMBER, FieldType.DECIMAL})


class Field(msgspec.Struct, frozen=True):
    """One declared field of an event type's data.

    Attributes:
        name: its path inside ``data``, for example ``carrier`` or ``address.city``.
        type: which values it takes.
        required: whether an event without it is refused.
        scale: decimals kept, 0 to 18; only for ``decimal``, else None.
        one_of: the only values it takes; empty for any. Integers for ``integer``, else texts.
        minimum: smallest value it takes; only for numeric types.
        maximum: largest value it takes; only for numeric types.
        max_length: characters it may have; only for ``string``.
        description: a sentence for people.
    """

    name: str
    type: FieldType
    required: bool = False
    scale: int | None = None
    one_of: tuple[str | int, ...] = ()
    minimum: int | Decimal | None = None
    maximum: int | Decimal | None = None
    max_length: int | None = None
    description: str = ""

    @property
    def type_tag(self) -> str:
        """The type as a column knows it: its name, for decimals with the scale."""
        return f"{self.type.value}{self.scale}" if self.scale is not None else self.type.value

    @property
    def column(self) -> str:
        """The store's column: one for all fields of this path, type and scale, in any team."""
        return column_name(self.name, self.type_tag)


class EventType(msgspec.Struct, frozen=True):
    """One type of event.

    Attributes:
        name: what the events carry as ``type``.
        description: a sentence for people.
        fields: the declared fields of its data by path.
        keep_days: how many days its events are kept after they occurred; None: for ever.
        keep_data_days: how many days what is not declared of them is kept; None: as long as they.
        keep_bytes: how much disk its events may take, the newest of them; None: any.
    """

    name: str
    description: str = ""
    fields: dict[str, Field] = {}
    keep_days: int | None = None
    keep_data_days: int | None = None
    keep_bytes: int | None = None
