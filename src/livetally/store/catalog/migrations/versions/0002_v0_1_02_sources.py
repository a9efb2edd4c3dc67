"""Make the table of sources: what runs, when next, how far it came, who is at it.

In the flow: run by ``migrate`` after 0001.
Guarantee: may be run again after it was cut off half way.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.mysql import MEDIUMTEXT

revision = "0002"
down_revision = "0001"

_LONG_TEXT = sa.Text().with_variant(MEDIUMTEXT, "mariadb")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "livetally_sources",
        sa.Column("team_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("running", sa.Boolean, nullable=False),
        sa.Column("wanted", sa.Boolean, nullable=False),
        sa.Column("schedule", sa.Text),
        sa.Column("next_us", sa.BigInteger, nullable=False),
        sa.Column("known", _LONG_TEXT),
        sa.Column("last_us", sa.BigInteger),
        sa.Column("last_ok_us", sa.BigInteger),
        sa.Column("last_error", sa.Text, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("runs", sa.BigInteger, nullable=False),
        sa.Column("stored", sa.BigInteger, nullable=False),
        sa.Column("duplicates", sa.BigInteger, nullable=False),
        sa.Column("rejected", sa.BigInteger, nullable=False),
        sa.Column("holder", sa.String(100)),
        sa.Column("held_until_us", sa.BigInteger),
        sa.PrimaryKeyConstraint("team_id", "name", name="pk_livetally_sources"),
        if_not_exists=True,
        mariadb_engine="InnoDB",
        mariadb_charset="utf8mb4",
        mariadb_collate="utf8mb4_bin",
    )
