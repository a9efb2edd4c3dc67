"""What a declared dashboard is: a page of panels.

In the flow: built by ``read_dashboards``, carried to ``api`` and ``console``.

Guarantee: immutable; every metric, entity and dimension that it mentions exists.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from livetally.calendar import Interval
from livetally.definitions.filters import Filter

__all__ = ["Dashboard", "Panel", "PanelKind"]


class PanelKind(StrEnum):
    """How a panel shows its answer."""

    NUMBER = "number"
    LINE = "line"
    BAR = "bar"
    TABLE = "table"
    TOP = "top"
    ENTITIES = "entities"


class Panel(msgspec.Struct, frozen=True):
    """One part of a dashboard.

    Attributes:
        kind: how it shows its answer.
        metrics: names of metrics or ratios; empty for ``entities``.
        entity: name of the entity for ``entities``, else None.
        by: dimensions to split by.
        where: conditions, on events or, for ``entities``, on the entity's fields.
        interval: length of a bucket; None for the dashboard's.
        limit: rows or series to show; None leaves it to the console.
        title: for people.
        width: columns of twelve; None leaves it to the console.
    """

    kind: PanelKind
    metrics: tuple[str, ...] = ()
    entity: str | None = None
    by: tuple[str, ...] = ()
    where: tuple[Filter, ...] = ()
    interval: Interval | None = None
    limit: int | None = None
    title: str = ""
    width: int | None = None


class Dashboard(msgspec.Struct, frozen=True):
    """A page of panels.

    Attributes:
        name: unique among the dashboards of a team.
        application: the application that declares it.
        panels: in reading order.
        title, description: for people.
        range: ``all``, a length that ends now such as ``30 days``, or ``FROM..TO`` in dates, where
            ``TO`` is exclusive.
        interval: length of a bucket.
    """

    name: str
    application: str
    panels: tuple[Panel, ...]
    title: str = ""
    description: str = ""
    range: str = "30 days"
    interval: Interval = Interval.DAY
