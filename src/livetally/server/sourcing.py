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
from livetally.event import Decoded, decode_lines
from livetally.ingest import Accepted, Intake
from livetally.server.registry import Registry
from livetally.server.versions import Past, Returning, Store
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
    "delivery_of",
    "follow_of",
    "process_name",
    "puller_of",
    "runs_of",
    "store_of",
]

_REASONS_MAX = 20
_EVENT_BYTES = 200
"""What an event takes beside its data, about."""


class RunsHere(Runs):
    """Fetches in this process."""

    def __init__(self, puller: Puller, deliver_of: Callable[[Declared], Deliver]) -> None:
        """Fetch with ``puller``; what comes goes where ``deliver_of`` says."""
        self._puller = puller
        self._deliver_of = deliver_of

    async def open(self) -> None:
        """Nothing: connections are made when the first page is asked for."""

    async def run(self, declared: Declared, known: Known) -> Outcome:
        """Fetch a source once."""
        return await self._puller.run(declared.source, known, self._deliver_of(declared))

    async def close(self) -> None:
        """End the connections."""
        await self._puller.close()


def declared_by(registry: Registry) -> Callable[[], list[Declared]]:
    """Return what lists every team's sources."""

    def declared() -> list[Declared]:
        return [Declared(TeamId(team), source) for team, source in registry.sources()]

    return declared


def runs_of(settings: Settings, intake: Intake, past: Past, clock: Clock, process: str) -> Runs:
    """Return where sources are fetched, as the settings say."""
    returning = Returning(past, partial(store_of, intake))

    def deliver_of(declared: Declared) -> Deliver:
        return delivery_of(returning.store_of(declared))

    if settings.sources_on != "workers":
        return returning.around(RunsHere(puller_of(settings, clock), deliver_of))
    broker = Broker(settings.nats, f"livetally server {process}", settings.nats_ca)
    patience = WorkerPatience(settings.worker_silence_s_max, settings.worker_free_s_max)
    subjects = Subjects(settings.nats_prefix)
    return returning.around(RunsOnWorkers(broker, subjects, deliver_of, patience))


def follow_of(settings: Settings, registry: Registry, intake: Intake) -> Follow:
    """Return what takes the messages of sources, in this process."""
    follower = Follower(
        lambda declared: delivery_of(store_of(intake, declared)),
        load_secrets(),
        lambda: registry.store_epoch,
        allow_private=settings.sources_allow_private,
        nats_ca=settings.nats_ca,
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


def delivery_of(store: Store) -> Deliver:
    """Return what stores the lines of events of a source."""

    async def deliver(lines: bytes) -> Counts:
        return await store(decode_lines(lines))

    return deliver


def store_of(intake: Intake, declared: Declared) -> Store:
    """Return what stores the events of a source.

    Raises:
        NotDurable: by what is returned: the events can't be made durable.
    """
    ignore_changes = declared.source.changes is Changes.IGNORE

    async def store(decoded: Decoded) -> Counts:
        accepted = await _accepted(intake, declared, decoded)
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

    return store


async def _accepted(intake: Intake, declared: Declared, decoded: Decoded) -> Accepted:
    """Store events; wait while the writer is behind."""
    size_bytes = sum(len(bytes(event.data)) + _EVENT_BYTES for event in decoded.events)
    while True:
        try:
            return await intake.accept(declared.team, decoded, size_bytes, strict=False)
        except Overloaded as error:
            await anyio.sleep(error.retry_after_s)
