"""What a declared entity is: something whose state follows from events, and what may be done to it.

In the flow: built by ``read_entities``, carried to ``query``, ``live``, ``api``, ``console`` and
``sinks``.

Guarantee: immutable and complete in itself: every name that it mentions has been checked.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from livetally.definitions.fields import Field
from livetally.definitions.filters import Filter

__all__ = ["Action", "Entity", "EntityField", "EntityFieldKind"]


class EntityFieldKind(StrEnum):
    """How a field of an entity follows from the entity's events."""

    LATEST = "latest"
    FIRST = "first"
    COUNT = "count"
    SUM = "sum"
    MIN = "min"
    MAX = "max"
    METRIC = "metric"


class EntityField(msgspec.Struct, frozen=True):
    """One field of an entity.

    Attributes:
        kind: how it follows from the events.
        of: for ``metric`` the metric's name; for ``count`` an event type, or None for all events of
            the entity; else the canonical reference to the value. ``time`` is when it occurred.
        title: for people.
        unit: for people.
        where: conditions that an event has to meet to be looked at.
        fields: for each event type that declares ``of``: its declared field.
    """

    kind: EntityFieldKind
    of: str | None = None
    title: str = ""
    unit: str = ""
    where: tuple[Filter, ...] = ()
    fields: dict[str, Field] = {}


class Action(msgspec.Struct, frozen=True):
    """What a person or program may do to an entity: it appends an event.

    Attributes:
        event: type of the event.
        data: its data. A text may hold placeholders: ``{name}`` is a parameter of the request,
            ``{entity.name}`` a field of the entity, ``{key}`` its key, ``{caller}`` the key used.
        when: conditions on the entity's fields under which it is allowed.
        undo: name of the action that takes it back.
        title: for people.
        creates: it makes a new one: allowed only while no event has the key.
    """

    event: str
    data: dict[str, Any] = {}
    when: tuple[Filter, ...] = ()
    undo: str | None = None
    title: str = ""
    creates: bool = False


class Entity(msgspec.Struct, frozen=True):
    """Something whose state follows from events.

    Attributes:
        name: what it is asked for by; unique among the entities of a team.
        application: the application that declares it.
        key: canonical reference to what tells one from another: ``subject`` or a data field.
        events: the event types that concern it.
        fields: its fields by name.
        actions: what can be done to it, by name.
        title, description: for people.
        title_field: the field that names one of them to people; "" for the key.
        sort: the field to sort by, with ``-`` in front for largest first; "" for the key.
    """

    name: str
    application: str
    key: str
    events: tuple[str, ...]
    fields: dict[str, EntityField] = {}
    actions: dict[str, Action] = {}
    title: str = ""
    description: str = ""
    title_field: str = ""
    sort: str = ""
