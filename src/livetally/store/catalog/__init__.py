"""Small mutable facts: teams, keys, sessions, definitions, quotas, the audit log.

In the flow: receives changes from api, console and cli, hands facts to every room above.
Guarantee: one behaviour on SQLite, PostgreSQL and MariaDB, held by one contract suite.
"""

from __future__ import annotations

from livetally.store.catalog.catalog import Catalog, open_catalog
from livetally.store.catalog.dump import CatalogDump, fill_catalog
from livetally.store.catalog.key_cache import KeyCache
from livetally.store.catalog.rows import (
    AuditEntry,
    Definition,
    ErasureRecord,
    KeyRecord,
    NewKey,
    SourceEnd,
    SourceState,
    Team,
)

__all__ = [
    "AuditEntry",
    "Catalog",
    "CatalogDump",
    "Definition",
    "ErasureRecord",
    "KeyCache",
    "KeyRecord",
    "NewKey",
    "SourceEnd",
    "SourceState",
    "Team",
    "fill_catalog",
    "open_catalog",
]
