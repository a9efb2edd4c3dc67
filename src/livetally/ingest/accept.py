"""Takes a request's events in: decode, check, admit, wait for the commit.

In the flow: receives bytes and a team from ``api``, hands batches to the writer, and the writer's
receipts back as one ``Accepted``.
Guarantee: what is reported as stored is on disk; every item of the request is accounted for exactly
once: stored, duplicate, conflict or rejected; memory stays bounded however long the body is.

A long body is taken as a stream of chunks of whole lines. At most a few of them wait for the writer at
a time; then reading the body pauses, and so does the sender.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

from livetally.clock import Clock
from livetally.errors import BodyTooLarge, NotDurable
from livetally.event import (
    Decoded,
    EventLimits,
    Rejection,
    check_limits,
    decode_lines,
)
from livetally.ingest.batch import Batch, Schema, prepare
from livetally.ingest.writer import Outcome, Writer

__all__ = ["Accepted", "Intake", "IntakeLimits"]


class IntakeLimits(NamedTuple):
    """Bounds of one request: a body that is read whole, a line, a stream, and rejections listed."""

    body_bytes_max: int = 32 * 1024 * 1024
    line_bytes_max: int = 1024 * 1024
    stream_bytes_max: int = 4 * 1024 * 1024 * 1024
    rejections_listed_max: int = 1000
    chunk_bytes: int = 256 * 1024
    chunks_waiting_max: int = 8


class Accepted(NamedTuple):
    """The fate of a request's items. ``position`` is that of the newest event among them."""

    position: int
    stored: int
    duplicates: int
    conflicts: list[int]
    rejected: list[Rejection]

    @property
    def storable(self) -> int:
        """How many items were not rejected."""
        return self.stored + self.duplicates + len(self.conflicts)


class Intake:
    """Accepts events on the event loop's thread; the writer works on its own."""

    def __init__(
        self,
        writer: Writer,
        clock: Clock,
        schema_of: Callable[[int], Schema],
        event_limits: EventLimits | None = None,
        limits: IntakeLimits | None = None,
    ) -> None:
        """Accept into ``writer``; ``schema_of`` gives what a team has declared."""
        self._writer = writer
        self._clock = clock
        self._schema_of = schema_of
        self._event_limits = event_limits or EventLimits()
        self.limits = limits or IntakeLimits()

    async def accept(self, team: int, decoded: Decoded, size_bytes: int, *, strict: bool) -> Accepted:
        """Store decoded items; with ``strict`` all of them or, if one is rejected, none.

        Raises:
            Overloaded: the writer is behind; nothing was stored.
            NotDurable: nothing is known to be stored.
        """
        batch, rejected = self._prepare(team, decoded)
        if not len(batch) or (strict and rejected):
            return Accepted(self._writer.position, 0, 0, [], rejected)
        future = self._submit(batch, size_bytes)
        return _accepted([await future], rejected)

    async def accept_lines(self, team: int, body: AsyncIterator[bytes]) -> Accepted:
        """Store NDJSON as it arrives.

        Raises:
            BodyTooLarge: a line, or the whole, is too long; earlier lines may be stored.
            Overloaded: the writer is behind; earlier lines may be stored.
            NotDurable: as in ``accept``.
        """
        waiting: list[asyncio.Future[Outcome]] = []
        outcomes: list[Outcome] = []
        rejected: list[Rejection] = []
        index = 0
        async for chunk in whole_lines(body, self.limits):
            decoded = decode_lines(chunk, index)
            index += decoded.items
            batch, refused = self._prepare(team, decoded)
            rejected += refused
            if len(batch):
                waiting.append(self._submit(batch, len(chunk)))
            while len(waiting) >= self.limits.chunks_waiting_max:
                outcomes.append(await waiting.pop(0))
        outcomes += await asyncio.gather(*waiting)
        accepted = _accepted(outcomes, rejected)
        if not outcomes:
            return accepted._replace(position=self._writer.position)
        return accepted

    def _prepare(self, team: int, decoded: Decoded) -> tuple[Batch, list[Rejection]]:
        now_us = self._clock.now_us()
        events, indexes, beyond = check_limits(
            decoded.events, decoded.indexes, self._event_limits, now_us
        )
        batch, wrong = prepare(team, events, indexes, self._schema_of(team), now_us)
        return batch, sorted([*decoded.rejected, *beyond, *wrong])

    def _submit(self, batch: Batch, size_bytes: int) -> asyncio.Future[Outcome]:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._writer.submit(batch, size_bytes, future)
        return future


def deliver_to(loop: asyncio.AbstractEventLoop) -> Callable[[list[tuple[asyncio.Future[Outcome], Outcome]]], None]:
    """Return the writer's ``deliver``: resolves the waiting requests on ``loop``."""

    def resolve(outcomes: list[tuple[asyncio.Future[Outcome], Outcome]]) -> None:
        for future, outcome in outcomes:
            if not future.done():
                future.set_result(outcome)

    def deliver(outcomes: list[tuple[asyncio.Future[Outcome], Outcome]]) -> None:
        loop.call_soon_threadsafe(resolve, outcomes)

    return deliver


async def whole_lines(body: AsyncIterator[bytes], limits: IntakeLimits) -> AsyncIterator[bytes]:
    """Cut a stream of bytes into chunks that end with a line's end (the last one may not).

    Raises:
        BodyTooLarge: a line or the whole is longer than ``limits`` allow.
    """
    parts: list[bytes] = []
    held = total = 0
    async for piece in body:
        total += len(piece)
        if total > limits.stream_bytes_max:
            raise BodyTooLarge(f"The body is longer than {limits.stream_bytes_max} bytes.")
        parts.append(piece)
        held += len(piece)
        if held < limits.chunk_bytes:
            continue
        joined = b"".join(parts)
        cut = joined.rfind(b"\n") + 1
        if not cut and held > limits.line_bytes_max:
            raise BodyTooLarge(f"A line is longer than {limits.line_bytes_max} bytes.")
        if cut:
            yield joined[:cut]
        parts = [joined[cut:]]
        held = len(parts[0])
    rest = b"".join(parts)
    if rest.strip():
        yield rest


def _accepted(outcomes: list[Outcome], rejected: list[Rejection]) -> Accepted:
    position = stored = duplicates = 0
    conflicts: list[int] = []
    for outcome in outcomes:
        if isinstance(outcome, NotDurable):
            raise outcome
        position = max(position, outcome.position)
        stored += outcome.stored
        duplicates += outcome.duplicates
        conflicts += outcome.conflicts
    return Accepted(position, stored, duplicates, conflicts, rejected)
