"""The events table, the columns that declared fields add to it, and the projections of metrics.

In the flow: run by the server at start and when a definition is applied; no other room writes DDL.
Guarantee: every step is idempotent, so a crash in the middle is mended by the next start; adding a
column or a projection neither stops ingest nor changes an answer.

One part for each commit: the table has no partitions, because an insert that spans partitions makes
one part in each, and those would not appear together.

A commit is one file: a small part keeps its columns in one archive, so that it costs one fsync and
not a dozen. It has no projections yet: working out each costs a small commit more than all else,
so the first merge does, for many commits at once; until then a question reads those rows.
"""

from __future__ import annotations

from collections.abc import Iterable

from livetally.definitions import Field
from livetally.store.events.columns import codec, default_expression, engine_type
from livetally.store.events.engine import Engine, EngineError
from livetally.store.events.layout import TABLE, Layout
from livetally.store.events.literals import literal
from livetally.store.events.projection import Projection

__all__ = [
    "COLUMNS",
    "SLOT_US",
    "add_column",
    "add_projection",
    "create",
    "definitions",
    "drop_projections",
    "existing_columns",
    "existing_projections",
    "materialise",
    "try_projection",
]

SLOT_US = 900_000_000
"""Width of a projection's time slot, microseconds: every zone's offset since 1972 is a multiple."""

SCHEMA_VERSION = 1

_STILL_COMPUTED = 36
"""The engine's BAD_ARGUMENTS: the projection is part of a change that is not finished."""

COLUMNS: tuple[tuple[str, str], ...] = (
    ("team", "UInt32"),
    ("type", "String"),
    ("occurred_at", "DateTime64(6, 'UTC')"),
    ("subject", "String"),
    ("source", "String"),
    ("id", "String"),
    ("timed", "UInt8"),
    ("received_at", "DateTime64(6, 'UTC')"),
    ("position", "UInt64"),
    ("data", "String"),
    ("attributes", "String"),
)
"""The columns that every insert names, with the types that its block states."""

# Whole numbers only: a quotient in binary floating point is off by one beyond the year 2255. The
# shift makes every time since 1900 positive, because intDiv rounds towards zero.
_SHIFT_SLOTS = 3_000_000
_SLOT = (
    f"toInt32(intDiv(toUnixTimestamp64Micro(occurred_at) + {_SHIFT_SLOTS * SLOT_US}, {SLOT_US})"
    f" - {_SHIFT_SLOTS})"
)

# Parts that were replaced go within half a minute, not within five: what is erased may be in them.
_CLEANING = "cleanup_delay_period = 5, max_cleanup_delay_period = 20"

_COLUMNS = f"""
(
    team         UInt32                      COMMENT 'whose event it is',
    type         LowCardinality(String)      COMMENT 'kind of event',
    occurred_at  DateTime64(6, 'UTC')        CODEC(T64, ZSTD(1)) COMMENT 'when it happened',
    slot         Int32 MATERIALIZED {_SLOT}
                                             CODEC(Delta, ZSTD(1)) COMMENT 'quarter of an hour',
    subject      String                      CODEC(ZSTD(1)) COMMENT 'whom or what it is about',
    source       LowCardinality(String)      COMMENT 'who sent it',
    id           String                      CODEC(ZSTD(1)) COMMENT 'unique for team and source',
    timed        UInt8                       COMMENT '1 if the sender gave the time',
    received_at  DateTime64(6, 'UTC')        CODEC(DoubleDelta, ZSTD(1)) COMMENT 'when it arrived',
    position     UInt64                      CODEC(T64, ZSTD(1)) COMMENT 'its commit',
    data         String                      CODEC(ZSTD(1)) COMMENT 'what was sent, verbatim',
    attributes   String                      CODEC(ZSTD(1)) COMMENT 'CloudEvents extensions, JSON',
    INDEX by_position position TYPE minmax GRANULARITY 1,
    INDEX by_slot slot TYPE minmax GRANULARITY 1
)"""

_KEEPING: tuple[str, ...] = (
    "fsync_after_insert = 1",
    "fsync_part_directory = 1",
    "min_rows_to_fsync_after_merge = 1",
    "materialize_projections_on_insert = 0",
    "materialize_projections_on_merge = 1",
    "deduplicate_merge_projection_mode = 'rebuild'",
    "lightweight_mutation_projection_mode = 'rebuild'",
    _CLEANING,
)
"""What every layout's table is told; a server of its makers' own build knows all of it."""

# A small part is one file. A server's build knows the setting too, but heeds it in a cloud only.
_ARCHIVE = "min_bytes_for_full_part_storage = 10485760"

# Merges that join ten parts of like size rather than five write a row anew less often. Only for the
# build that comes along: an older server does not know the setting.
_MERGING = "merge_selector_base = 10"

# An insert is repeated after seconds, or minutes when a server was away: the last 10,000 are known,
# on a cluster for a week, which the engine takes for one hour if it is not told.
_WINDOW = "non_replicated_deduplication_window = 10000"
_WINDOW_ON_CLUSTER = (
    "replicated_deduplication_window = 10000, replicated_deduplication_window_seconds = 604800"
)

# {shard} and {replica} are macros in the configuration of each server.
_REPLICATED = (
    "ReplicatedMergeTree('/clickhouse/tables/{shard}/livetally/events_local', '{replica}')"
)

