"""Make the tables of erasures, of alerts and of the notices that they send.

In the flow: run by ``migrate`` after 0002.
Guarantee: may be run again after it was cut off half way.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_FORM: dict[str, Any] = {
    "if_not_exists": True,
    "mariadb_engine": "InnoDB",
    "mariadb_charset": "utf8mb4",
    "mariadb_collate": "utf8mb4_bin",
}


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "livetally_erasures",
        sa.Column("id", _ROW_ID, sa.Identity(), nullable=False),
        sa.Column("team_id", sa.Integer, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("done_us", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_livetally_erasures"),
        **_FORM,
    )
    op.create_table(
        "livetally_alerts",
        sa.Column("team_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("since_us", sa.BigInteger, nullable=False),
        sa.Column("changes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("team_id", "name", name="pk_livetally_alerts"),
        **_FORM,
    )
    _make_notices()


def _make_notices() -> None:
    op.create_table(
        "livetally_alert_notices",
        sa.Column("id", _ROW_ID, sa.Identity(), nullable=False),
        sa.Column("team_id", sa.Integer, nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("value", sa.String(100), nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("target", sa.String(200), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_us", sa.BigInteger),
        sa.Column("delivered_us", sa.BigInteger),
        sa.Column("last_error", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_livetally_alert_notices"),
        **_FORM,
    )
    for columns in (["team_id", "id"], ["next_us"]):
        op.create_index(
            f"ix_livetally_alert_notices_{'_'.join(columns)}",
            "livetally_alert_notices",
            columns,
            if_not_exists=True,
        )
