"""Everything that one team may ask about: the definitions of all its applications, joined.

In the flow: built by the server whenever a definition changes, read by ``query``, ``live`` and
``api``.
Guarantee: immutable; a question planned with it is answered by it to the end, even when a new
definition is applied meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from livetally.definitions import Application, Entity, EventType, Metric, Ratio, nearest
from livetally.errors import UnknownName

__all__ = ["Declared"]


class Declared:
    """The joined definitions of one team."""

    def __init__(self, applications: Iterable[Application] = ()) -> None:
        """Join ``applications``; of one name the last wins, an event type has the fields of all."""
        self.applications = tuple(applications)
        self.events: dict[str, EventType] = {}
        self.metrics: dict[str, Metric | Ratio] = {}
        self.entities: dict[str, Entity] = {}
        for application in self.applications:
            self.entities.update(application.entities)
            for name, event in application.events.items():
                known = self.events.get(name)
                self.events[name] = event if known is None else _joined(known, event)
            self.metrics.update(application.metrics)
            self.metrics.update(application.ratios)

    @property
    def reject_unknown(self) -> bool:
        """Whether events of an undeclared type are refused."""
        return any(app.unknown_types == "reject" for app in self.applications)

    def metric(self, name: str) -> Metric | Ratio:
        """Return a metric.

        Raises:
            UnknownName: there is none of that name; says which is nearest.
        """
        found = self.metrics.get(name)
        if found is None:
            raise UnknownName("metric", "metric", name, nearest(name, self.metrics))
        return found

    def entity(self, name: str) -> Entity:
        """Return an entity.

        Raises:
            UnknownName: there is none of that name; says which is nearest.
        """
        found = self.entities.get(name)
        if found is None:
            raise UnknownName("entity", "entity", name, nearest(name, self.entities))
        return found


def _joined(one: EventType, other: EventType) -> EventType:
    """Return an event type that two applications declare: what either says of it holds."""
    fields = dict(one.fields)
    for path, field in other.fields.items():
        required = field.required or (path in fields and fields[path].required)
        fields[path] = msgspec.structs.replace(field, required=required)
    return EventType(
        other.name,
        other.description or one.description,
        fields,
        one.keep_days if other.keep_days is None else other.keep_days,
        one.keep_data_days if other.keep_data_days is None else other.keep_data_days,
        one.keep_bytes if other.keep_bytes is None else other.keep_bytes,
    )
