"""Sinks: tables in other databases, kept equal to an entity, a metric's buckets or events."""

from __future__ import annotations

from livetally.sinks.keeper import Standing, Store
from livetally.sinks.sinks import Declaration, Sinks

__all__ = ["Declaration", "Sinks", "Standing", "Store"]
