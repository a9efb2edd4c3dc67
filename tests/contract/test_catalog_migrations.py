"""How the catalog's tables come to be, on every database.

In the flow: opens catalogs on empty, half made and too new databases.
Guarantee: the migrations make exactly the tables that the program uses, and never go back.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import alembic.op
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, Table, inspect, update

from livetally.errors import StoreFailed
from livetally.store import catalog as catalog_package
from livetally.store.catalog import open_catalog
from livetally.store.catalog.database import open_database
from livetally.store.catalog.migrate import REVISIONS, VERSION_TABLE
from livetally.store.catalog.tables import metadata
from livetally.testing.clock import ManualClock

pytest_plugins = ("tests.contract.catalogs",)


def set_version(url: str, version: str) -> None:
    """Make a database look as if a program of that version had written it."""
    with closing(open_database(url)) as database, database.writing() as connection:
        table = Table(VERSION_TABLE, MetaData(), autoload_with=connection)
        connection.execute(update(table).values(version_num=version))


def tables_of(url: str) -> set[str]:
    """Return the names of all tables in a database."""
    with closing(open_database(url)) as database, database.reading() as connection:
        return set(inspect(connection).get_table_names())


def test_migrations_make_the_tables_in_use(empty_url: str) -> None:
    """After all migrations the database differs in nothing from what the program expects."""
    open_catalog(empty_url, ManualClock()).close()
    with closing(open_database(empty_url)) as database, database.reading() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
        names = {
            index["name"]
            for table in metadata.sorted_tables
            for index in inspect(connection).get_indexes(table.name)
        }
        wanted = {index.name for table in metadata.sorted_tables for index in table.indexes}
        assert names >= wanted


def test_every_table_says_whose_it_is(empty_url: str) -> None:
    """In a database shared with another application, no table's name can collide."""
    open_catalog(empty_url, ManualClock()).close()
    assert {name for name in tables_of(empty_url) if not name.startswith("livetally_")} == set()


def test_known_revisions_are_the_files() -> None:
    """The list that spares importing Alembic names exactly the migrations there are."""
    folder = Path(catalog_package.__file__).parent / "migrations" / "versions"
    files = sorted(path.name.partition("_")[0] for path in folder.glob("0*.py"))
    assert list(REVISIONS) == files


def test_second_opening_changes_nothing(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalog that is up to date is opened without a migration and keeps what it holds."""
    with closing(open_catalog(empty_url, ManualClock())) as first:
        first.create_team("blue")
    monkeypatch.setattr("livetally.store.catalog.migrate._upgrade", pytest.fail)
    with closing(open_catalog(empty_url, ManualClock())) as second:
        assert [team.name for team in second.list_teams()] == ["default", "blue"]


def test_newer_catalog_is_refused(empty_url: str) -> None:
    """A catalog of a newer program is refused with both versions, and left untouched."""
    open_catalog(empty_url, ManualClock()).close()
    set_version(empty_url, "9999")
    with pytest.raises(StoreFailed, match=r"newer Livetally .*'9999'.*'0004'"):
        open_catalog(empty_url, ManualClock())
    set_version(empty_url, REVISIONS[-1])
    open_catalog(empty_url, ManualClock()).close()


def test_processes_that_start_at_once(empty_url: str) -> None:
    """Of several processes on an empty database one makes the tables, and all go on."""

    def start(_: int) -> list[str]:
        with closing(open_catalog(empty_url, ManualClock())) as opened:
            return [team.name for team in opened.list_teams()]

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(start, range(4))) == [["default"]] * 4


def test_migration_that_was_cut_off(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A migration that failed half way is finished at the next start."""
    make_table = alembic.op.create_table

    def fail_at_definitions(name: str, *parts: object, **options: object) -> object:
        if name == "livetally_definitions":
            raise OSError("no space left")
        return make_table(name, *parts, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(alembic.op, "create_table", fail_at_definitions)
        with pytest.raises(OSError, match="no space left"):
            open_catalog(empty_url, ManualClock())
    with closing(open_catalog(empty_url, ManualClock())) as opened:
        assert opened.save_definition("shop", None, "a", by="me") == 1
    assert tables_of(empty_url) == {*metadata.tables, VERSION_TABLE}
