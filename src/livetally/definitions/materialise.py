"""Works out what the store has to keep so that declared questions are answered fast.

In the flow: receives the applications of all teams from ``server``, hands columns and projections
as plain data to ``store``, which writes the SQL.

Guarantee: the result depends only on what is declared: not on the order of applications, nor on
which team declares it. Every declared field has its column, every metric is in exactly one
projection.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from livetally.definitions.application import Application
from livetally.definitions.fields import Field
from livetally.definitions.metric import Metric

__all__ = ["Materialised", "ProjectionSpec", "materialised", "projection_dimensions"]


class ProjectionSpec(msgspec.Struct, frozen=True):
    """Metrics that can share one projection, because they have the same dimensions.

    Attributes:
        dimensions: ``subject``, ``source`` and column identifiers, sorted. The event type is part
            of every projection's key and not listed.
        metrics: sorted by application and name; teams may declare equal ones.
    """

    dimensions: tuple[str, ...]
    metrics: tuple[Metric, ...]


class Materialised(msgspec.Struct, frozen=True):
    """What the store has to keep.

    Attributes:
        columns: declared fields by column identifier, sorted. Limits such as ``required`` may
            differ between those who share a column and are not the store's business.
        projections: sorted by dimensions.
    """

    columns: dict[str, Field]
    projections: tuple[ProjectionSpec, ...]


def materialised(applications: Iterable[Application]) -> Materialised:
    """Work out the columns and projections of all applications of all teams together."""
    columns: dict[str, Field] = {}
    grouped: dict[tuple[str, ...], list[Metric]] = {}
    for application in applications:
        for event in application.events.values():
            for field in event.fields.values():
                columns.setdefault(field.column, Field(field.name, field.type, scale=field.scale))
        for metric in application.metrics.values():
            grouped.setdefault(projection_dimensions(metric), []).append(metric)
    projections = tuple(
        ProjectionSpec(dimensions, tuple(sorted(metrics, key=_order)))
        for dimensions, metrics in sorted(grouped.items())
    )
    return Materialised(dict(sorted(columns.items())), projections)


def projection_dimensions(metric: Metric) -> tuple[str, ...]:
    """Return the sorted columns and attributes that a metric's dimensions stand for.

    A data field that has different types in the metric's event types stands for a column of each.
    """
    found: set[str] = set()
    for reference in metric.by:
        columns = {
            term.fields[reference].column for term in metric.terms if reference in term.fields
        }
        if columns:
            found |= columns
        elif reference != "type":
            found.add(reference)
    return tuple(sorted(found))


def _order(metric: Metric) -> tuple[str, str]:
    """Return what metrics are sorted by."""
    return metric.application, metric.name
