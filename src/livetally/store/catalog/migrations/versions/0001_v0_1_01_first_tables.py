"""Make the first tables: teams, keys, sign-in, definitions, facts, changes, audit, quota.

In the flow: run by ``migrate`` on an empty database.
Guarantee: may be run again after it was cut off half way.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import MEDIUMTEXT

revision = "0001"
down_revision = None

# MariaDB's plain TEXT ends at 64 kB; the others have no such bound.
_LONG_TEXT = sa.Text().with_variant(MEDIUMTEXT, "mariadb")
_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_BY_CODE_POINT = {
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
}


def upgrade() -> None:
    """Make the tables."""
    _make_teams_and_keys()
    _make_sign_in()
    _make_definitions_and_facts()
    _make_audit_and_quota()


def _table(name: str, *parts: sa.Column[object] | sa.Constraint) -> None:
    op.create_table(f"livetally_{name}", *parts, if_not_exists=True, **_BY_CODE_POINT)


def _index(table: str, *columns: str) -> None:
    name = f"ix_livetally_{table}_{'_'.join(columns)}"
    op.create_index(name, f"livetally_{table}", list(columns), if_not_exists=True)


def _make_teams_and_keys() -> None:
    _table(
        "teams",
        sa.Column("id", sa.Integer, sa.Identity(start=2)),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("settings", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_livetally_teams"),
        sa.UniqueConstraint("name", name="uq_livetally_teams_name"),
    )
    _table(
        "keys",
        sa.Column("id", sa.String(10), nullable=False),
        sa.Column("team_id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("scopes", sa.String(64), nullable=False),
        sa.Column("operator", sa.Boolean, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("expires_us", sa.BigInteger),
        sa.Column("revoked_us", sa.BigInteger),
        sa.Column("last_used_us", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_livetally_keys"),
        sa.ForeignKeyConstraint(
            ["team_id"], ["livetally_teams.id"], name="fk_livetally_keys_team_id"
        ),
    )
    _index("keys", "team_id")


def _make_sign_in() -> None:
    _table(
        "sessions",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("key_id", sa.String(10), nullable=False),
        sa.Column("team_id", sa.Integer, nullable=False),
        sa.Column("created_us", sa.BigInteger, nullable=False),
        sa.Column("expires_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_livetally_sessions"),
        sa.ForeignKeyConstraint(
            ["key_id"], ["livetally_keys.id"], name="fk_livetally_sessions_key_id"
        ),
        sa.ForeignKeyConstraint(
            ["team_id"], ["livetally_teams.id"], name="fk_livetally_sessions_team_id"
        ),
    )
    _index("sessions", "key_id")
    _index("sessions", "team_id")
    _index("sessions", "expires_us")
    _table(
        "signin_tokens",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("key_id", sa.String(10), nullable=False),
        sa.Column("expires_us", sa.BigInteger, nullable=False),
        sa.Column("used_us", sa.BigInteger),
        sa.PrimaryKeyConstraint("hash", name="pk_livetally_signin_tokens"),
        sa.ForeignKeyConstraint(
            ["key_id"], ["livetally_keys.id"], name="fk_livetally_signin_tokens_key_id"
        ),
    )
    _index("signin_tokens", "key_id")
    _index("signin_tokens", "expires_us")


def _make_definitions_and_facts() -> None:
    _table(
        "definitions",
        sa.Column("id", sa.Integer, sa.Identity()),
        sa.Column("application", sa.String(63), nullable=False),
        sa.Column("team_id", sa.Integer, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("text", _LONG_TEXT, nullable=False),
        sa.Column("applied_us", sa.BigInteger, nullable=False),
        sa.Column("applied_by", sa.String(100), nullable=False),
        sa.Column("active", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_livetally_definitions"),
        sa.UniqueConstraint(
            "application",
            "team_id",
            "version",
            name="uq_livetally_definitions_application_team_id_version",
        ),
    )
    _table(
        "meta",
        sa.Column("name", sa.String(190), nullable=False),
        sa.Column("value", _LONG_TEXT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_livetally_meta"),
    )
    _table(
        "changes",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("counter", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_livetally_changes"),
    )


def _make_audit_and_quota() -> None:
    _table(
        "audit",
        sa.Column("id", _ROW_ID, sa.Identity()),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("who", sa.String(100), nullable=False),
        sa.Column("team_id", sa.Integer),
        sa.Column("action", sa.String(63), nullable=False),
        sa.Column("target", sa.String(200), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_livetally_audit"),
    )
    _index("audit", "team_id", "id")
    _table(
        "quota_windows",
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("last_us", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("key_id", name="pk_livetally_quota_windows"),
    )
    _table(
        "quota_hits",
        sa.Column("key_id", sa.String(64), nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("seq", sa.BigInteger, nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("key_id", "at_us", "seq", name="pk_livetally_quota_hits"),
    )
