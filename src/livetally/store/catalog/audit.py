"""The log of administrative actions: who did what to what, and when.

In the flow: receives an entry from each change in the catalog, within the same transaction, and
from other rooms through ``record``; hands pages of entries to api and console.
Guarantee: a change in the catalog and its entry are stored together or not at all; entries are
never altered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, select

from livetally.store.catalog.part import CatalogPart
from livetally.store.catalog.rows import AuditEntry
from livetally.store.catalog.tables import audit

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection, Row

    from livetally.tenancy import TeamId

__all__ = ["WHO_CHARS_MAX", "AuditLog", "storable", "write_entry"]

ENTRIES_MAX = 1_000
WHO_CHARS_MAX = 100
_TARGET_CHARS_MAX = 200
_DETAIL_CHARS_MAX = 2_000
_ROW_ID_MAX = 2**63 - 1


class AuditLog(CatalogPart):
    """The part of the catalog that remembers who did what."""

    def record(
        self, action: str, target: str, *, by: str, team: TeamId | None = None, detail: str = ""
    ) -> None:
        """Note an action of another room, such as an erasure. Blocks; call it in a thread.

        Args:
            action: what was done, as ``noun.verb``.
            target: to what; cut to 200 characters.
            by: who, as an identity's key id or a word such as ``command line``.
            team: whose log it belongs to; None: the operators'.
            detail: anything to know later, never a secret; cut to 2,000 characters.

        Raises:
            StoreFailed: it could not be stored.
        """
        with self._database.writing() as connection:
            write_entry(connection, self._clock.now_us(), by, team, action, target, detail)

    def list_audit(
        self, team: TeamId | None, *, limit: int = 100, before: int | None = None
    ) -> list[AuditEntry]:
        """Return entries, newest first. Blocks; call it in a thread.

        Args:
            team: only this team's; None: everybody's.
            limit: at most this many, 1 to 1,000.
            before: only entries with a smaller id, to go on from the last one of a page.

        Raises:
            StoreFailed: they can't be read.
        """
        wanted = select(audit).order_by(audit.c.id.desc())
        wanted = wanted.limit(max(1, min(limit, ENTRIES_MAX)))
        if team is not None:
            wanted = wanted.where(audit.c.team_id == team)
        if before is not None:
            wanted = wanted.where(audit.c.id < max(0, min(before, _ROW_ID_MAX)))
        with self._database.reading() as connection:
            return _entries(connection.execute(wanted).all())


def write_entry(
    connection: Connection,
    at_us: int,
    who: str,
    team: TeamId | None,
    action: str,
    target: str,
    detail: str = "",
) -> None:
    """Add one entry within the transaction of what it tells about."""
    connection.execute(
        insert(audit),
        {
            "at_us": at_us,
            "who": storable(who, WHO_CHARS_MAX),
            "team_id": team,
            "action": action,
            "target": storable(target, _TARGET_CHARS_MAX),
            "detail": storable(detail, _DETAIL_CHARS_MAX),
        },
    )


def storable(text: str, chars_max: int) -> str:
    """Make any text fit: what is told about must not fail because of how it is told."""
    valid = text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")
    return valid[:chars_max]


def _entries(rows: Sequence[Row[*tuple[Any, ...]]]) -> list[AuditEntry]:
    return [
        AuditEntry(row.id, row.at_us, row.who, row.team_id, row.action, row.target, row.detail)
        for row in rows
    ]
