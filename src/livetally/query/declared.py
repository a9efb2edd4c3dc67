"""Everything that one team may ask about: the definitions of all its applications, joined.

In the flow: built by the server whenever a definition changes, read by ``query``, ``live`` and
``api``.
Guarantee: immutable; a question planned with it is answered by it to the end, even when a new
definition is applied meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable

from livetally.definitions import Application, Entity, EventType, Metric, Ratio, nearest
from livetally.errors import UnknownName

__all__ = ["Declared"]


class Declared:
    """The joined definitions of one team."""

    def __init__(self, applications: Iterable[Application] = ()) -> None:
        """Join ``applications``; of one name the last wins."""
        self.applications = tuple(applications)
        self.events: dict[str, EventType] = {}
        self.metrics: dict[str, Metric | Ratio] = {}
        self.entities: dict[str, Entity] = {}
        for application in self.applications:
            self.entities.update(application.entities)
            self.events.update(application.events)
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
