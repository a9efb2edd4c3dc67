"""Reads ``[dashboard.NAME]``: pages of panels.

In the flow: receives the definition's root ``Table``, the ``Scope``, the statistics and the
entities from ``reading``, hands back dashboards.

Guarantee: a panel that came out of a definition without problems has something to show.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Final

from livetally.calendar import Interval
from livetally.definitions.dashboard import Dashboard, Panel, PanelKind
from livetally.definitions.entity import Entity
from livetally.definitions.metric import Metric, Ratio, Statistics
from livetally.definitions.read_actions import check_state
from livetally.definitions.read_metrics import dimensions
from livetally.definitions.read_where import read_where
from livetally.definitions.scope import Scope
from livetally.definitions.table import Table

__all__ = ["read_dashboards"]

_PANELS_MAX: Final = 50
_METRICS_MAX: Final = 8
_LIMIT_MAX: Final = 1_000
_COLUMNS: Final = 12
_LENGTH: Final = re.compile(r"[1-9][0-9]{0,4} (?:minute|hour|day|week|month|quarter|year)s?")
_DATES: Final = re.compile(r"(\d{4}-\d\d-\d\d)\.\.(\d{4}-\d\d-\d\d)", re.ASCII)


def read_dashboards(
    root: Table,
    application: str,
    scope: Scope,
    statistics: Statistics,
    entities: Mapping[str, Entity],
) -> dict[str, Dashboard]:
    """Read the dashboards by name."""
    dashboards: dict[str, Dashboard] = {}
    for name, table in root.named("dashboard"):
        panels = tuple(
            panel
            for entry in table.elements("panels", _PANELS_MAX)
            if (panel := _panel(entry, scope, statistics, entities))
        )
        if "panels" not in table:
            table.problem("'panels' is missing: what does it show?")
        dashboards[name] = Dashboard(
            name,
            application,
            panels,
            table.text("title"),
            table.text("description"),
            _range(table),
            table.choice("interval", Interval, required=False) or Interval.DAY,
        )
        table.finish()
    return dashboards


def _range(table: Table) -> str:
    """Read which time a dashboard shows at first."""
    text = table.text("range")
    if not text:
        return "30 days"
    dates = _DATES.fullmatch(text)
    if text == "all" or _LENGTH.fullmatch(text) or (dates and _in_order(dates[1], dates[2])):
        return text
    table.problem("must be 'all', a length such as '30 days', or '2026-01-01..2026-07-01'", "range")
    return "30 days"


def _in_order(begin: str, end: str) -> bool:
    """Whether both are dates and the first is earlier."""
    try:
        return date.fromisoformat(begin) < date.fromisoformat(end)
    except ValueError:
        return False


def _panel(
    table: Table, scope: Scope, statistics: Statistics, entities: Mapping[str, Entity]
) -> Panel | None:
    """Read one panel; None when what it shows can't be told."""
    kind = table.choice("kind", PanelKind)
    if kind is PanelKind.ENTITIES:
        panel: Panel | None = _entity_panel(table, scope, entities)
    elif kind is not None:
        panel = _metric_panel(kind, table, scope, statistics)
    else:
        return None
    table.finish()
    return panel


def _entity_panel(table: Table, scope: Scope, entities: Mapping[str, Entity]) -> Panel:
    """Read a panel that lists entities."""
    name = table.text("entity")
    where = read_where(table, of_entity=True)
    if not name:
        table.problem("'entity' is missing: which entities does it list?")
    elif name not in entities:
        scope.problems.unknown((*table.path, "entity"), "entity", name, entities)
    else:
        check_state(where, entities[name].fields, scope)
    return Panel(
        PanelKind.ENTITIES,
        entity=name,
        where=tuple(condition for _, condition in where),
        limit=table.whole("limit", 1, _LIMIT_MAX),
        title=table.text("title"),
        width=table.whole("width", 1, _COLUMNS),
    )


def _metric_panel(kind: PanelKind, table: Table, scope: Scope, statistics: Statistics) -> Panel:
    """Read a panel that shows statistics."""
    names = table.texts("metric", _METRICS_MAX)
    if not names and not table.raw("metric"):
        table.problem("'metric' is missing: what does it show?")
    for name in names:
        if name not in statistics:
            scope.problems.unknown((*table.path, "metric"), "metric", name, statistics)
    events = _events(names, statistics)
    by = dimensions(table, "by", events, scope)
    if kind is PanelKind.TOP and not by and "by" not in table:
        table.problem("'by' is missing: the top of what?")
    where = read_where(table)
    scope.filters(where, events)
    return Panel(
        kind,
        metrics=names,
        by=by,
        where=tuple(condition for _, condition in where),
        interval=table.choice("interval", Interval, required=False),
        limit=table.whole("limit", 1, _LIMIT_MAX),
        title=table.text("title"),
        width=table.whole("width", 1, _COLUMNS),
    )


def _events(names: tuple[str, ...], statistics: Statistics) -> tuple[str, ...]:
    """Return the event types that the statistics count, each once."""
    metrics: list[Metric] = []
    for name in names:
        statistic = statistics.get(name)
        if isinstance(statistic, Ratio):
            parts = (statistics.get(statistic.numerator), statistics.get(statistic.denominator))
            metrics.extend(part for part in parts if isinstance(part, Metric))
        elif statistic is not None:
            metrics.append(statistic)
    return tuple(dict.fromkeys(term.event for metric in metrics for term in metric.terms))
