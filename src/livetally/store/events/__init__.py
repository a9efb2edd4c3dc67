"""The event store: rows, the columns and projections of what is declared, and the SQL for both."""

from __future__ import annotations

from livetally.store.events.aggregate import Found, Group, Question, ask
from livetally.store.events.embedded import EmbeddedEngine
from livetally.store.events.engine import Engine, EngineError, EngineUnreachable
from livetally.store.events.expressions import BUILTINS, Condition, Reference
from livetally.store.events.insert import (
    Encoded,
    EventRows,
    encode_rows,
    insert_encoded,
    insert_rows,
)
from livetally.store.events.keep import keep, try_out
from livetally.store.events.measure import Measure, MeasureTerm, measure_sql
from livetally.store.events.projection import Projection
from livetally.store.events.reading import (
    StoredIdentity,
    count_by_position,
    extent,
    last_position,
    read_identities,
    read_stored,
    touched_between,
)
from livetally.store.events.schema import SLOT_US, create, existing_columns
from livetally.store.events.server import ServerEngine
from livetally.store.events.since import Added, added_events, commits_of, slots_of
from livetally.store.events.size import StoreSize, store_size
from livetally.store.events.versions import VersionsOf, newest_of_changed

__all__ = [
    "BUILTINS",
    "SLOT_US",
    "Added",
    "Condition",
    "EmbeddedEngine",
    "Encoded",
    "Engine",
    "EngineError",
    "EngineUnreachable",
    "EventRows",
    "Found",
    "Group",
    "Measure",
    "MeasureTerm",
    "Projection",
    "Question",
    "Reference",
    "ServerEngine",
    "StoreSize",
    "StoredIdentity",
    "VersionsOf",
    "added_events",
    "ask",
    "commits_of",
    "count_by_position",
    "create",
    "encode_rows",
    "existing_columns",
    "extent",
    "insert_encoded",
    "insert_rows",
    "keep",
    "last_position",
    "measure_sql",
    "newest_of_changed",
    "read_identities",
    "read_stored",
    "slots_of",
    "store_size",
    "touched_between",
    "try_out",
]
