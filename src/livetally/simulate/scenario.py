"""A simulation as a stream of events, in order of time.

In the flow: receives a ``Simulation`` and a beginning, hands events to whoever sends them.
Guarantee: the same simulation, seed, rate and beginning give the same events, ids included; what
people do in between changes only the events that override it.

Events come as a Poisson process whose rate follows the rhythm, by thinning: candidates at the
highest rate, each kept with the share that its instant is busy.
Source: Lewis and Shedler, Simulation of nonhomogeneous Poisson processes by thinning, 1979.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple, TypeAlias

import msgspec

from livetally.calendar import from_us
from livetally.definitions import DrawKind, Simulation, Step, data_path, segments
from livetally.simulate.chance import Chance, Weights
from livetally.simulate.drawing import ABSENT, Drawn, drawing
from livetally.simulate.living import Living
from livetally.simulate.rhythm import Rhythm

__all__ = ["Acted", "Scenario", "Simulated"]

Acted: TypeAlias = Callable[[Step, int], Sequence[str]]
"""Returns the keys of what people have acted on, for a step that overrides, at an instant."""

_US = 1_000_000


class Simulated(NamedTuple):
    """An event, and when it happens: microseconds since 1970 in UTC."""

    occurred_us: int
    event: dict[str, Any]


class _Ready(NamedTuple):
    """A step with its draws made ready: where each value goes, and what draws it."""

    step: Step
    subject: Drawn | None
    data: tuple[tuple[str, tuple[str, ...], Drawn], ...]


class Scenario:
    """One run of a simulation. Iterate it once; not safe for threads."""

    def __init__(
        self,
        simulation: Simulation,
        start_us: int,
        *,
        seed: int | None = None,
        rate: float | None = None,
        acted: Acted | None = None,
    ) -> None:
        """Begin at ``start_us``; ``seed`` and ``rate`` replace the simulation's own."""
        self.simulation = simulation
        self._rate = simulation.rate if rate is None else rate
        self._start_us = start_us
        self._acted = acted or _nobody
        told = (seed if seed is not None else simulation.seed, start_us, self._rate)
        plain = msgspec.structs.replace(simulation, title="", description="")
        self._mark = blake2b(msgspec.json.encode((plain, told)), digest_size=8).hexdigest()
        self._chance = Chance(self._mark)
        self._rhythm = Rhythm(simulation)
        self._living = {
            name: Living(entity.living_max) for name, entity in simulation.entities.items()
        }
        self._keys = {
            name: drawing(entity.key, self._chance, self._living)
            for name, entity in simulation.entities.items()
        }
        self._noted = frozenset(
            draw.text
            for step in simulation.steps
            for draw in step.data.values()
            if draw.kind is DrawKind.LAST
        )
        self._steps = [self._ready(step) for step in simulation.steps]
        self._weights = Weights([step.weight for step in simulation.steps])
        for name, entity in simulation.entities.items():
            for _ in range(entity.count):
                self._living[name].add(self._new_key(name), "")

    def events(self, end_us: int | None = None) -> Iterator[Simulated]:
        """Yield events with times from the beginning to ``end_us`` (exclusive); None never ends."""
        instant = float(self._start_us)
        highest = self._rate * self._rhythm.highest
        number = 0
        while True:
            instant += self._chance.gap_s(highest) * _US
            if end_us is not None and instant >= end_us:
                return
            occurred_us = int(instant)
            if self._chance.share() * self._rhythm.highest >= self._rhythm.factor(occurred_us):
                continue
            event = self._event(occurred_us, number)
            if event is not None:
                number += 1
                yield Simulated(occurred_us, event)

    def _event(self, occurred_us: int, number: int) -> dict[str, Any] | None:
        """Make one event; None when nothing can happen now."""
        ready = self._chosen()
        if ready is None:
            return None
        step, share = ready.step, self._chance.share()
        key = self._key_for(step, share)
        event: dict[str, Any] = {
            "type": step.event,
            "id": f"{self._mark}-{number}",
            "source": self.simulation.source,
            "time": from_us(occurred_us),
        }
        if ready.subject is not None:
            event["subject"] = ready.subject(_nothing)
        data = self._data(ready, key)
        if step.ends:
            self._living[step.changes].end(key)
        if step.overrides and (others := self._acted(step, occurred_us)):
            # Only this event differs by what people did; what follows goes on as without them.
            key = others[int(share * len(others))]
            event["id"] += f"-{blake2b(key.encode(), digest_size=4).hexdigest()}"
        self._place(step, key, event, data)
        if data:
            event["data"] = data
        return event

    def _chosen(self) -> _Ready | None:
        """Draw a step; of those that can happen now, when the one drawn can't."""
        ready = self._steps[self._weights.index(self._chance.share())]
        share = self._chance.share()
        if self._possible(ready.step):
            return ready
        possible = [one for one in self._steps if self._possible(one.step)]
        weights = Weights([one.step.weight for one in possible])
        return possible[weights.index(share)] if weights.total else None

    def _possible(self, step: Step) -> bool:
        return not step.changes or self._living[step.changes].any_in(step.states)

    def _key_for(self, step: Step, share: float) -> str:
        """Return the key of the entity that the event is about; "" when it is about none."""
        if step.creates:
            key = self._new_key(step.creates)
            self._living[step.creates].add(key, step.to)
            return key
        if not step.changes:
            return ""
        living = self._living[step.changes]
        key = living.find(share, step.states) or ""
        if step.to:
            living.move(key, step.to)
        return key

    def _new_key(self, entity: str) -> str:
        return str(self._keys[entity](_nothing))

    def _data(self, ready: _Ready, key: str) -> dict[str, Any]:
        """Draw the values of the data; the entity remembers those that are asked for."""
        entity = ready.step.creates or ready.step.changes
        living = self._living.get(entity)

        def last(name: str) -> Any:
            return living.last(key, name) if living else None

        data: dict[str, Any] = {}
        for name, parts, draw in ready.data:
            value = draw(last)
            if value is not ABSENT:
                _put(data, parts, value)
                if living is not None and name in self._noted:
                    living.note(key, name, value)
        return data

    def _place(self, step: Step, key: str, event: dict[str, Any], data: dict[str, Any]) -> None:
        """Write the entity's key where its events carry it."""
        name = step.creates or step.changes
        if not name:
            return
        path = data_path(self.simulation.entities[name].place)
        if path is None:
            event["subject"] = key
        else:
            _put(data, segments(path), key)

    def _ready(self, step: Step) -> _Ready:
        subject = None
        if step.subject is not None:
            subject = drawing(step.subject, self._chance, self._living)
        data = tuple(
            (name, tuple(name.split(".")), drawing(draw, self._chance, self._living))
            for name, draw in step.data.items()
        )
        return _Ready(step, subject, data)


def _put(data: dict[str, Any], parts: Sequence[str], value: Any) -> None:
    """Put a value at a path, making what is missing on the way."""
    for part in parts[:-1]:
        data = data.setdefault(part, {})
    data[parts[-1]] = value


def _nothing(_name: str) -> None:
    return None


def _nobody(_step: Step, _occurred_us: int) -> Sequence[str]:
    return ()
