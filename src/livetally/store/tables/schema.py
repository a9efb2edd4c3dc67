"""Makes and changes kept tables, and the one table in which their keepers note how far they are.

In the flow: called by ``keeping`` before the first row is written, and after every failure.
Guarantee: a table that somebody else has filled is never touched; changing a table needs no step
that can't be repeated after a crash.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import BigInteger, Column, MetaData, String, Table, Text, inspect, select
from sqlalchemy.schema import CreateTable

from livetally.errors import StoreFailed
from livetally.store.tables.shape import TableShape, table_of

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["STANDINGS", "bring_to_shape", "make_standings", "written_shape"]

STANDINGS: Final = Table(
    "livetally_sinks",
    MetaData(),
    Column("table_name", String(190), primary_key=True),
    Column("server", String(64), nullable=False),
    Column("sink", String(190), nullable=False),
    Column("epoch", String(64), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("shape", Text, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    mariadb_engine="InnoDB",
    mariadb_charset="utf8mb4",
    mariadb_collate="utf8mb4_bin",
)
"""One row for each kept table: who keeps it, by which definition, and up to which position."""


def make_standings(connection: Connection) -> None:
    """Make the keepers' own table unless it is there."""
    if not inspect(connection).has_table(STANDINGS.name):
        # The keepers of several tables begin at once: whoever comes second finds it made.
        connection.execute(CreateTable(STANDINGS, if_not_exists=True))


def written_shape(shape: TableShape) -> str:
    """Write a shape as a text, to be compared with one that was written before."""
    lines = [f"{one.name} {one.kind} {one.scale}" for one in shape.columns]
    return "\n".join((" ".join(shape.primary), *lines))


def bring_to_shape(connection: Connection, shape: TableShape, before: str | None) -> bool:
    """Make the table, or change it to ``shape``; return whether it has to be filled anew.

    Args:
        connection: inside a transaction; on MariaDB each change is committed at once.
        shape: what it is to be.
        before: the written shape that it was last given; None when it was not made here.

    Raises:
        StoreFailed: there is a table of this name that is not Livetally's, and it holds rows.
    """
    table = table_of(shape)
    inspector = inspect(connection)
    if not inspector.has_table(shape.name):
        table.create(connection)
        return True
    if before is None and connection.execute(select(1).select_from(table).limit(1)).first():
        raise StoreFailed(
            f"There is a table '{shape.name}' already, with rows that Livetally did not write:"
            " give the sink another table, or empty this one."
        )
    there = [column["name"] for column in inspector.get_columns(shape.name)]
    wanted = [column.name for column in table.columns]
    if before == written_shape(shape) and set(wanted) <= set(there):
        return False
    if before is not None and before.split("\n")[0] != " ".join(shape.primary):
        table.drop(connection)
        table.create(connection)
        return True
    _change_columns(connection, shape, there, before or "")
    return True


def _change_columns(
    connection: Connection, shape: TableShape, there: list[str], before: str
) -> None:
    """Add and drop columns; one whose type has changed is dropped and added, then filled anew."""
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    change = Operations(MigrationContext.configure(connection))
    wanted = {one.name: f"{one.kind} {one.scale}" for one in shape.columns}
    present = set(there)
    for line in before.split("\n")[1:]:
        name, kind = line.split(" ", 1)
        if name in present and wanted.get(name) != kind:
            change.drop_column(shape.name, name)
            present.discard(name)
    for column in table_of(shape).columns:
        if column.name not in present:
            change.add_column(shape.name, column)
