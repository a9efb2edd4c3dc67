"""Bringing the catalog's tables to the form that this program knows.

In the flow: receives a database at start, hands it back ready; the steps are in ``migrations``.
Guarantee: a database written by a newer program is left untouched and refused; of several
processes that start at once, one migrates and the others wait; a step that was cut off is
finished at the next start (SQLite and PostgreSQL undo it, MariaDB's steps may be repeated).
"""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import insert, inspect, select, text

from livetally.errors import StoreFailed
from livetally.store.catalog.tables import changes, teams
from livetally.tenancy import DEFAULT_TEAM, DEFAULT_TEAM_NAME

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from livetally.store.catalog.database import Database

__all__ = ["REVISIONS", "VERSION_TABLE", "migrate", "require_known", "upgrade_to"]

REVISIONS = ("0001", "0002", "0003", "0004")
"""Every revision there is, in order; a test compares it with the files. Known without importing
Alembic, which would cost each start a fifth of a second for nothing."""

VERSION_TABLE = "livetally_catalog_version"
_LOCK_NUMBER = 0x6C697665  # any number that nobody else on the server would take
_LOCK_WAIT_S_MAX = 60


def migrate(database: Database, now_us: int) -> None:
    """Make or change the tables as needed; at once when there is nothing to do.

    Args:
        database: where the tables are.
        now_us: when the default team was made, if it is made now.

    Raises:
        StoreFailed: a newer program wrote this database, or it can't be changed.
    """
    with database.reading() as connection:
        if _is_current(connection):
            return
    with _writing_alone(database) as connection:
        if not _is_current(connection):
            _upgrade(connection)
            _write_first_rows(connection, now_us)


def _is_current(connection: Connection) -> bool:
    if not inspect(connection).has_table(VERSION_TABLE):
        return False
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608  # a constant
    if found is not None:
        require_known(found, "The catalog")
    return found == REVISIONS[-1]


def require_known(form: str, what: str) -> None:
    """Go on only with a form of the tables that this program knows.

    Raises:
        StoreFailed: a newer program wrote ``what``.
    """
    if form not in REVISIONS:
        raise StoreFailed(
            f"{what} was written by a newer Livetally (its form is {form!r}, this program"
            f" knows up to {REVISIONS[-1]!r}): install that version, or restore an older backup."
        )


@contextmanager
def _writing_alone(database: Database) -> Iterator[Connection]:
    """Lend a transaction that no other process that migrates can be in at the same time.

    The lock is given back only after the commit: whoever waits for it must find the tables made.
    """
    if database.kind == "mariadb":
        # Changes of tables commit as they go there, so the lock can't belong to the transaction.
        with database.reading() as guard, _named_lock(guard), database.writing() as connection:
            yield connection
        return
    with database.writing() as connection:
        if database.kind == "postgresql":
            lock = text("SELECT pg_advisory_xact_lock(:number)")
            connection.execute(lock, {"number": _LOCK_NUMBER})
        yield connection  # SQLite's transaction keeps others out by itself


@contextmanager
def _named_lock(connection: Connection) -> Iterator[None]:
    name = {"name": f"livetally {connection.engine.url.database}"[:64]}
    got = text("SELECT GET_LOCK(:name, :seconds)")
    if connection.execute(got, {**name, "seconds": _LOCK_WAIT_S_MAX}).scalar() != 1:
        raise StoreFailed("Another process has been changing the catalog's tables for a minute.")
    try:
        yield
    finally:
        connection.execute(text("SELECT RELEASE_LOCK(:name)"), name)


def _upgrade(connection: Connection) -> None:
    upgrade_to(connection, "head")


def upgrade_to(connection: Connection, form: str) -> None:
    """Run the migrations up to ``form``, within the caller's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    folder = str(Path(__file__).parent / "migrations")
    config.set_main_option("script_location", folder.replace("%", "%%"))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = VERSION_TABLE
    command.upgrade(config, form)


def _write_first_rows(connection: Connection, now_us: int) -> None:
    if connection.execute(select(changes.c.id)).first() is None:
        connection.execute(insert(changes), {"id": 1, "counter": 0})
    if connection.execute(select(teams.c.id).where(teams.c.id == DEFAULT_TEAM)).first() is None:
        first = {"id": DEFAULT_TEAM, "name": DEFAULT_TEAM_NAME, "created_us": now_us}
        connection.execute(insert(teams), {**first, "settings": "{}"})
