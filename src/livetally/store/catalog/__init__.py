"""Small mutable facts: teams, keys, sessions, definitions, quotas, the audit log.

In the flow: receives changes from api, console and cli, hands facts to every room above.
Guarantee: one behaviour on SQLite, PostgreSQL and MariaDB, held by one contract suite.
"""

from __future__ import annotations

from livetally.store.catalog.catalog import Catalog, open_catalog
from livetally.store.catalog.dump import CatalogDump, fill_catalog
from livetally.store.catalog.key_cache import KeyCache
from livetally.store.catalog.rows import (
    AlertChange,
    AlertState,
    AuditEntry,
    Definition,
    ErasureRecord,
    KeyRecord,
    NewKey,
    Notice,
    SourceEnd,
    SourceState,
    Team,
)
from livetally.store.catalog.standing import CatalogStanding, look_at_catalog

__all__ = [
    "AlertChange",
    "AlertState",
    "AuditEntry",
    "Catalog",
    "CatalogDump",
    "CatalogStanding",
    "Definition",
    "ErasureRecord",
    "KeyCache",
    "KeyRecord",
    "NewKey",
    "Notice",
    "SourceEnd",
    "SourceState",
    "Team",
    "fill_catalog",
    "look_at_catalog",
    "open_catalog",
]