# A share of every team for each shard; the same event always goes to the same.
_SHARD = "cityHash64(team, source, id)"


def definitions(layout: Layout) -> list[str]:
    """Return the statements that make the database and the events table, in their order."""
    on_cluster = layout.on_cluster
    engine, kept = "MergeTree", _WINDOW if layout.server else f"{_ARCHIVE}, {_MERGING}"
    if layout.cluster:
        engine, kept = _REPLICATED, _WINDOW_ON_CLUSTER
    made = [
        f"CREATE DATABASE IF NOT EXISTS livetally{on_cluster} ENGINE = Atomic",
        f"CREATE TABLE IF NOT EXISTS {layout.local}{on_cluster}{_COLUMNS}\nENGINE = {engine}"
        "\nORDER BY (team, type, occurred_at, id)\nSETTINGS "
        + ",\n         ".join((*_KEEPING, kept)),
    ]
    if layout.cluster:
        database, _, table = layout.local.partition(".")
        made.append(
            f"CREATE TABLE IF NOT EXISTS {TABLE}{on_cluster} AS {layout.local}\nENGINE ="
            f" Distributed({literal(layout.cluster)}, {database}, {table}, {_SHARD})"
        )
    return made


def create(engine: Engine) -> None:
    """Create the database and the events table unless they exist; bring an old one up to date."""
    layout = engine.layout
    for definition in definitions(layout):
        engine.execute(definition)
    rows = engine.read(f"SELECT create_table_query FROM system.tables WHERE {layout.of_local}")
    made = str(rows[0][0])
    if "cleanup_delay_period" not in made:
        engine.execute(f"{layout.altering} MODIFY SETTING {_CLEANING}")
    if "ZSTD(3)" in made:
        engine.execute(f"{layout.altering} MODIFY COLUMN data CODEC(ZSTD(1))")
    if layout.server and not layout.cluster and "deduplication_window" not in made:
        engine.execute(f"{layout.altering} MODIFY SETTING {_WINDOW}")
    if not layout.server and "merge_selector_base" not in made:
        engine.execute(f"{layout.altering} MODIFY SETTING {_MERGING}")


def existing_columns(engine: Engine) -> set[str]:
    """Return the names of the table's columns; on a cluster, those that both tables have."""
    sql = f"SELECT name FROM system.columns WHERE {engine.layout.of_all} GROUP BY name"
    rows = engine.read(f"{sql} HAVING count() = {len(engine.layout.tables)}")
    return {row[0] for row in rows}


def existing_projections(engine: Engine) -> set[str]:
    """Return the names of the table's projections."""
    sql = f"SELECT name FROM system.projections WHERE {engine.layout.of_local}"
    return {row[0] for row in engine.read(sql)}


def add_column(engine: Engine, field: Field) -> None:
    """Give a declared field its column; old rows answer through the DEFAULT until rewritten."""
    for table in engine.layout.tables:
        engine.execute(
            f"ALTER TABLE {table}{engine.layout.on_cluster}"
            f" ADD COLUMN IF NOT EXISTS `{field.column}` {engine_type(field)}"
            f" DEFAULT {default_expression(field)} CODEC({codec(field)})"
        )


def add_projection(engine: Engine, projection: Projection) -> None:
    """Keep a projection from now on; parts without it are read row by row until rewritten."""
    keys = ", ".join(projection.group)
    chosen = ", ".join((keys, *projection.aggregates))
    engine.execute(
        f"{engine.layout.altering} ADD PROJECTION IF NOT EXISTS {projection.name}"
        f" (SELECT {chosen} GROUP BY {keys})"
    )


def try_projection(engine: Engine, projection: Projection, fields: Iterable[Field]) -> None:
    """Ask for what a projection would keep, of no team's rows; ``fields`` have no columns yet."""
    made = [
        f", CAST({default_expression(field)} AS {engine_type(field)}) AS `{field.column}`"
        for field in fields
    ]
    keys = ", ".join(projection.group)
    chosen = ", ".join((keys, *projection.aggregates))
    engine.read(
        f"SELECT {chosen} FROM (SELECT *, slot{''.join(made)} FROM {TABLE}"
        f" WHERE team = {{v0:UInt32}} AND 0) GROUP BY {keys}",
        {"v0": 0},
    )


def materialise(engine: Engine, columns: Iterable[str], projections: Iterable[str]) -> None:
    """Write columns and projections into the parts that lack them, in the background.

    As one change, so that every old part is rewritten once and not once for each of them.
    """
    wanted = [f"MATERIALIZE COLUMN `{column}`" for column in columns]
    wanted += [f"MATERIALIZE PROJECTION {name}" for name in projections]
    if wanted:
        engine.execute(f"{engine.layout.altering} {', '.join(wanted)} SETTINGS mutations_sync = 0")


def drop_projections(engine: Engine, names: Iterable[str]) -> None:
    """Stop keeping projections that no metric needs any more; old parts lose them later.

    The engine refuses to drop one that it still computes for old parts, after a crash at the start
    too. That one stays for now: it costs room and changes no answer, and the next call drops it.
    """
    for name in names:
        try:
            engine.execute(
                f"{engine.layout.altering} DROP PROJECTION IF EXISTS {name} SETTINGS alter_sync = 0"
            )
        except EngineError as error:
            if error.code != _STILL_COMPUTED:
                raise
