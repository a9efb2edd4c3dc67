"""Fetching sources in the server's own process, or by workers.

In the flow: gives ``sources.Keeper`` its ``Runs``; hands what is fetched to ``ingest``.
Guarantee: ``deliver`` returns when the events are durable; while the writer is behind it waits.
"""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable
from functools import partial
from importlib.metadata import version

import anyio

from livetally.clock import Clock
from livetally.definitions import Changes
from livetally.errors import Overloaded
from livetally.event import decode_lines
from livetally.ingest import Accepted, Intake
from livetally.server.registry import Registry
from livetally.settings import Settings, load_secrets
from livetally.sources import (
    Broker,
    Counts,
    Declared,
    Deliver,
    Follow,
    Follower,
    Known,
    Outcome,
    Puller,
    Runs,
    RunsOnWorkers,
    Subjects,
    WorkerPatience,
    client,
)
from livetally.tenancy import TeamId

__all__ = [
    "RunsHere",
    "declared_by",
    "delivery",
    "delivery_of",
    "follow_of",
    "process_name",
    "puller_of",
    "runs_of",
]

_REASONS_MAX = 20


class RunsHere(Runs):
    """Fetches in this process."""

    def __init__(self, puller: Puller, intake: Intake) -> None:
        """Fetch with ``puller``, into ``intake``."""
        self._puller = puller
        self._intake = intake

    async def open(self) -> None:
        """Nothing: connections are made when the first page is asked for."""

    async def run(self, declared: Declared, known: Known) -> Outcome:
        """Fetch a source once."""
        deliver = delivery_of(self._intake, declared)
        return await self._puller.run(declared.source, known, deliver)

    async def close(self) -> None:
        """End the connections."""
        await self._puller.close()


def declared_by(registry: Registry) -> Callable[[], list[Declared]]:
    """Return what lists every team's sources."""

    def declared() -> list[Declared]:
        return [Declared(TeamId(team), source) for team, source in registry.sources()]

    return declared


def runs_of(settings: Settings, intake: Intake, clock: Clock, process: str) -> Runs:
    """Return where sources are fetched, as the settings say."""
    if settings.sources_on != "workers":
        return RunsHere(puller_of(settings, clock), intake)
    broker = Broker(settings.nats, f"livetally server {process}")
    patience = WorkerPatience(settings.worker_silence_s_max, settings.worker_free_s_max)
    deliver_of = partial(delivery_of, intake)
    return RunsOnWorkers(broker, Subjects(settings.nats_prefix), deliver_of, patience)


def follow_of(settings: Settings, registry: Registry, intake: Intake) -> Follow:
    """Return what takes the messages of sources, in this process."""
    follower = Follower(
        partial(delivery_of, intake),
        load_secrets(),
        lambda: registry.store_epoch,
        allow_private=settings.sources_allow_private,
    )
    return follower.follow


def puller_of(settings: Settings, clock: Clock) -> Puller:
    """Return what fetches, with the secrets of this process's environment."""
    http = partial(
        client, allow_private=settings.sources_allow_private, version=version("livetally")
    )
    return Puller(http, load_secrets(), clock.now_us)


def process_name() -> str:
    """Return a name for this process that no other one has."""
    return f"{socket.gethostname()[:60]}-{os.getpid()}-{secrets.token_hex(4)}"


def delivery_of(intake: Intake, declared: Declared) -> Deliver:
    """Return what stores the lines of events of a source."""
    ignore = declared.source.changes is Changes.IGNORE
    return delivery(intake, declared.team, ignore_changes=ignore)


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
