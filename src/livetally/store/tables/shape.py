"""What a kept table looks like, and which types that means on each database.

In the flow: made by ``sinks`` from a definition, built into tables by ``keeping``.
Guarantee: a value read back equals the value that was written, on all three databases: decimals
keep every digit, instants their microseconds.

| kind | PostgreSQL | MariaDB | SQLite |
| --- | --- | --- | --- |
| text | text | mediumtext, varchar in a key | text |
| integer | bigint | bigint | bigint |
| number | double precision | double | double |
| decimal | numeric | decimal(65, scale) | text, because SQLite knows binary fractions only |
| boolean | boolean | tinyint(1) | boolean |
| time | timestamptz | datetime(6), in UTC | text, RFC 3339 in UTC |
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Double,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeDecorator, TypeEngine

if TYPE_CHECKING:
    from sqlalchemy import Dialect

__all__ = ["HASHED", "ColumnKind", "ColumnShape", "TableShape", "table_of"]

HASHED = "livetally_key"
"""The column that tells rows apart where the columns themselves can't: they may be missing."""

_HASH_CHARS = 32
# MariaDB's keys have up to 3,072 bytes, and a character up to 4.
_MARIADB_KEY_CHARS = 760
_MARIADB_DIGITS = 65


class ColumnKind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    DECIMAL = "decimal"
    BOOLEAN = "boolean"
    TIME = "time"


class ColumnShape(NamedTuple):
    """One column; ``scale`` is for decimals: the most digits after the point."""

    name: str
    kind: ColumnKind
    scale: int = 0


class TableShape(NamedTuple):
    """A table: its columns, and those that tell its rows apart.

    They are its primary key, unless it is ``hashed``: a value of theirs may be missing, which no
    primary key allows, so a digest of them stands for them in a column of its own.
    """

    name: str
    columns: tuple[ColumnShape, ...]
    key: tuple[str, ...]
    hashed: bool = False

    @property
    def primary(self) -> tuple[str, ...]:
        """The names of the primary key's columns."""
        return (HASHED,) if self.hashed else self.key


def table_of(shape: TableShape) -> Table:
    """Return the table for statements; its types adapt to the database."""
    columns: list[Column[Any]] = []
    if shape.hashed:
        columns.append(Column(HASHED, String(_HASH_CHARS), primary_key=True))
    for one in shape.columns:
        keyed = one.name in shape.primary
        kind = _type_of(one, len(shape.key) if keyed else 0)
        columns.append(Column(one.name, kind, primary_key=keyed, autoincrement=False))
    options: dict[str, Any] = {
        "mariadb_engine": "InnoDB",
        "mariadb_charset": "utf8mb4",
        # Two keys that differ in capitals or in a blank at the end are two keys.
        "mariadb_collate": "utf8mb4_nopad_bin",
    }
    return Table(shape.name, MetaData(), *columns, **options)


def _type_of(column: ColumnShape, keys: int) -> TypeEngine[Any]:
    match column.kind:
        case ColumnKind.TEXT:
            return _Words(keys)
        case ColumnKind.INTEGER:
            return BigInteger()
        case ColumnKind.NUMBER:
            return Double()
        case ColumnKind.BOOLEAN:
            return Boolean()
        case ColumnKind.DECIMAL:
            return _Exact(column.scale)
        case ColumnKind.TIME:
            return _Instant()


class _Words(TypeDecorator[str]):
    """Text of any length; in a key of MariaDB as long as a key can be there."""

    impl = Text
    cache_ok = True

    def __init__(self, keys: int) -> None:
        """Tell how many columns the key has that this is one of; 0 for none."""
        super().__init__()
        self.keys = keys

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the type."""
        if dialect.name != "mariadb":
            return Text()
        if not self.keys:
            return mysql.MEDIUMTEXT()
        return mysql.VARCHAR(_MARIADB_KEY_CHARS // self.keys)

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Write; PostgreSQL has no place for the character NUL."""
        if value is not None and dialect.name == "postgresql":
            return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
        return value


class _Exact(TypeDecorator[Decimal]):
    """A decimal with every digit."""

    impl = Numeric
    cache_ok = True

    def __init__(self, scale: int) -> None:
        """Keep up to ``scale`` digits after the point."""
        super().__init__()
        self.scale = scale

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the type."""
        if dialect.name == "sqlite":
            return Text()
        if dialect.name == "mariadb":
            return mysql.DECIMAL(_MARIADB_DIGITS, self.scale)
        return Numeric()

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        """Write."""
        return format(value, "f") if value is not None and dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:
        """Read."""
        return Decimal(value) if value is not None and dialect.name == "sqlite" else value


class _Instant(TypeDecorator[datetime]):
    """A point in time, to the microsecond; in UTC where the database knows no zones."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """Choose the type."""
        if dialect.name == "sqlite":
            return Text()
        if dialect.name == "mariadb":
            return mysql.DATETIME(fsp=6)
        return DateTime(timezone=True)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Write."""
        if value is None:
            return None
        if dialect.name == "sqlite":
            text = value.astimezone(UTC).isoformat(timespec="microseconds")
            return text.replace("+00:00", "Z")
        return value.astimezone(UTC).replace(tzinfo=None) if dialect.name == "mariadb" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Read."""
        if value is None:
            return None
        if dialect.name == "sqlite":
            return datetime.fromisoformat(value)
        found: datetime = value.replace(tzinfo=UTC) if dialect.name == "mariadb" else value
        return found
