"""Fetching sources in the server's own process.

In the flow: gives ``sources.Keeper`` its ``Runs``; hands what is fetched to ``ingest``.
Guarantee: ``deliver`` returns when the events are durable; while the writer is behind it waits.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio

from livetally.definitions import Changes
from livetally.errors import Overloaded
from livetally.event import decode_lines
from livetally.ingest import Accepted, Intake
from livetally.server.registry import Registry
from livetally.sources import Counts, Declared, Deliver, Known, Outcome, Puller, Runs
from livetally.tenancy import TeamId

__all__ = ["RunsHere", "declared_by", "delivery"]

_REASONS_MAX = 20


class RunsHere(Runs):
    """Fetches in this process."""

    def __init__(self, puller: Puller, intake: Intake) -> None:
        """Fetch with ``puller``, into ``intake``."""
        self._puller = puller
        self._intake = intake

    async def run(self, declared: Declared, known: Known) -> Outcome:
        """Fetch a source once."""
        ignore = declared.source.changes is Changes.IGNORE
        deliver = delivery(self._intake, declared.team, ignore_changes=ignore)
        return await self._puller.run(declared.source, known, deliver)

    async def close(self) -> None:
        """End the connections."""
        await self._puller.close()


def declared_by(registry: Registry) -> Callable[[], list[Declared]]:
    """Return what lists every team's sources."""

    def declared() -> list[Declared]:
        return [Declared(TeamId(team), source) for team, source in registry.sources()]

    return declared


def delivery(intake: Intake, team: TeamId, *, ignore_changes: bool) -> Deliver:
    """Return what stores lines of events for a team.

    Raises:
        NotDurable: by what is returned: the events can't be made durable.
    """

    async def deliver(lines: bytes) -> Counts:
        accepted = await _accepted(intake, team, lines)
        changed = accepted.conflicts_total
        reasons = [f"event {one.index}: {one.field}: {one.error}" for one in accepted.rejected]
        if changed and not ignore_changes:
            reasons.append("id: it was stored before with other content")
        return Counts(
            stored=accepted.stored,
            duplicates=accepted.duplicates + (changed if ignore_changes else 0),
            rejected=accepted.rejected_total + (0 if ignore_changes else changed),
            reasons=reasons[:_REASONS_MAX],
        )

    return deliver


async def _accepted(intake: Intake, team: TeamId, lines: bytes) -> Accepted:
    """Store lines; wait while the writer is behind."""
    decoded = decode_lines(lines, 0)
    while True:
        try:
            return await intake.accept(team, decoded, len(lines), strict=False)
        except Overloaded as error:
            await anyio.sleep(error.retry_after_s)
