"""What each part of the catalog stands on: the database, the changes, the clock.

In the flow: receives the three from ``open_catalog``, hands them to every part by inheritance, so
that the catalog is one object to its users and one file per noun to its readers.
Guarantee: no part has state of its own.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from livetally.clock import Clock
    from livetally.store.catalog.changes import Changes
    from livetally.store.catalog.database import Database

__all__ = ["SYSTEM", "CatalogPart", "random_bytes"]

SYSTEM = "system"
"""Who did it when no person and no key did."""

random_bytes = os.urandom


class CatalogPart:
    """One part of the catalog. Every method blocks; call it in a thread."""

    def __init__(self, database: Database, changes: Changes, clock: Clock) -> None:
        """Share ``database``, ``changes`` and ``clock`` with the other parts."""
        self._database = database
        self._changes = changes
        self._clock = clock
