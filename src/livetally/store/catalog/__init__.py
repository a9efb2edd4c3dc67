"""Small mutable facts: teams, keys, sessions, definitions, quotas, the audit log.

In the flow: receives changes from api, console and cli, hands facts to every room above.
Guarantee: one behaviour on SQLite, PostgreSQL and MariaDB, held by one contract suite.
"""

from __future__ import annotations

from livetally.store.catalog.catalog import Catalog, open_catalog
from livetally.store.catalog.definitions import DefinitionsMoved
from livetally.store.catalog.key_cache import KeyCache
from livetally.store.catalog.rows import (
    AlertChange,
    AlertEnd,
    AlertMessage,
    AlertState,
    AuditEntry,
    Definition,
    KeyRecord,
    NewKey,
    SourceEnd,
    SourceState,
    Team,
)

__all__ = [
    "AlertChange",
    "AlertEnd",
    "AlertMessage",
    "AlertState",
    "AuditEntry",
    "Catalog",
    "Definition",
    "DefinitionsMoved",
    "KeyCache",
    "KeyRecord",
    "NewKey",
    "SourceEnd",
    "SourceState",
    "Team",
    "open_catalog",
]
