"""Which subjects were erased: by a fingerprint, so that an older backup can be put right.

In the flow: written by ``server.erasing`` before and after it takes rows away; copied into each
backup.
Guarantee: an erasure is noted before the first row goes; what was cut off half way is found as not
done at the next start.
"""

from __future__ import annotations

from sqlalchemy import insert, select, update

from livetally.store.catalog.part import CatalogPart
from livetally.store.catalog.rows import ErasureRecord
from livetally.store.catalog.tables import erasures
from livetally.tenancy import TeamId

__all__ = ["Erasures"]


class Erasures(CatalogPart):
    """The part of the catalog that remembers erasures."""

    def note_erasure(self, team: int, fingerprint: str, position: int) -> int:
        """Note an erasure that begins; return its number.

        Raises:
            StoreFailed: it could not be stored.
        """
        row = {
            "team_id": team,
            "fingerprint": fingerprint,
            "position": position,
            "at_us": self._clock.now_us(),
        }
        with self._database.writing() as connection:
            made = connection.execute(insert(erasures), row)
            return int(made.inserted_primary_key[0])  # type: ignore[index] # of one row

    def end_erasure(self, number: int) -> None:
        """Note that nothing is left of what an erasure was to take away.

        Raises:
            StoreFailed: it could not be stored.
        """
        done = update(erasures).where(erasures.c.id == number)
        with self._database.writing() as connection:
            connection.execute(done.values(done_us=self._clock.now_us()))

    def list_erasures(self, team: TeamId | None, limit: int | None = None) -> list[ErasureRecord]:
        """Return up to ``limit`` erasures of a team, newest first; None: of all, or all of them.

        Raises:
            StoreFailed: they can't be read.
        """
        wanted = select(erasures).order_by(erasures.c.id.desc())
        if team is not None:
            wanted = wanted.where(erasures.c.team_id == team)
        with self._database.reading() as connection:
            rows = connection.execute(wanted.limit(limit)).all()
        return [
            ErasureRecord(
                row.id, row.team_id, row.fingerprint, row.position, row.at_us, row.done_us
            )
            for row in rows
        ]
