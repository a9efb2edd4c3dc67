"""A catalog on each database there is, empty for every test.

In the flow: a test module names this as a plug-in and asks for ``catalog``; it then runs once on
SQLite, once on PostgreSQL and once on MariaDB.
Guarantee: ``catalog`` and ``other`` share nothing but the database and the clock, like two
processes of one installation.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

import pytest
from sqlalchemy import delete

from livetally.store.catalog import Catalog, open_catalog
from livetally.store.catalog.changes import Changes
from livetally.store.catalog.database import Database, open_database
from livetally.store.catalog.tables import changes as changes_table
from livetally.store.catalog.tables import metadata, teams
from livetally.tenancy import DEFAULT_TEAM
from livetally.testing.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.contract.databases import Server

__all__ = ["KINDS", "catalog", "clock", "empty_url", "other", "url"]

pytest_plugins = ("tests.contract.databases",)

KINDS = ("sqlite", "postgresql", "mariadb")


class _Shared(NamedTuple):
    """One database with all tables, and two ways to it that have no connection in common."""

    url: str
    one: Database
    two: Database


@pytest.fixture(scope="session", params=KINDS)
def _shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[_Shared]:
    """Make the tables once for all tests; statements, too, are compiled once."""
    if request.param == "sqlite":
        url = str(tmp_path_factory.mktemp("catalog") / "catalog.db")
    else:
        server: Server = request.getfixturevalue(f"{request.param}_server")
        url = server.make_database("livetally_contract")
    open_catalog(url, ManualClock()).close()
    with closing(open_database(url)) as one, closing(open_database(url)) as two:
        yield _Shared(url, one, two)


@pytest.fixture
def url(_shared: _Shared) -> str:
    """Return where a catalog is that holds what a new one holds."""
    with _shared.one.writing() as connection:
        for table in reversed(metadata.sorted_tables):
            if table is teams:
                connection.execute(delete(teams).where(teams.c.id != DEFAULT_TEAM))
            elif table is not changes_table:
                connection.execute(delete(table))
    return _shared.url


@pytest.fixture(params=KINDS)
def empty_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return where a database is that has no tables yet."""
    if request.param == "sqlite":
        return str(tmp_path_factory.mktemp("empty") / "catalog.db")
    server: Server = request.getfixturevalue(f"{request.param}_server")
    return server.make_database("livetally_empty")


@pytest.fixture
def clock() -> ManualClock:
    """Return the clock that ``catalog`` and ``other`` go by."""
    return ManualClock()


@pytest.fixture
def catalog(url: str, _shared: _Shared, clock: ManualClock) -> Catalog:
    """Return a catalog that holds the default team and nothing else."""
    return _on(_shared.one, clock)


@pytest.fixture
def other(catalog: Catalog, _shared: _Shared, clock: ManualClock) -> Catalog:
    """Return what another process has open on the same database as ``catalog``."""
    return _on(_shared.two, clock)


def _on(database: Database, clock: ManualClock) -> Catalog:
    changes = Changes(database, clock)
    changes.poll()
    return Catalog(database, changes, clock)
