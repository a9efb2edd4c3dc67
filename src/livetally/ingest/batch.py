"""Decoded events of one team become columns that the writer can store.

In the flow: receives ``Incoming`` items from ``accept``, hands a ``Batch`` to the writer.
Guarantee: every event of a batch is complete (id, times) and its declared fields are of the
declared type; an event that is not is rejected alone, with its index, the field and the reason.
Whatever could fail on an event's own account has been done here: nothing in a batch can stop the
writer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple, Self

import msgspec
import numpy as np

from livetally.definitions import EventType, Field
from livetally.event import Rejection, Within, content_sums, identity_keys, new_ids
from livetally.event.bulk import Ints
from livetally.event.sums import Sums, sums_of_one_type
from livetally.event.texts import SameSize, Texts
from livetally.ingest.fields import FieldReader

__all__ = ["Batch", "Columns", "Kept", "Schema", "listed", "mentions", "prepare"]


class Schema:
    """What a team has declared, compiled for reading: one reader for each event type."""

    def __init__(self, events: Iterable[EventType] = (), *, reject_unknown: bool = False) -> None:
        """Compile the declared ``events``; ``reject_unknown`` refuses all other types."""
        declared = {event.name: event for event in events}
        self.readers = {name: FieldReader(event) for name, event in declared.items()}
        self.columns = {
            field.column: field for event in declared.values() for field in event.fields.values()
        }
        self.reject_unknown = reject_unknown


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """Of a batch what it can be restored from: on another machine, later."""

    team: int
    received_us: int
    types: list[str]
    sources: list[str]
    subjects: list[str]
    attributes: list[str]
    ids: list[bytes]
    data: list[bytes]
    timed: list[bool]
    occurred_us: list[int]
    fields: dict[str, list[Any]]
    declared: dict[str, Field]
    unread: frozenset[str]


class Columns(NamedTuple):
    """What the events of one type say; ``ids`` and times are None where none were given."""

    indexes: list[int]
    types: list[str]
    sources: Sequence[str]
    subjects: Sequence[str]
    ids: Sequence[bytes] | None
    data: Sequence[bytes]
    given_us: Ints | None


class Batch:
    """Columns of one request's events (or of a part of it), all of one team and one length.

    ``occurred_us`` and the columns of ``fields`` are lists, or, where no value is missing, arrays
    or ``Texts``; so may sources and subjects be. ``sums`` are a list or an array.
    ``joined`` is the data of all of them, None until somebody asks.

    ``fields`` holds the values of each declared column in ``declared``. A column in ``unread`` is
    not there although some event that does not declare it may hold such a member: the store is to
    read it from the data, for all events of the commit.
    """

    __slots__ = (
        "attributes",
        "data",
        "declared",
        "fields",
        "ids",
        "indexes",
        "joined",
        "keys",
        "occurred_us",
        "received_us",
        "sources",
        "subjects",
        "sums",
        "team",
        "timed",
        "types",
        "unread",
    )

    def __init__(self, team: int, within: Within, now_us: int) -> None:
        """Spread events into columns; ``now_us`` is the time of arrival."""
        events = within.events
        self.team = team
        self.received_us = now_us
        self.indexes = within.indexes
        self.types = [event.type for event in events]
        self.sources: Sequence[str] = [event.source for event in events]
        self.subjects: Sequence[str] = [event.subject for event in events]
        self.attributes = [event.attributes for event in events]
        self.data: Sequence[bytes] = within.data
        self.joined: bytes | None = within.joined
        self.ids: Sequence[bytes] = _ids([event.id for event in events], now_us)
        given_us = within.given_us
        self.timed = [at is not None for at in given_us]
        self.occurred_us: list[int] | Ints = [now_us if at is None else at for at in given_us]
        self.keys = identity_keys(team, self.sources, self.ids)
        self.sums: list[int] | Sums = content_sums(self.types, given_us, self.subjects, self.data)
        self.fields: dict[str, Any] = {}
        self.declared: dict[str, Field] = {}
        self.unread: frozenset[str] = frozenset()

    @classmethod
    def of_columns(cls, team: int, columns: Columns, now_us: int) -> Self:
        """Return the batch of events of one type that are columns already."""
        batch = cls.__new__(cls)
        count = len(columns.types)
        batch.team = team
        batch.received_us = now_us
        batch.indexes = columns.indexes
        batch.types = columns.types
        batch.sources = columns.sources
        batch.subjects = columns.subjects
        batch.attributes = [""] * count
        batch.data = columns.data
        batch.joined = None
        batch.ids = _ids([None] * count, now_us) if columns.ids is None else columns.ids
        given_us = columns.given_us
        batch.timed = [given_us is not None] * count
        batch.occurred_us = [now_us] * count if given_us is None else given_us
        batch.keys = identity_keys(team, batch.sources, batch.ids)
        batch.sums = sums_of_one_type(columns.types[0], given_us, columns.subjects, columns.data)
        batch.fields = {}
        batch.declared = {}
        batch.unread = frozenset()
        return batch

    @classmethod
    def restored(cls, kept: Kept) -> Self:
        """Return the batch that ``kept`` was made from."""
        batch = cls.__new__(cls)
        for name in Kept.__struct_fields__:
            setattr(batch, name, getattr(kept, name))
        batch.indexes = list(range(len(kept.ids)))
        batch.joined = None
        batch.keys = identity_keys(kept.team, kept.sources, kept.ids)
        given_us = [
            at if timed else None for at, timed in zip(kept.occurred_us, kept.timed, strict=True)
        ]
        batch.sums = content_sums(kept.types, given_us, kept.subjects, kept.data)
        return batch

    def kept(self, places: Sequence[int] | None = None) -> Kept:
        """Return what the batch can be restored from, or only its events at ``places``."""

        def chosen(values: Any) -> list[Any]:
            values = listed(values)
            return values if places is None else [values[place] for place in places]

        return Kept(
            team=self.team,
            received_us=self.received_us,
            types=chosen(self.types),
            sources=chosen(self.sources),
            subjects=chosen(self.subjects),
            attributes=chosen(self.attributes),
            ids=chosen(self.ids),
            data=chosen(self.data),
            timed=chosen(self.timed),
            occurred_us=chosen(self.occurred_us),
            fields={name: chosen(values) for name, values in self.fields.items()},
            declared=self.declared,
            unread=self.unread,
        )

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.ids)

    def may_hold(self, field: Field) -> bool:
        """Tell whether some event's data may have a member at the field's path."""
        if self.joined is None:
            self.joined = b",".join(self.data)
        return mentions(self.joined, field)


def prepare(
    team: int, within: Within, schema: Schema, now_us: int
) -> tuple[Batch, list[Rejection]]:
    """Check declared fields and build the batch of what is storable.

    Args:
        team: whose events these are.
        within: the events, within the limits.
        schema: what the team has declared.
        now_us: time of arrival, microseconds since 1970 UTC.
    """
    places = _places_by_type(within)
    fields, rejected = _read_fields(within, places, schema)
    if rejected:
        refused = {rejection.index for rejection in rejected}
        kept = [i for i, index in enumerate(within.indexes) if index not in refused]
        within = _chosen(within, kept)
        fields = {name: [values[i] for i in kept] for name, values in fields.items()}
    batch = Batch(team, within, now_us)
    batch.unread = _unread(fields, places, within, schema)
    batch.fields = {name: fields[name] for name in fields if name not in batch.unread}
    batch.declared = {name: schema.columns[name] for name in fields}
    return batch, rejected


def listed(column: Any) -> Any:
    """Return a column as a list of Python's own values."""
    if isinstance(column, np.ndarray):
        return column.tolist()
    return list(column) if isinstance(column, (Texts, SameSize)) else column


