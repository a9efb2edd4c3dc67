"""Decoded events of one team become columns that the writer can store.

In the flow: receives ``Incoming`` items from ``accept``, hands a ``Batch`` to the writer.
Guarantee: every event of a batch is complete (id, times) and its declared fields are of the declared
type; an event that is not is rejected alone, with its index, the field and the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from livetally.definitions import EventType, Field
from livetally.event import Incoming, Rejection, content_sums, identity_keys, new_id
from livetally.ingest.fields import FieldReader

__all__ = ["Batch", "Schema", "prepare"]


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


class Batch:
    """Columns of one request's events (or of a part of it), all of one team and one length."""

    __slots__ = (
        "attributes",
        "columns",
        "data",
        "fields",
        "ids",
        "indexes",
        "keys",
        "occurred_us",
        "received_us",
        "sources",
        "subjects",
        "sums",
        "team",
        "timed",
        "types",
    )

    def __init__(self, team: int, events: Sequence[Incoming], indexes: list[int], now_us: int) -> None:
        """Spread ``events`` into columns; ``now_us`` is the time of arrival."""
        self.team = team
        self.received_us = now_us
        self.indexes = indexes
        self.types = [event.type for event in events]
        self.sources = [event.source for event in events]
        self.subjects = [event.subject for event in events]
        self.ids = [event.id or new_id(now_us) for event in events]
        self.data = [bytes(event.data) for event in events]
        self.attributes = [event.attributes for event in events]
        times = [event.time for event in events]
        given = [None if at is None else round(at.timestamp() * 1e6) for at in times]
        self.timed = [at is not None for at in given]
        self.occurred_us = [now_us if at is None else at for at in given]
        self.keys = identity_keys(team, self.sources, self.ids)
        self.sums = content_sums(self.types, given, self.subjects, self.data)
        self.fields: dict[str, list[Any]] = {}
        self.columns: Mapping[str, Field] = {}

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.ids)


def prepare(
    team: int, events: list[Incoming], indexes: list[int], schema: Schema, now_us: int
) -> tuple[Batch, list[Rejection]]:
    """Check declared fields and build the batch of what is storable.

    Args:
        team: whose events these are.
        events: decoded, within the limits.
        indexes: the index of each in the request.
        schema: what the team has declared.
        now_us: time of arrival, microseconds since 1970 UTC.
    """
    fields, rejected = _read_fields(events, indexes, schema)
    if rejected:
        refused = {rejection.index for rejection in rejected}
        kept = [i for i, index in enumerate(indexes) if index not in refused]
        events = [events[i] for i in kept]
        indexes = [indexes[i] for i in kept]
        fields = {name: [values[i] for i in kept] for name, values in fields.items()}
    batch = Batch(team, events, indexes, now_us)
    batch.fields = fields
    batch.columns = schema.columns
    return batch, rejected


def _read_fields(
    events: list[Incoming], indexes: list[int], schema: Schema
) -> tuple[dict[str, list[Any]], list[Rejection]]:
    """Read the declared fields type by type; a column holds None where a type lacks the field."""
    fields: dict[str, list[Any]] = {}
    rejected: list[Rejection] = []
    by_type: dict[str, list[int]] = {}
    for i, event in enumerate(events):
        by_type.setdefault(event.type, []).append(i)
    for kind, places in by_type.items():
        reader = schema.readers.get(kind)
        if reader is None:
            if schema.reject_unknown:
                rejected += [
                    Rejection(indexes[i], "type", f"no event type '{kind}' is declared") for i in places
                ]
            continue
        columns, wrong = reader.read([events[i].data for i in places])
        rejected += [Rejection(indexes[places[at]], field, why) for at, field, why in wrong]
        for column, values in columns.items():
            _scatter(fields.setdefault(column, [None] * len(events)), places, values)
    return fields, rejected


def _scatter(column: list[Any], places: list[int], values: list[Any]) -> None:
    if len(places) == len(column):
        column[:] = values
        return
    for place, value in zip(places, values, strict=True):
        column[place] = value
