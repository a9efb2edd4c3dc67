"""Small mutable facts: teams, keys, sessions, definitions, quotas, the audit log.

In the flow: receives changes from api, console and cli, hands facts to every room above.
Guarantee: one behaviour on SQLite, PostgreSQL and MariaDB, held by one contract suite.
"""

from __future__ import annotations

from livetally.store.catalog.catalog import Catalog, open_catalog
from livetally.store.catalog.definitions import DefinitionsMoved
from livetally.store.catalog.dump import CatalogDump, fill_catalog
from livetally.store.catalog.key_cache import KeyCache
from livetally.store.catalog.rows import (
    AlertChange,
    AlertEnd,
    AlertMessage,
    AlertState,
    AuditEntry,
    Definition,
    ErasureRecord,
    KeyRecord,
    NewKey,
    SourceEnd,
    SourceState,
    Team,
)
from livetally.store.catalog.standing import SQLITE_VERSION, CatalogStanding, look_at_catalog

__all__ = [
    "SQLITE_VERSION",
    "AlertChange",
    "AlertEnd",
    "AlertMessage",
    "AlertState",
    "AuditEntry",
    "Catalog",
    "CatalogDump",
    "CatalogStanding",
    "Definition",
    "DefinitionsMoved",
    "ErasureRecord",
    "KeyCache",
    "KeyRecord",
    "NewKey",
    "SourceEnd",
    "SourceState",
    "Team",
    "fill_catalog",
    "look_at_catalog",
    "open_catalog",
]
