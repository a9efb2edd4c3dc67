"""Rows into a kept table: which are new, which differ, and who is told.

In the flow: called by ``keeping`` inside its transaction.
Guarantee: a row is written when it is not there as it should be, and only then; PostgreSQL's
listeners hear of each row that was written, when the transaction is committed and never before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
from sqlalchemy import bindparam, delete, insert, select, text, tuple_, update

from livetally.store.tables.shape import HASHED

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

__all__ = ["Change", "Row", "clear", "insert_rows", "merge_rows", "tell"]

Row = Mapping[str, Any]
"""The values of a row by column."""

_AT_ONCE: Final = 500
# PostgreSQL's bound is 8,000 bytes.
_PAYLOAD_BYTES_MAX: Final = 7_900
_NOTIFY: Final = text("SELECT pg_notify(:channel, :payload)")

_encoder = msgspec.json.Encoder(decimal_format="number")


class Change(NamedTuple):
    """A row that was written: whether it was new, and its values."""

    new: bool
    row: Row


def clear(connection: Connection, table: Table) -> None:
    """Take every row away."""
    connection.execute(delete(table))


def insert_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Write rows that are known not to be there."""
    if rows:
        connection.execute(insert(table), [dict(row) for row in rows])


def merge_rows(connection: Connection, table: Table, rows: Sequence[Row]) -> list[Change]:
    """Bring these rows to what they should be; return those that were not."""
    changes = []
    keys = tuple(column.name for column in table.primary_key.columns)
    for some in _portions(rows):
        there = _present(connection, table, keys, some)
        new = [row for row in some if _key(row, keys) not in there]
        differing = [
            row for row in some if (old := there.get(_key(row, keys))) is not None and old != row
        ]
        insert_rows(connection, table, new)
        if differing:
            _update(connection, table, keys, differing)
        changes += [Change(True, row) for row in new]
        changes += [Change(False, row) for row in differing]
    return changes


def tell(
    connection: Connection, table: Table, channel: str, changes: Sequence[Change], position: int
) -> None:
    """Have PostgreSQL notify its listeners of the changes when the transaction is committed."""
    keys = tuple(column.name for column in table.primary_key.columns)
    payloads = [
        {"channel": channel, "payload": _payload(table.name, one, position, keys)}
        for one in changes
    ]
    if payloads:
        connection.execute(_NOTIFY, payloads)


def _portions(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), _AT_ONCE):
        yield rows[start : start + _AT_ONCE]


def _key(row: Row, keys: Sequence[str]) -> tuple[Any, ...]:
    return tuple(row[name] for name in keys)


def _present(
    connection: Connection, table: Table, keys: Sequence[str], rows: Sequence[Row]
) -> dict[tuple[Any, ...], dict[str, Any]]:
    """Return the rows of these keys that are there, by key."""
    columns = [table.c[name] for name in keys]
    wanted = [_key(row, keys) for row in rows]
    if len(columns) == 1:
        test = columns[0].in_([key[0] for key in wanted])
    else:
        test = tuple_(*columns).in_(wanted)
    found = connection.execute(select(table).where(test)).mappings()
    return {tuple(row[name] for name in keys): dict(row) for row in found}


def _update(connection: Connection, table: Table, keys: Sequence[str], rows: Sequence[Row]) -> None:
    """Write the columns that are no part of the key."""
    values = [column.name for column in table.columns if column.name not in keys]
    statement = (
        update(table)
        .where(*(table.c[name] == bindparam(f"is_{name}") for name in keys))
        .values({name: bindparam(f"to_{name}") for name in values})
    )
    connection.execute(
        statement,
        [
            {f"is_{name}": row[name] for name in keys}
            | {f"to_{name}": row[name] for name in values}
            for row in rows
        ],
    )


def _payload(table: str, change: Change, position: int, keys: Sequence[str]) -> str:
    """Write a change as JSON; only its key when it is longer than a notification may be."""
    head = {"table": str(table), "op": "insert" if change.new else "update", "position": position}
    whole = _encoder.encode({**head, "row": _shown(change.row)})
    if len(whole) > _PAYLOAD_BYTES_MAX:
        key = {str(name): change.row[name] for name in keys}
        whole = _encoder.encode({**head, "key": _shown(key)})
    return whole.decode()


def _shown(row: Row) -> dict[str, Any]:
    return {str(name): _value(value) for name, value in row.items() if name != HASHED}


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Decimal):
        return value.normalize() if value else Decimal(0)
    return value
