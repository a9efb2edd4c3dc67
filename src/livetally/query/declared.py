"""Everything that one team may ask about: the definitions of all its applications, joined.

In the flow: built by the server whenever a definition changes, read by ``query``, ``live`` and
``api``.
Guarantee: immutable; a question planned with it is answered by it to the end, even when a new
definition is applied meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable

from livetally.definitions import (
    Application,
    Clash,
    Entity,
    EventType,
    Metric,
    Ratio,
    joined_event,
    nearest,
)
from livetally.errors import UnknownName

__all__ = ["Declared"]


class Declared:
    """The joined definitions of one team.

    Attributes:
        own: the team's applications.
        shared: those that hold for all teams.
        applications: both.
        events: each event type, with the fields of every application that declares it.
        clashes: what of the applications doesn't hold, because it can't beside the rest. They were
            checked against each other, but the shared ones also change without the team.
    """

    def __init__(self, own: Iterable[Application] = (), shared: Iterable[Application] = ()) -> None:
        """Join applications; of one name the last wins, and a team's own before shared ones."""
        self.own = tuple(own)
        self.shared = tuple(shared)
        self.applications = (*self.shared, *self.own)
        clashes: list[Clash] = []
        self.events = _joined(_events(self.shared, clashes), _events(self.own, clashes), clashes)
        self.clashes = tuple(clashes)
        self.metrics: dict[str, Metric | Ratio] = {}
        self.entities: dict[str, Entity] = {}
        for application in self.applications:
            self.entities.update(application.entities)
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


def _events(applications: Iterable[Application], clashes: list[Clash]) -> dict[str, EventType]:
    """Join the event types of applications none of which precedes another; note what clashes."""
    events: dict[str, EventType] = {}
    for application in applications:
        events = _joined(events, application.events, clashes, precedes=False)
    return events


def _joined(
    ones: dict[str, EventType],
    others: dict[str, EventType],
    clashes: list[Clash],
    *,
    precedes: bool = True,
) -> dict[str, EventType]:
    """Join event types by name, those that ``others`` declares too; note what clashes."""
    events = ones | others
    for name in ones.keys() & others.keys():
        events[name], found = joined_event(ones[name], others[name], precedes=precedes)
        clashes += found
    return events
