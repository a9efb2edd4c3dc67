"""Which columns and projections the declared metrics need.

In the flow: receives every team's applications from the server, hands ``Projection`` values to the
store.
Guarantee: a projection is made by the same functions as the question it is to answer.

Metrics with the same dimensions share one projection: a commit writes one more small file for each
projection, so their number decides what a commit costs.
"""

from __future__ import annotations

from collections.abc import Iterable

from livetally.definitions import Application, Entity, Field, Metric
from livetally.errors import UnknownName
from livetally.query.conditions import reference_of
from livetally.query.declared import Declared
from livetally.query.entities import entity_projection
from livetally.query.plan import measure_of
from livetally.store.events import Projection, measure_sql

__all__ = ["declared_fields", "projections"]


def declared_fields(applications: Iterable[Application]) -> dict[str, Field]:
    """Return the declared fields by column name."""
    return {
        field.column: field
        for application in applications
        for event in application.events.values()
        for field in event.fields.values()
    }


def projections(applications: Iterable[Application]) -> set[Projection]:
    """Return one projection for each set of dimensions that some metric declares, and one of none.

    The one without dimensions keeps every metric, because most questions ask for no dimension, and
    then the others hold as many rows as there are groups, up to one for each event.
    """
    wanted: dict[tuple[bool, tuple[str, ...]], set[str]] = {}
    for application in applications:
        declared = Declared([application])
        for metric in application.metrics.values():
            for keys in ((), _keys(metric, declared)):
                parts = wanted.setdefault((True, keys), set())
                parts.update(measure_sql(measure_of(metric)))
        for entity in application.entities.values():
            kept = _of_entity(entity, declared)
            if kept is not None:
                wanted.setdefault((False, kept.keys), set()).update(kept.aggregates)
    return {
        Projection(keys, tuple(sorted(parts)), by_slot) for (by_slot, keys), parts in wanted.items()
    }


def _of_entity(entity: Entity, declared: Declared) -> Projection | None:
    try:
        return entity_projection(entity, declared)
    except UnknownName:
        return None  # a field is a metric of another application: its pages read raw events


def _keys(metric: Metric, declared: Declared) -> tuple[str, ...]:
    """Return the projection's key columns; a dimension that is no column can't be one."""
    references = [reference_of(name, metric, declared) for name in metric.by]
    columns = {reference.sql for reference in references if reference.is_declared}
    return tuple(sorted(columns - {"type"}))
