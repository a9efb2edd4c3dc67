"""Make the tables of alerts: what each one is, what changed, who must still be told.

In the flow: run by ``migrate`` after 0002.
Guarantee: may be run again after it was cut off half way.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_BY_CODE_POINT = {
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
}


def upgrade() -> None:
    """Make the tables."""
    _table(
        "alerts",
        sa.Column("team_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("since_us", sa.BigInteger, nullable=False),
        sa.Column("value", sa.String(100)),
        sa.Column("checked_us", sa.BigInteger),
        sa.Column("next_us", sa.BigInteger, nullable=False),
        sa.Column("last_error", sa.Text, nullable=False),
        sa.Column("holder", sa.String(100)),
        sa.Column("held_until_us", sa.BigInteger),
        sa.PrimaryKeyConstraint("team_id", "name", name="pk_livetally_alerts"),
    )
    _table(
        "alert_changes",
        sa.Column("id", _ROW_ID, sa.Identity(), nullable=False),
        sa.Column("team_id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("value", sa.String(100)),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_livetally_alert_changes"),
    )
    _index("alert_changes", "at_us")
    _index("alert_changes", "team_id", "id")
    _table(
        "alert_messages",
        sa.Column("id", _ROW_ID, sa.Identity(), nullable=False),
        sa.Column("change_id", sa.BigInteger, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_us", sa.BigInteger),
        sa.Column("delivered_us", sa.BigInteger),
        sa.Column("last_error", sa.Text, nullable=False),
        sa.Column("holder", sa.String(100)),
        sa.Column("held_until_us", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_livetally_alert_messages"),
    )
    _index("alert_messages", "change_id")
    _index("alert_messages", "next_us")


def _table(name: str, *parts: sa.Column[object] | sa.Constraint) -> None:
    op.create_table(f"livetally_{name}", *parts, if_not_exists=True, **_BY_CODE_POINT)


def _index(table: str, *columns: str) -> None:
    name = f"ix_livetally_{table}_{'_'.join(columns)}"
    op.create_index(name, f"livetally_{table}", list(columns), if_not_exists=True)
