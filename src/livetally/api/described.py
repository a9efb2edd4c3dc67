"""Entities and raw events as they are shown, in a page and in a live update alike.

In the flow: receives states and events from ``query`` and ``live``, hands JSON to the routes.
Guarantee: a row is written the same way wherever it is shown; an event's ``data`` is the sender's
own text, to the byte.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from livetally.api.answers import encode_value
from livetally.calendar import find_zone, label
from livetally.definitions import Entity
from livetally.query.entities import EntityState
from livetally.store.events.pages import StoredEvent

__all__ = [
    "EVENT_MEMBERS",
    "described_entity",
    "described_event",
    "encode_entities",
    "encode_events",
    "entity_columns",
]

_UTC = find_zone("UTC")
EVENT_MEMBERS = ("id", "type", "source", "subject", "time", "received", "position", "data")
"""What every event has, in its order; CloudEvents' further attributes only some."""

_ONE_LINE = bytes.maketrans(b"\r\n", b"  ")


def described_entity(state: EntityState) -> dict[str, Any]:
    """Return an entity as it is shown."""
    return {
        "key": state.key,
        "fields": state.fields,
        "events": state.events,
        "first": label(state.first_us, _UTC),
        "last": label(state.last_us, _UTC),
        "version": state.version,
        "actions": list(state.actions),
    }


def entity_columns(entity: Entity) -> list[str]:
    """Return the columns of a table of entities, in the order of ``described_entity``."""
    fields = (f"fields.{name}" for name in entity.fields)
    return ["key", *fields, "events", "first", "last", "version", "actions"]


def described_event(event: StoredEvent) -> dict[str, Any]:
    """Return an event as it is shown."""
    described: dict[str, Any] = {
        "id": event.id,
        "type": event.type,
        "source": event.source,
        "subject": event.subject,
        "time": label(event.at_us, _UTC),
        "received": label(event.received_us, _UTC),
        "position": event.position,
        "data": msgspec.Raw(event.data.encode()),
    }
    if event.attributes:
        described["attributes"] = msgspec.Raw(event.attributes.encode())
    return described


def encode_entities(states: Iterable[EntityState]) -> bytes:
    """Write entities as a JSON array."""
    return encode_value([described_entity(state) for state in states])


def encode_events(events: Iterable[StoredEvent]) -> bytes:
    """Write events as a JSON array on one line: there can be line breaks between their values."""
    text = encode_value([described_event(event) for event in events])
    return text.translate(_ONE_LINE)
