"""One kept table and how far it is: both move in one transaction, or neither does.

In the flow: driven by ``sinks.keeper``, which says which rows there are.
Guarantee: the position that is noted is the one that the rows are true at, whatever was killed
when; two processes that keep the same table never write at the same time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec
from sqlalchemy import insert, select, update

from livetally.errors import StoreFailed
from livetally.store.catalog.database import Database, open_database
from livetally.store.tables.rows import Change, Row, clear, insert_rows, merge_rows, tell
from livetally.store.tables.schema import (
    STANDINGS,
    bring_to_shape,
    make_standings,
    written_shape,
)
from livetally.store.tables.shape import HASHED, TableShape, table_of

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

__all__ = ["KeptTable", "Owner", "Turn"]

_STATEMENT_S_MAX = 60
_HASH_BYTES = 16
_canonical = msgspec.json.Encoder(order="deterministic", decimal_format="string")


class Owner(NamedTuple):
    """Who keeps a table: the server's store, the sink in it, and what decides its rows."""

    server: str
    sink: str
    epoch: str


class _Standing(NamedTuple):
    server: str
    epoch: str
    position: int
    shape: str


class _Kept(NamedTuple):
    shape: TableShape
    table: Table
    owner: Owner
    channel: str


class KeptTable:
    """A table in another database. For one thread at a time."""

    def __init__(self, place: str | Path, shape: TableShape, owner: Owner, notify: str) -> None:
        """Name the database by URL or path; it is not reached yet.

        Raises:
            SettingInvalid: the URL can't be read, or its driver is not installed.
            StoreFailed: the SQLite file can't be made.
        """
        self._database: Database = open_database(place, "sink", _STATEMENT_S_MAX)
        self._shape = shape
        self._owner = owner
        channel = notify if self._database.kind == "postgresql" else ""
        self._kept = _Kept(shape, table_of(shape), owner, channel)

    @property
    def kind(self) -> str:
        """``sqlite``, ``postgresql`` or ``mariadb``."""
        return self._database.kind

    def prepare(self, *, take: bool = False) -> bool:
        """Make or change the tables; return whether the table has to be filled anew. Blocks.

        Args:
            take: also when another server keeps the table.

        Raises:
            StoreFailed: the database can't be reached or refuses, another server keeps the table,
                or somebody else has filled it.
        """
        with self._database.writing() as connection:
            make_standings(connection)
        with self._database.writing() as connection:
            standing = self._standing(connection, take=take)
            before = standing.shape if standing is not None else None
            return bring_to_shape(connection, self._shape, before)

    @contextmanager
    def turn(self, *, take: bool = False) -> Iterator[Turn]:
        """Lend a transaction in which nobody else writes to the table. Blocks.

        Args:
            take: also when another server keeps the table.

        Raises:
            StoreFailed: nothing of it was kept, and no listener was told.
        """
        with self._database.writing() as connection:
            standing = self._standing(connection, take=take)
            known = standing is not None and standing[:2] == (self._owner.server, self._owner.epoch)
            position = standing.position if standing is not None and known else None
            yield Turn(self._kept, connection, position)

    def _standing(self, connection: Connection, *, take: bool) -> _Standing | None:
        columns = STANDINGS.c
        found = connection.execute(
            select(columns.server, columns.epoch, columns.position, columns.shape)
            .where(columns.table_name == self._shape.name)
            .with_for_update()
        ).first()
        if found is not None and found.server != self._owner.server and not take:
            raise StoreFailed(
                f"Another Livetally server keeps the table '{self._shape.name}':"
                " give the sink another table, or rebuild it to take this one over."
            )
        return None if found is None else _Standing(*found)

    def close(self) -> None:
        """Close the connections."""
        self._database.close()


class Turn:
    """One transaction of a keeper.

    Attributes:
        position: where the table is; None when it has to be filled anew.
    """

    def __init__(self, kept: _Kept, connection: Connection, position: int | None) -> None:
        """Be lent by a ``KeptTable``."""
        self._kept = kept
        self._connection = connection
        self.position = position

    def clear(self) -> None:
        """Take every row away, to fill the table anew."""
        clear(self._connection, self._kept.table)

    def fill(self, rows: Sequence[Row]) -> None:
        """Write rows of a table that was cleared; listeners are not told."""
        insert_rows(self._connection, self._kept.table, self._keyed(rows))

    def merge(self, rows: Sequence[Row], position: int) -> int:
        """Bring rows to what they are; return how many were not, and tell listeners of those."""
        changes = merge_rows(self._connection, self._kept.table, self._keyed(rows))
        self._tell(changes, position)
        return len(changes)

    def append(self, rows: Sequence[Row], position: int) -> int:
        """Write rows that never change; tell listeners of each."""
        self.fill(rows)
        self._tell([Change(True, row) for row in rows], position)
        return len(rows)

    def settle(self, position: int, now_us: int) -> None:
        """Note that the table is true at ``position``."""
        shape, owner = self._kept.shape, self._kept.owner
        row = {**owner._asdict(), "shape": written_shape(shape)}
        row |= {"position": position, "updated_us": now_us}
        # Not taken away and written again: whoever waits for the row's lock would find none.
        mine = STANDINGS.c.table_name == shape.name
        if not self._connection.execute(update(STANDINGS).where(mine).values(row)).rowcount:
            self._connection.execute(insert(STANDINGS), {"table_name": shape.name, **row})

    def _tell(self, changes: Sequence[Change], position: int) -> None:
        kept = self._kept
        if kept.channel:
            tell(self._connection, kept.table, kept.channel, changes, position)

    def _keyed(self, rows: Sequence[Row]) -> Sequence[Row]:
        """Give rows whose columns can't be a primary key the one that stands for them."""
        shape = self._kept.shape
        return [{HASHED: _hash(row, shape), **row} for row in rows] if shape.hashed else rows


def _hash(row: Row, shape: TableShape) -> str:
    key = [row[name] for name in shape.key]
    return blake2b(_canonical.encode(key), digest_size=_HASH_BYTES).hexdigest()
