"""The catalog's tables as they are after the last migration.

In the flow: read by every module of the catalog to build its statements; the tables themselves are
made by ``migrations``.
Guarantee: equal to what the migrations make, on all three databases; a contract test compares.

Every table's name starts with ``livetally_``, because on PostgreSQL and MariaDB the database may be
shared with an application that has ``teams`` of its own. Instants are microseconds since
1970-01-01T00:00Z. Texts compare by code point everywhere: MariaDB would otherwise take the ids
``aB`` and ``Ab`` for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.dialects.mysql import MEDIUMTEXT

if TYPE_CHECKING:
    from sqlalchemy.schema import SchemaItem

__all__ = [
    "LONG_TEXT_CHARS_MAX",
    "SHARED",
    "alert_changes",
    "alert_messages",
    "alerts",
    "audit",
    "changes",
    "definitions",
    "erasures",
    "keys",
    "meta",
    "metadata",
    "quota_hits",
    "quota_windows",
    "sessions",
    "signin_tokens",
    "sources",
    "teams",
]

LONG_TEXT_CHARS_MAX = 1_000_000
"""Of a definition or a stored fact; also in MariaDB's usual packet of 16 MB."""

SHARED = 0
"""Stands for "all teams" where a team's id is part of a unique key: NULLs are never equal."""

# MariaDB's plain TEXT ends at 64 kB; the others have no such bound.
_LONG_TEXT = Text().with_variant(MEDIUMTEXT, "mariadb")
# SQLite counts rows by itself only in a column that is declared as plain INTEGER.
_ROW_ID = BigInteger().with_variant(Integer, "sqlite")
_BY_CODE_POINT: dict[str, Any] = {
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
}

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _table(name: str, *parts: SchemaItem) -> Table:
    return Table(f"livetally_{name}", metadata, *parts, **_BY_CODE_POINT)


teams = _table(
    "teams",
    # 1 is the default team, written by the migration; a sequence must not hand it out again.
    Column("id", Integer, Identity(start=2), primary_key=True),
    Column("name", String(63), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("settings", Text, nullable=False),
    UniqueConstraint("name"),
)

keys = _table(
    "keys",
    Column("id", String(10), primary_key=True),
    Column("team_id", ForeignKey(teams.c.id), nullable=False, index=True),
    Column("name", String(100), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("scopes", String(64), nullable=False),
    Column("operator", Boolean, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger),
    Column("revoked_us", BigInteger),
    Column("last_used_us", BigInteger),
)

sessions = _table(
    "sessions",
    Column("hash", String(64), primary_key=True),
    Column("kind", String(8), nullable=False),
    Column("key_id", ForeignKey(keys.c.id), nullable=False, index=True),
    # Not always the key's own: an operator may have been acting for another team.
    Column("team_id", ForeignKey(teams.c.id), nullable=False, index=True),
    Column("created_us", BigInteger, nullable=False),
    Column("expires_us", BigInteger, nullable=False, index=True),
)

signin_tokens = _table(
    "signin_tokens",
    Column("hash", String(64), primary_key=True),
    Column("key_id", ForeignKey(keys.c.id), nullable=False, index=True),
    Column("expires_us", BigInteger, nullable=False, index=True),
    Column("used_us", BigInteger),
)

definitions = _table(
    "definitions",
    Column("id", Integer, Identity(), primary_key=True),
    Column("application", String(63), nullable=False),
    Column("team_id", Integer, nullable=False),  # SHARED or a team's id
    Column("version", Integer, nullable=False),
    Column("text", _LONG_TEXT, nullable=False),
    Column("applied_us", BigInteger, nullable=False),
    Column("applied_by", String(100), nullable=False),
    Column("active", Boolean, nullable=False),
    UniqueConstraint("application", "team_id", "version"),
)

meta = _table(
    "meta",
    Column("name", String(190), primary_key=True),
    Column("value", _LONG_TEXT, nullable=False),
)

changes = _table(
    "changes",
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("counter", BigInteger, nullable=False),
)

audit = _table(
    "audit",
    Column("id", _ROW_ID, Identity(), primary_key=True),
    Column("at_us", BigInteger, nullable=False),
    Column("who", String(100), nullable=False),
    Column("team_id", Integer),
    Column("action", String(63), nullable=False),
    Column("target", String(200), nullable=False),
    Column("detail", Text, nullable=False),
    Index(None, "team_id", "id"),
)

quota_windows = _table(
    "quota_windows",
    Column("key_id", String(64), primary_key=True),
    Column("last_seq", BigInteger, nullable=False),
    Column("last_us", BigInteger, nullable=False),
)

quota_hits = _table(
    "quota_hits",
    Column("key_id", String(64), primary_key=True),
    Column("at_us", BigInteger, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
)

sources = _table(
    "sources",
    Column("team_id", Integer, primary_key=True, autoincrement=False),
    Column("name", String(64), primary_key=True),
    Column("running", Boolean, nullable=False),
    Column("wanted", Boolean, nullable=False),  # once, whatever the schedule says
    Column("schedule", Text),  # of a person, instead of the definition's
    Column("next_us", BigInteger, nullable=False),
    Column("known", _LONG_TEXT),
    Column("last_us", BigInteger),
    Column("last_ok_us", BigInteger),
    Column("last_error", Text, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("runs", BigInteger, nullable=False),
    Column("stored", BigInteger, nullable=False),
    Column("duplicates", BigInteger, nullable=False),
    Column("rejected", BigInteger, nullable=False),
    Column("holder", String(100)),  # who fetches now, and until when that holds
    Column("held_until_us", BigInteger),
)

erasures = _table(
    "erasures",
    Column("id", _ROW_ID, Identity(), primary_key=True),
    Column("team_id", Integer, nullable=False),
    Column("fingerprint", String(64), nullable=False),  # never the subject itself
    Column("position", BigInteger, nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("done_us", BigInteger),
)

alerts = _table(
    "alerts",
    Column("team_id", Integer, primary_key=True, autoincrement=False),
    Column("name", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("since_us", BigInteger, nullable=False),
    Column("value", String(100)),
    Column("checked_us", BigInteger),
    Column("next_us", BigInteger, nullable=False),
    Column("last_error", Text, nullable=False),
    Column("holder", String(100)),  # who looks now, and until when that holds
    Column("held_until_us", BigInteger),
)

alert_changes = _table(
    "alert_changes",
    Column("id", _ROW_ID, Identity(), primary_key=True),
    Column("team_id", Integer, nullable=False),
    Column("name", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("value", String(100)),
    Column("at_us", BigInteger, nullable=False, index=True),
    Column("body", Text, nullable=False),
    Index(None, "team_id", "id"),
)

alert_messages = _table(
    "alert_messages",
    Column("id", _ROW_ID, Identity(), primary_key=True),
    Column("change_id", BigInteger, nullable=False, index=True),
    Column("channel", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_us", BigInteger, index=True),  # none: delivered, or given up
    Column("delivered_us", BigInteger),
    Column("last_error", Text, nullable=False),
    Column("holder", String(100)),  # who sends it now, and until when that holds
    Column("held_until_us", BigInteger),
)
