"""Make the table of erasures.

In the flow: run by ``migrate`` after 0003.
Guarantee: may be run again after it was cut off half way.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_ROW_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "livetally_erasures",
        sa.Column("id", _ROW_ID, sa.Identity(), nullable=False),
        sa.Column("team_id", sa.Integer, nullable=False),
        sa.Column("fingerprint", sa.String(64), nullable=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("done_us", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_livetally_erasures"),
        if_not_exists=True,
        mariadb_engine="InnoDB",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
    )
