"""On a cluster every statement says so, and the engine takes it for what it is meant to be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from livetally.store.events import Engine, ServerEngine, store_size
from livetally.store.events.erase import (
    Subject,
    count_old,
    count_rows,
    erase_old,
    erase_rows,
    fingerprint_of,
    old_parts,
)
from livetally.store.events.layout import Layout
from livetally.store.events.schema import definitions
from livetally.store.events.size import row_bytes, rows_by_day
from livetally.store.events.snapshot import drop_after, materialise_all
from livetally.store.events.thin import columns_in_every_part, count_with_data, drop_data
from tests.clickhouse_server import CLUSTER
from tests.event_store import EventStore, event_store, opened_engine
from tests.query_model import Told

T0 = 1_767_225_600_000_000  # 2026-01-01T00:00Z
LATER_US = T0 + 86_400_000_000
SHOP = """
application = "shop"
[event.sale]
data.price = { type = "decimal", scale = 2 }
[metric.revenue]
event = "sale"
aggregate = "sum"
value = "price"
"""
BARE = """
application = "shop"
[event.sale]
"""
ON_CLUSTER = f" ON CLUSTER `{CLUSTER}`"
BOUND = re.compile(r"\{\w+:[^}]+\}")
# Of these tables each server knows its own part only.
OF_ONE_SERVER = re.compile(r"system\.(parts|parts_columns|mutations|merges|disks)\b")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Do to a store on a cluster whatever is done to one; return the statements of each kind."""
    statements: dict[str, list[str]] = {"changes": [], "questions": [], "inserts": []}
    execute, query = ServerEngine.execute, ServerEngine._query

    def changing(self: ServerEngine, sql: str, parameters: Any = None) -> None:
        statements["changes"].append(sql)
        execute(self, sql, parameters)

    def asking(self: ServerEngine, sql: str, form: str, parameters: Any) -> bytes:
        statements["questions"].append(sql)
        return query(self, sql, form, parameters)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ServerEngine, "execute", changing)
        patch.setattr(ServerEngine, "_query", asking)
        with event_store(tmp_path_factory.mktemp("events"), SHOP, kind="cluster") as store:
            client = store.engine._asking  # type: ignore[attr-defined]
            insert = client.raw_insert

            def inserting(table: str, *, insert_block: bytes, **rest: Any) -> Any:
                statements["inserts"].append(insert_block.partition(b"\n")[0].decode())
                return insert(table, insert_block=insert_block, **rest)

            patch.setattr(client, "raw_insert", inserting)
            _do_everything(store)
    return statements


def _do_everything(store: EventStore) -> None:
    engine, team = store.engine, next(store.teams)
    people = ["ada", "bob", "cyd", "dan"]
    events = [
        Told("sale", T0 + day * 100_000_000_000, f"s{day}", person, None, {"price": Decimal(day)})
        for day, person in enumerate(people)
    ]
    for event in events:
        store.commit(team, [event])
    assert store.ask(team, "revenue").rows[0].value == 6
    store.merge()
    assert columns_in_every_part(engine)
    size = store_size(engine)
    assert size.parts >= 1
    assert row_bytes(engine) > 0
    assert sum(count for _, count in rows_by_day(engine, team, "sale")) == len(people)
    of = Subject(team, fingerprint_of(team, "bob"), store.position)
    assert count_rows(engine, of) == 1
    erase_rows(engine, of)
    assert count_rows(engine, of) == 0
    assert all(" " in name for name in old_parts(engine))
    assert count_old(engine, team, "sale", T0 + 1) == 1
    erase_old(engine, team, "sale", T0 + 1)
    assert count_with_data(engine, team, "sale", LATER_US * 2) == 2
    drop_data(engine, team, "sale", LATER_US * 2)
    assert count_with_data(engine, team, "sale", LATER_US * 2) == 0
    assert store.ask(team, "revenue").rows[0].value == 5
    drop_after(engine, store.position - 1)
    assert store.ask(team, "revenue").rows[0].value == 2
    materialise_all(engine)
    store.define(BARE)


def test_every_change_is_for_the_whole_cluster(told: Mapping[str, list[str]]) -> None:
    """Of rows, projections and settings where the rows are; of columns in both tables."""
    changes = told["changes"]
    assert all(ON_CLUSTER in sql for sql in changes)
    for change in ("ADD COLUMN", "ADD PROJECTION", "DROP PROJECTION", "DELETE", "UPDATE", "MATERI"):
        named = {sql.split()[2] for sql in changes if sql.startswith("ALTER") and change in sql}
        wanted = {"livetally.events_local"}
        if change == "ADD COLUMN":
            wanted |= {"livetally.events"}
        assert named == wanted, change


def test_the_engine_s_own_tables_are_asked_of_every_server(told: Mapping[str, list[str]]) -> None:
    """Parts, merges, changes and disks; what is a question names the table of all shards."""
    seen = set()
    for sql in told["questions"]:
        for found in OF_ONE_SERVER.finditer(sql):
            seen.add(found[1])
            assert sql[: found.start()].endswith(f"clusterAllReplicas('{CLUSTER}', "), sql
        assert "livetally.events_local" not in sql
    assert seen == {"parts", "parts_columns", "mutations", "merges", "disks"}


def test_an_insert_waits_for_a_quorum(told: Mapping[str, list[str]]) -> None:
    """And has a token, given or not."""
    assert told["inserts"]
    for sql in told["inserts"]:
        assert sql.startswith("INSERT INTO livetally.events (")
        assert "insert_quorum = 'auto'" in sql
        assert re.search(r"insert_deduplication_token = '[0-9a-f]{32}'", sql)


def test_the_engine_parses_every_statement(told: Mapping[str, list[str]], tmp_path: Path) -> None:
    """As they are sent to a cluster, which the suite's server has none of."""
    with opened_engine(tmp_path) as engine:
        kinds = {kind_of(engine, sql) for sql in told["changes"]}
        assert kinds == {"AlterQuery", "CreateQuery", "OptimizeQuery"}
        assert {kind_of(engine, sql) for sql in told["questions"]} == {"SelectWithUnionQuery"}
        assert {kind_of(engine, sql) for sql in told["inserts"]} == {"InsertQuery"}


def kind_of(engine: Engine, sql: str) -> str:
    """Return what the engine has parsed a statement as; names stand for bound values."""
    parsed = engine.read_bytes(f"EXPLAIN AST {BOUND.sub('bound', sql)}", "TSVRaw")
    return parsed.split()[0].decode()


def test_a_cluster_s_tables_are_made_as_meant() -> None:
    """The rows are replicated with the servers' macros; the whole is divided by identity."""
    database, rows, whole = definitions(Layout(server=True, cluster="it`s"))
    assert "ON CLUSTER `it\\`s`" in database
    assert "ReplicatedMergeTree('/clickhouse/tables/{shard}/livetally/events_local'" in rows
    assert "replicated_deduplication_window = 10000" in rows
    assert whole.endswith(
        "Distributed('it`s', livetally, events_local, cityHash64(team, source, id))"
    )


def test_only_the_embedded_table_has_settings_of_the_embedded_engine() -> None:
    """A server's own build may refuse or ignore what was made for small parts in one file."""
    (_, here), (_, there) = definitions(Layout()), definitions(Layout(server=True))
    assert "min_bytes_for_full_part_storage" in here
    assert "min_bytes_for_full_part_storage" not in there
    assert "non_replicated_deduplication_window = 10000" in there
    assert "deduplication_window" not in here
