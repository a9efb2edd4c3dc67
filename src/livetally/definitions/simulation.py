"""What a simulation is: which events it makes, how often, and about what.

In the flow: built by ``read_simulations``, carried to ``simulate``, which draws events from it.

Guarantee: immutable; a step of a simulation that was built can make an event of its type, and its
weights and rates are finite and can be drawn from.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from livetally.definitions.filters import Filter

__all__ = ["Draw", "DrawKind", "Names", "SimulatedEntity", "Simulation", "Step"]


class DrawKind(StrEnum):
    """Where a value comes from; as it is written in a definition."""

    VALUE = "value"  # always the same
    CHOICE = "choice"  # one of several, by weight
    CHANCE = "chance"  # true or false
    INTEGER = "integer"  # whole, each as likely
    UNIFORM = "uniform"
    NORMAL = "normal"
    LOGNORMAL = "lognormal"
    UUID = "uuid"
    NAME = "name"
    SEQUENCE = "sequence"  # 1, 2, 3 in a text
    ONE_OF = "one_of"  # the key of some entity
    LAST = "last"  # what the event's entity was given last


class Names(StrEnum):
    """Which made-up names there are."""

    PERSON = "person"
    FIRST = "first"
    LAST = "last"
    COMPANY = "company"
    CITY = "city"
    PRODUCT = "product"


class Draw(msgspec.Struct, frozen=True):
    """How a value is drawn.

    Attributes:
        kind: where it comes from.
        values: what is chosen from; the one value of ``value``.
        weights: how often each of them is chosen.
        first, second: lowest and highest (``integer``, ``uniform``), mean and deviation
            (``normal``), median and spread (``lognormal``), the share that is true (``chance``).
        minimum, maximum: what is drawn is brought within them.
        decimals: digits after the point; 0 makes whole numbers.
        text: of ``sequence`` its pattern, of ``name`` which names, of ``one_of`` the entity, of
            ``last`` the data field.
        missing: the share of events that have no such value, from 0 to 1.
    """

    kind: DrawKind
    values: tuple[Any, ...] = ()
    weights: tuple[float, ...] = ()
    first: float = 0.0
    second: float = 0.0
    minimum: float | None = None
    maximum: float | None = None
    decimals: int = 2
    text: str = ""
    missing: float = 0.0


class SimulatedEntity(msgspec.Struct, frozen=True):
    """Things that events are about.

    Attributes:
        name: unique in the simulation.
        key: how a new one is named.
        place: where events carry its key: ``subject``, or a path into the data.
        count: how many there are at the beginning, without an event.
        living_max: with more than this, the oldest are forgotten.
    """

    name: str
    key: Draw
    place: str = "subject"
    count: int = 0
    living_max: int = 10_000


class Step(msgspec.Struct, frozen=True):
    """One kind of thing that happens.

    Attributes:
        event: the type of the event.
        weight: how often, compared with the other steps.
        creates: the entity that is new with this event.
        changes: the entity that this event happens to.
        states: of ``changes``, those it may be in; empty for any.
        to: the state that it is in afterwards; "" leaves it.
        ends: whether nothing happens to it afterwards.
        overrides: whether it is done to what people have acted on: then ``where`` finds those.
        where: the state, as the server knows it, of what is overridden.
        subject: what the event is about, if no entity says it.
        data: the values of the event's data by path.
    """

    event: str
    weight: float = 1.0
    creates: str = ""
    changes: str = ""
    states: tuple[str, ...] = ()
    to: str = ""
    ends: bool = False
    overrides: bool = False
    where: tuple[Filter, ...] = ()
    subject: Draw | None = None
    data: dict[str, Draw] = {}


class Simulation(msgspec.Struct, frozen=True):
    """A source of events that look like life.

    Attributes:
        name: unique among the simulations of an application.
        rate: events a second, averaged over a week.
        seed: where the draws begin: the same seed and beginning make the same events.
        tz: the zone of the rhythm.
        source: the events' source.
        hours: how busy each hour of the day is, compared with the others.
        weekdays: how busy each day of the week is, Monday first.
        entities, steps: what happens to what.
        title, description: for people.
    """

    name: str
    rate: float
    seed: int
    tz: str
    source: str
    hours: tuple[float, ...]
    weekdays: tuple[float, ...]
    entities: dict[str, SimulatedEntity]
    steps: tuple[Step, ...]
    title: str = ""
    description: str = ""
