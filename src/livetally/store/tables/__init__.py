"""Tables in other people's databases, kept by sinks: their shape, their rows, who keeps them."""

from __future__ import annotations

from livetally.store.tables.keeping import KeptTable, Owner, Turn
from livetally.store.tables.rows import Row
from livetally.store.tables.shape import ColumnKind, ColumnShape, TableShape

__all__ = ["ColumnKind", "ColumnShape", "KeptTable", "Owner", "Row", "TableShape", "Turn"]
