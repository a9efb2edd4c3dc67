"""How a catalog is, looked at without changing it.

In the flow: asked by ``server.doctor``, which must not migrate what it looks at.
Guarantee: reads only; makes neither a file nor a table.
"""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import inspect, select, text

from livetally.store.catalog.database import open_database
from livetally.store.catalog.migrate import REVISIONS, VERSION_TABLE, require_known
from livetally.store.catalog.tables import keys

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SQLITE_VERSION", "CatalogStanding", "look_at_catalog"]

SQLITE_VERSION = sqlite3.sqlite_version
"""Which SQLite a catalog in a file is kept by."""


class CatalogStanding(NamedTuple):
    """The form of its tables ("" for none), whether it is ours, and keys that end soon.

    ``ending`` are names and the instants (microseconds) of keys that end before the asked one.
    """

    form: str
    current: bool
    ending: list[tuple[str, int]]


def look_at_catalog(url_or_path: str | Path, before_us: int) -> CatalogStanding:
    """Return how a catalog is. Blocks.

    Args:
        url_or_path: as ``open_catalog``; an SQLite file must exist.
        before_us: keys that end before this instant are told of, microseconds since 1970 UTC.

    Raises:
        StoreFailed: it can't be reached, or a newer program wrote it.
    """
    database = open_database(url_or_path)
    try:
        with database.reading() as connection:
            if not inspect(connection).has_table(VERSION_TABLE):
                return CatalogStanding("", False, [])
            version = text(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608 - a constant
            form = str(connection.execute(version).scalar() or "")
            require_known(form, "The catalog")
            ending = (
                select(keys.c.name, keys.c.expires_us)
                .where(keys.c.revoked_us.is_(None), keys.c.expires_us < before_us)
                .order_by(keys.c.expires_us)
            )
            found = [(str(name), int(at)) for name, at in connection.execute(ending)]
            return CatalogStanding(form, form == REVISIONS[-1], found)
    finally:
        database.close()
