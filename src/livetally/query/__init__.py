"""A question about a metric: read, planned, asked, answered."""

from __future__ import annotations

from livetally.query.answer import ROWS_MAX, Answer, AnswerRow, empty_value
from livetally.query.declared import Declared
from livetally.query.extents import Extents
from livetally.query.limits import QueryLimits, is_too_large
from livetally.query.plan import Window
from livetally.query.projections import declared_fields, projections
from livetally.query.run import Runner
from livetally.query.spec import MetricQuery, parse_query
from livetally.query.verify import Difference, Progress, Skipped, verify

__all__ = [
    "ROWS_MAX",
    "Answer",
    "AnswerRow",
    "Declared",
    "Difference",
    "Extents",
    "MetricQuery",
    "Progress",
    "QueryLimits",
    "Runner",
    "Skipped",
    "Window",
    "declared_fields",
    "empty_value",
    "is_too_large",
    "parse_query",
    "projections",
    "verify",
]
