"""What one definition file declares, as a whole.

In the flow: built by ``reading``, carried to every room that answers questions about events.

Guarantee: immutable; it was built from a text without a single mistake.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from livetally.definitions.alert import Alert
from livetally.definitions.dashboard import Dashboard
from livetally.definitions.entity import Entity
from livetally.definitions.fields import EventType
from livetally.definitions.inlet import Answer, Command, Import, Inlet
from livetally.definitions.metric import Metric, Ratio
from livetally.definitions.simulation import Simulation
from livetally.definitions.sink import Sink
from livetally.definitions.source import Source
from livetally.mapping import Lookup

__all__ = ["Application", "UnknownTypes"]


class UnknownTypes(StrEnum):
    """What happens to events of a type that no application of the team declares."""

    STORE = "store"
    REJECT = "reject"


class Application(msgspec.Struct, frozen=True):
    """One definition file.

    Attributes:
        name: unique in a team.
        title, description: for people.
        unknown_types: what happens to events of a type that no application of the team declares.
        events, metrics, ratios, entities, dashboards, inlets, answers, imports, sinks: what it
            declares, by name.
        lookups: the look-up tables of its mappings.
        extra: the tables of other rooms, as plain values: ``source sink alert simulation
            retention``; those of sinks are in ``sinks`` as well, read.
        text: the definition as it was written.
        simulations, sources, alerts: by name; in ``extra`` they are as they were written.
        commands: paths that start, stop or run sources, by name.
    """

    name: str
    title: str = ""
    description: str = ""
    unknown_types: UnknownTypes = UnknownTypes.STORE
    events: dict[str, EventType] = {}
    metrics: dict[str, Metric] = {}
    ratios: dict[str, Ratio] = {}
    entities: dict[str, Entity] = {}
    dashboards: dict[str, Dashboard] = {}
    sinks: dict[str, Sink] = {}
    inlets: dict[str, Inlet] = {}
    answers: dict[str, Answer] = {}
    imports: dict[str, Import] = {}
    lookups: dict[str, Lookup] = {}
    extra: dict[str, Any] = {}
    text: str = ""
    simulations: dict[str, Simulation] = {}
    sources: dict[str, Source] = {}
    commands: dict[str, Command] = {}
    alerts: dict[str, Alert] = {}