def mentions(data: bytes, field: Field) -> bool:
    """Tell whether JSON text may have a member at the field's path: a cheap no is certain."""
    if b"\\u00" in data:
        return True
    return all(f'"{part}"'.encode() in data for part in field.name.split("."))


def _ids(given: list[str | None], now_us: int) -> list[bytes]:
    missing = given.count(None)
    if not missing:
        return [event_id.encode() for event_id in given if event_id is not None]
    made = iter(new_ids(now_us, missing))
    return [(next(made) if event_id is None else event_id).encode() for event_id in given]


def _places_by_type(within: Within) -> dict[str, list[int]]:
    kinds = {event.type for event in within.events}
    if len(kinds) == 1:
        return {kinds.pop(): list(range(len(within.events)))}
    places: dict[str, list[int]] = {kind: [] for kind in kinds}
    for place, event in enumerate(within.events):
        places[event.type].append(place)
    return places


def _read_fields(
    within: Within, places: dict[str, list[int]], schema: Schema
) -> tuple[dict[str, list[Any]], list[Rejection]]:
    """Read the declared fields type by type; a column holds None where a type lacks the field."""
    fields: dict[str, list[Any]] = {}
    rejected: list[Rejection] = []
    indexes, count = within.indexes, len(within.events)
    for kind, at in places.items():
        reader = schema.readers.get(kind)
        if reader is None:
            if schema.reject_unknown:
                why = f"no event type '{kind}' is declared"
                rejected += [Rejection(indexes[place], "type", why) for place in at]
            continue
        whole = len(at) == count
        columns, wrong = reader.read(within.data if whole else [within.data[i] for i in at])
        rejected += [Rejection(indexes[at[i]], field, why) for i, field, why in wrong]
        for column, values in columns.items():
            if whole:
                fields[column] = values
            else:
                _scatter(fields.setdefault(column, [None] * count), at, values)
    return fields, rejected


def _scatter(column: list[Any], places: list[int], values: list[Any]) -> None:
    for place, value in zip(places, values, strict=True):
        column[place] = value


def _chosen(within: Within, kept: list[int]) -> Within:
    return within._replace(
        events=[within.events[i] for i in kept],
        indexes=[within.indexes[i] for i in kept],
        data=[within.data[i] for i in kept],
        given_us=[within.given_us[i] for i in kept],
    )


def _unread(
    fields: dict[str, list[Any]], places: dict[str, list[int]], within: Within, schema: Schema
) -> frozenset[str]:
    """Return the columns that hold None for an event which may have such a member undeclared."""
    unread: set[str] = set()
    for kind in places if len(places) > 1 else ():
        reader = schema.readers.get(kind)
        lacking = [name for name in fields if reader is None or name not in reader.columns]
        if not lacking:
            continue
        data = b",".join([e.data for e in within.events if e.type == kind])
        unread.update(name for name in lacking if mentions(data, schema.columns[name]))
    return frozenset(unread)
