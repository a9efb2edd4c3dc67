"""The catalog as one text that any of the three databases can be filled from again.

In the flow: ``backup`` asks for it and puts it back; nobody else reads it.
Guarantee: all rows are of one moment; filling is one transaction, of an empty catalog only. What is
of a moment is left out: sessions, sign-in links and the hits of quotas.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import MetaData, delete, func, insert, inspect, select, text

from livetally.errors import StoreFailed
from livetally.store.catalog.database import Database, open_database
from livetally.store.catalog.migrate import (
    REVISIONS,
    VERSION_TABLE,
    migrate,
    require_known,
    upgrade_to,
)
from livetally.store.catalog.tables import keys, metadata, sessions, signin_tokens, teams

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sqlalchemy import Connection, Table

__all__ = ["CatalogDump", "dump_catalog", "fill_catalog"]

_OF_A_MOMENT = frozenset(
    f"livetally_{name}" for name in ("sessions", "signin_tokens", "quota_windows", "quota_hits")
)
_ROWS_AT_ONCE = 500


class CatalogDump(msgspec.Struct, frozen=True):
    """The form of the tables (the last migration), and their rows by table."""

    form: str
    tables: dict[str, list[dict[str, Any]]]


def dump_catalog(database: Database) -> CatalogDump:
    """Return every row of one moment. Blocks.

    Raises:
        StoreFailed: the database does not answer.
    """
    kept = [table for table in metadata.sorted_tables if table.name not in _OF_A_MOMENT]
    with database.snapshot() as connection:
        rows = {
            table.name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for table in kept
        }
    return CatalogDump(REVISIONS[-1], rows)


def fill_catalog(
    url_or_path: str | Path,
    dump: CatalogDump,
    facts: Mapping[str, str | None],
    now_us: int,
    *,
    keep_keys: bool = False,
) -> None:
    """Make a catalog and fill it; then bring it to the form that this program knows. Blocks.

    Args:
        url_or_path: as ``open_catalog``; the catalog there must be empty.
        dump: what to fill it with.
        facts: facts that are to be other than they were; None takes one away.
        now_us: microseconds since 1970 UTC.
        keep_keys: the catalog may hold keys of the default team, such as a first start makes; they
            stay beside those of the dump.

    Raises:
        StoreFailed: a newer program made the dump, the catalog holds teams or keys already, or the
            database refuses.
    """
    require_known(dump.form, "The backup's catalog")
    database = open_database(url_or_path)
    try:
        _require_empty(database, but_for_keys=keep_keys)
        with database.writing() as connection:
            upgrade_to(connection, dump.form)
        with database.writing() as connection:
            kept = _other_keys(connection, dump) if keep_keys else []
            _fill(connection, {**dump.tables, keys.name: [*dump.tables[keys.name], *kept]})
            _set_facts(connection, facts)
        migrate(database, now_us)
    finally:
        database.close()


def _require_empty(database: Database, *, but_for_keys: bool) -> None:
    with database.reading() as connection:
        if not inspect(connection).has_table(VERSION_TABLE):
            return
        named = connection.execute(select(func.count()).select_from(teams)).scalar() or 0
        made = connection.execute(select(func.count()).select_from(keys)).scalar() or 0
    if named > 1 or (made and not but_for_keys):
        raise StoreFailed("The catalog holds teams or keys already: restore into an empty one.")


def _other_keys(connection: Connection, dump: CatalogDump) -> list[dict[str, Any]]:
    """Return the keys that are there and not in the dump; what hangs on them ends."""
    connection.execute(delete(signin_tokens))
    connection.execute(delete(sessions))
    known = {row["id"] for row in dump.tables[keys.name]}
    rows = connection.execute(select(keys)).mappings()
    return [dict(row) for row in rows if row["id"] not in known]


def _fill(connection: Connection, rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Fill the tables as they are in the dump's own form, which may be older than ours."""
    found = MetaData()
    found.reflect(connection, only=lambda name, _: name in rows)
    for table in reversed(found.sorted_tables):
        connection.execute(delete(table))
    for table in found.sorted_tables:
        wanted = [dict(row) for row in rows[table.name]]
        for start in range(0, len(wanted), _ROWS_AT_ONCE):
            connection.execute(insert(table), wanted[start : start + _ROWS_AT_ONCE])
        _count_on(connection, table)


def _count_on(connection: Connection, table: Table) -> None:
    """Have PostgreSQL number new rows after those that are there; the others do by themselves."""
    if connection.dialect.name != "postgresql" or "id" not in table.c:
        return
    if table.c.id.type.python_type is not int:
        return
    name = {"table": table.name}
    sequence = connection.execute(
        text("SELECT pg_get_serial_sequence(:table, 'id')"), name
    ).scalar()
    if sequence:
        newest = connection.execute(select(func.max(table.c.id))).scalar() or 0
        connection.execute(
            text("SELECT setval(:name, :next, false)"), {"name": sequence, "next": newest + 1}
        )


def _set_facts(connection: Connection, facts: Mapping[str, str | None]) -> None:
    meta = MetaData()
    meta.reflect(connection, only=["livetally_meta"])
    table = meta.tables["livetally_meta"]
    for name, value in facts.items():
        connection.execute(delete(table).where(table.c.name == name))
        if value is not None:
            connection.execute(insert(table), {"name": name, "value": value})
