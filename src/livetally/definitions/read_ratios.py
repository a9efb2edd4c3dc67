"""Reads the ratios among ``[metric.NAME]``: one metric divided by another.

In the flow: receives their tables and the metrics from ``read_metrics``, hands back ratios.

Guarantee: both metrics of a ratio exist, and its dimensions are dimensions of both.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from livetally.definitions.fields import SCALE_MAX
from livetally.definitions.metric import Metric, Ratio
from livetally.definitions.scope import BY_MAX, Scope
from livetally.definitions.table import Table

__all__ = ["read_ratios"]


def read_ratios(
    tables: Mapping[str, Table],
    application: str,
    names: Collection[str],
    metrics: Mapping[str, Metric],
    scope: Scope,
) -> dict[str, Ratio]:
    """Read the ratios by name.

    Args:
        tables: their tables by name.
        application: the name of the application.
        names: of all metrics and ratios, also of those that have mistakes of their own.
        metrics: the metrics that can be divided.
        scope: the event types.
    """
    unusable = frozenset(names) - set(metrics) - set(tables)
    return {
        name: _ratio(name, application, table, metrics, scope)
        for name, table in tables.items()
        if _has_parts(table, metrics, unusable, tables)
    }


def _has_parts(
    table: Table,
    metrics: Mapping[str, Metric],
    unusable: Collection[str],
    quotients: Collection[str],
) -> bool:
    """Check that a ratio names two metrics; mistakes of their own are not reported again."""
    parts = table.raw("ratio")
    if not isinstance(parts, list) or [type(part) for part in parts] != [str, str]:
        table.problem('must be two names of metrics: ["numerator", "denominator"]', "ratio")
        return False
    for index, part in enumerate(parts):
        if part in quotients:
            table.problem(f"'{part}' is a ratio; only metrics can be divided", "ratio", index)
        elif part not in metrics and part not in unusable:
            path = (*table.path, "ratio", index)
            table.problems.unknown(path, "metric", part, metrics)
    return all(part in metrics for part in parts)


def _ratio(
    name: str, application: str, table: Table, metrics: Mapping[str, Metric], scope: Scope
) -> Ratio:
    """Read one ratio of two metrics that exist."""
    parts: list[str] = table.raw("ratio")
    numerator, denominator = (metrics[part] for part in parts)
    shared = tuple(reference for reference in numerator.by if reference in denominator.by)
    by = shared
    if "by" in table:
        written = table.texts("by", BY_MAX)
        path = (*table.path, "by")
        by = tuple(found for text in written if (found := scope.reference(path, text)))
    for reference in by:
        if reference not in shared:
            table.problem(f"'{reference[:80]}' is not a dimension of both metrics", "by")
    ratio = Ratio(
        name,
        application,
        parts[0],
        parts[1],
        table.text("title"),
        table.text("description"),
        table.text("unit"),
        by,
        table.whole("decimals", 0, SCALE_MAX),
    )
    table.finish()
    return ratio
