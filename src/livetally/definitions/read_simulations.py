"""Reads ``[simulation.NAME]``: events that look like life, for trying and for showing.

In the flow: receives the definition's root ``Table``, the ``Scope`` and the entities from
``reading``, hands back simulations.

Guarantee: every event type, field and entity that a simulation names exists, and every required
field gets a value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from livetally.calendar import find_zone
from livetally.definitions.entity import Entity
from livetally.definitions.paths import data_path
from livetally.definitions.problems import Problems
from livetally.definitions.read_draws import draw_of, fits, is_draw, number
from livetally.definitions.read_rhythm import hours_of, weekdays_of
from livetally.definitions.read_where import read_where
from livetally.definitions.scope import Scope
from livetally.definitions.simulation import (
    Draw,
    DrawKind,
    SimulatedEntity,
    Simulation,
    Step,
)
from livetally.definitions.table import Table
from livetally.errors import BadInput

__all__ = ["read_simulations"]

_STEPS_MAX: Final = 100
_STATES_MAX: Final = 20
_RATE_MAX: Final = 1_000_000.0
_SEED_MAX: Final = 2**63 - 1
_LIVING_MAX: Final = 1_000_000
_UUID: Final = Draw(DrawKind.UUID)


def read_simulations(
    root: Table, scope: Scope, entities: Mapping[str, Entity]
) -> dict[str, Simulation]:
    """Read the simulations by name."""
    simulations: dict[str, Simulation] = {}
    for name, table in root.named("simulation"):
        simulations[name] = _simulation(name, table, scope, entities)
        table.finish()
    return simulations


def _simulation(
    name: str, table: Table, scope: Scope, declared: Mapping[str, Entity]
) -> Simulation:
    entities = {
        each: _entity(each, entry, declared, scope.problems)
        for each, entry in table.named("entity")
    }
    for entity in entities.values():
        _check_draw(entity.key, (*table.path, "entity", entity.name, "key"), entities, scope)
    steps = tuple(
        step
        for entry in table.elements("events", _STEPS_MAX)
        if (step := _step(entry, scope, entities, declared))
    )
    if not table.raw("events"):
        table.problem("'events' is missing: what happens?")
    elif steps and not any(step.weight for step in steps):
        table.problem("one of the weights must be more than zero", "events")
    return Simulation(
        name=name,
        rate=number(table, "rate", 1e-6, _RATE_MAX) or 1.0,
        seed=table.whole("seed", 0, _SEED_MAX) or 0,
        tz=_zone(table),
        source=table.text("source") or f"simulation/{name}",
        hours=hours_of(table),
        weekdays=weekdays_of(table),
        entities=entities,
        steps=steps,
        title=table.text("title"),
        description=table.text("description"),
    )


def _zone(table: Table) -> str:
    name = table.text("tz") or "UTC"
    try:
        find_zone(name)
    except BadInput as error:
        table.problem(error.reason, "tz")
        return "UTC"
    return name


def _entity(
    name: str, table: Table, declared: Mapping[str, Entity], problems: Problems
) -> SimulatedEntity:
    """Read what events are about; one that is declared says itself where its key stands."""
    key = _UUID
    if "key" in table:
        key = draw_of(table.raw("key"), (*table.path, "key"), problems) or _UUID
    entity = SimulatedEntity(
        name,
        key,
        declared[name].key if name in declared else "subject",
        table.whole("count", 0, _LIVING_MAX) or 0,
        table.whole("living_max", 1, _LIVING_MAX) or 10_000,
    )
    table.finish()
    return entity


def _step(
    table: Table,
    scope: Scope,
    entities: Mapping[str, SimulatedEntity],
    declared: Mapping[str, Entity],
) -> Step | None:
    event = table.text("event")
    if not event:
        table.problem("'event' is missing: of which type?")
        return None
    scope.event((*table.path, "event"), event)
    weight = number(table, "weight", 0, 1e9)
    where = tuple(condition for _, condition in read_where(table))
    subject = None
    if "subject" in table:
        subject = draw_of(table.raw("subject"), (*table.path, "subject"), scope.problems)
        _check_draw(subject, (*table.path, "subject"), entities, scope)
    step = Step(
        event=event,
        weight=1.0 if weight is None else weight,
        creates=_named(table, "creates", entities),
        changes=_named(table, "changes", entities),
        states=table.texts("states", _STATES_MAX),
        to=table.text("to"),
        ends=table.flag("ends"),
        overrides=table.flag("overrides"),
        where=where,
        subject=subject,
        data=_data(table, event, scope, entities),
    )
    _check_life(table, step, declared)
    _check_required(table, step, scope, entities)
    table.finish()
    return step


def _named(table: Table, key: str, entities: Mapping[str, SimulatedEntity]) -> str:
    """Read the name of an entity of this simulation."""
    name = table.text(key)
    if name and name not in entities:
        remedy = f"declare it: [{'.'.join(map(str, table.path[:2]))}.entity.{name}]"
        table.problems.unknown((*table.path, key), "entity", name, entities, remedy)
        return ""
    return name


def _check_life(table: Table, step: Step, declared: Mapping[str, Entity]) -> None:
    """Report what does not go together in the life of an entity."""
    if step.creates and step.changes:
        table.problem("one event can't both create and change", "changes")
    if not step.changes:
        for key in ("states", "ends", "overrides"):
            if getattr(step, key):
                table.problem("only says something together with 'changes'", key)
    if step.overrides and step.changes and step.changes not in declared:
        table.problem(f"needs a declared [entity.{step.changes}] to look for", "overrides")
    if step.where and not step.overrides:
        table.problem("only says something together with 'overrides'", "where")


def _data(
    table: Table, event: str, scope: Scope, entities: Mapping[str, SimulatedEntity]
) -> dict[str, Draw]:
    """Read how the values of the data are drawn, each under its path."""
    fields = scope.fields(event)
    data: dict[str, Draw] = {}
    for parts, value in _leaves(table.table("data").given(), table.raw("data"), ()):
        path, name = (*table.path, "data", *parts), ".".join(parts)
        draw = draw_of(value, path, scope.problems)
        _check_draw(draw, path, entities, scope)
        if draw is None:
            continue
        data[name] = draw
        if fields is None:
            continue
        if name not in fields:
            remedy = f"declare it: [event.{event}] data.{name} = ..."
            scope.problems.unknown(path, "field", name, fields, remedy)
        elif not scope.is_doubtful(event, name) and not fits(draw, fields[name]):
            scope.problems.add(path, f"the field '{name}' is of type {fields[name].type.value}")
    return data


def _leaves(
    keys: tuple[str, ...], table: Any, above: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield the path and value of each draw below a table."""
    for key in keys:
        value = table[key]
        if is_draw(value):
            yield (*above, key), value
        else:
            yield from _leaves(tuple(value), value, (*above, key))


def _check_draw(
    draw: Draw | None,
    path: tuple[str | int, ...],
    entities: Mapping[str, SimulatedEntity],
    scope: Scope,
) -> None:
    """Report a draw from an entity that there is none of."""
    if draw is not None and draw.kind is DrawKind.ONE_OF and draw.text not in entities:
        scope.problems.unknown((*path, "one_of"), "entity", draw.text, entities)


def _check_required(
    table: Table, step: Step, scope: Scope, entities: Mapping[str, SimulatedEntity]
) -> None:
    """Report required fields that get no value."""
    entity = entities.get(step.creates or step.changes)
    given = {*step.data, (data_path(entity.place) or "") if entity else ""}
    for name, field in (scope.fields(step.event) or {}).items():
        if field.required and name not in given:
            table.problem(f"[event.{step.event}] requires '{name}'", "data")
        elif field.required and name in step.data and step.data[name].missing:
            table.problem(f"[event.{step.event}] requires '{name}'", "data", name, "missing")
