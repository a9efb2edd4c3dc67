"""Takes a request's events in: decode, check, admit, wait for the commit.

In the flow: receives bytes and a team from ``api``, hands batches to the writer, and the writer's
receipts back as one ``Accepted``.
Guarantee: what is reported as stored is on disk; every item of the request is accounted for exactly
once: stored, duplicate, conflict or rejected; memory stays bounded however long the body is.

A long body is taken as a stream of chunks of whole lines. At most a few of them wait for the writer
at a time; then reading the body pauses, and so does the sender.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import NamedTuple

from livetally.clock import Clock
from livetally.errors import BodyTooLarge, ClientError, NotDurable, Overloaded, StoreFailed
from livetally.event import Decoded, EventLimits
from livetally.ingest.batch import Batch, Schema
from livetally.ingest.chunks import Preparing
from livetally.ingest.commits import Commits, Outcome, Receipt
from livetally.ingest.compare import conflicting
from livetally.ingest.gather import GATHERED_EVENTS_MAX, Asker, Gatherer, Share, Tell
from livetally.ingest.lines import whole_lines
from livetally.ingest.tally import Accepted, Tally

__all__ = ["Intake", "IntakeLimits", "deliver_to"]

# Decoding more than this takes milliseconds: not on the thread that serves everybody.
_INLINE_EVENTS_MAX = 2000


class IntakeLimits(NamedTuple):
    """Bounds of one request: a body that is read whole, a line, a stream, and items listed."""

    body_bytes_max: int = 32 * 1024 * 1024
    line_bytes_max: int = 1024 * 1024
    stream_bytes_max: int = 4 * 1024 * 1024 * 1024
    listed_max: int = 1000
    chunk_bytes: int = 512 * 1024
    chunks_waiting_max: int = 8


class _Waiting(NamedTuple):
    batch: Batch
    future: asyncio.Future[Outcome]


class Intake:
    """Accepts events on the event loop's thread; the writer works on its own."""

    def __init__(
        self,
        writer: Commits,
        clock: Clock,
        schema_of: Callable[[int], Schema],
        event_limits: EventLimits | None = None,
        limits: IntakeLimits | None = None,
    ) -> None:
        """Accept into ``writer``; ``schema_of`` gives what a team has declared."""
        self._writer = writer
        self._preparing = Preparing(clock, schema_of, event_limits or EventLimits())
        self.limits = limits or IntakeLimits()
        self._gatherer = Gatherer(
            self._preparing.decoded,
            lambda batch, size_bytes: self._submit(batch, size_bytes).future,
            lambda: writer.busy,
        )

    async def accept(
        self, team: int, decoded: Decoded, size_bytes: int, *, strict: bool
    ) -> Accepted:
        """Store decoded items; with ``strict`` all of them or, if one is rejected, none.

        Raises:
            Overloaded: the writer is behind; nothing was stored.
            NotDurable: nothing is known to be stored.
        """
        if len(decoded.events) <= GATHERED_EVENTS_MAX and not strict:
            return await self.counted(await self._gatherer.take(team, decoded, size_bytes))
        tally = Tally(self.limits.listed_max)
        if len(decoded.events) > _INLINE_EVENTS_MAX:
            batch, rejected = await asyncio.to_thread(self._preparing.decoded, team, decoded)
        else:
            batch, rejected = self._preparing.decoded(team, decoded)
        tally.reject(rejected)
        if len(batch) and not (strict and rejected):
            await self._settle(self._submit(batch, size_bytes), tally)
        return tally.accepted(self._writer.acknowledged)

    def hand_in(self, team: int, decoded: Decoded, size_bytes: int, tell: Tell) -> bool:
        """As ``accept`` for a few events, without a task that waits.

        Returns:
            Whether ``tell`` will be called with the share, for ``counted``, or with the error that
            ``accept`` would raise; False: they are not so few, and nothing was done.
        """
        if len(decoded.events) > GATHERED_EVENTS_MAX:
            return False
        self._gatherer.hand_in(team, decoded, size_bytes, tell)
        return True

    def hand_in_one(self, team: int, body: bytes, asker: Asker) -> None:
        """As ``hand_in`` for a body that is an object: it is decoded together with others."""
        self._gatherer.hand_in_one(team, body, asker)

    async def counted(self, share: Share) -> Accepted:
        """Return what became of one request's items, of whose events this is the share."""
        tally = Tally(self.limits.listed_max)
        tally.reject(share.rejected)
        if share.receipt is not None:
            await self._count(share.batch, share.receipt, tally, share.indexes)
        return tally.accepted(self._writer.acknowledged)

    async def accept_lines(self, team: int, body: AsyncIterator[bytes]) -> Accepted:
        """Store NDJSON as it arrives.

        Raises:
            BodyTooLarge: a line, or the whole, is too long; the message says how many events of
                earlier lines are stored.
            UnreadableBody: as above, the body can't be unpacked.
            Overloaded: the writer is behind; nothing was stored. Never after a part was.
            NotDurable: as in ``accept``.
        """
        waiting: deque[_Waiting] = deque()
        tally = Tally(self.limits.listed_max)
        try:
            await self._take_lines(team, body, waiting, tally)
        except ClientError as error:
            await self._settle_all(waiting, tally)
            if tally.stored:
                told = f"{error.message} Of the lines before, {tally.stored} events were stored."
                error.args = (told,)
            raise
        await self._settle_all(waiting, tally)
        return tally.accepted(self._writer.acknowledged)

    async def _take_lines(
        self, team: int, body: AsyncIterator[bytes], waiting: deque[_Waiting], tally: Tally
    ) -> None:
        limits = self.limits
        chunks = whole_lines(
            body,
            chunk_bytes=limits.chunk_bytes,
            line_bytes_max=limits.line_bytes_max,
            bytes_max=limits.stream_bytes_max,
        )
        index = blank_bytes = 0
        async for chunk in chunks:
            read = self._preparing.lines(team, chunk, index)
            index += read.items
            if not read.items:
                blank_bytes += len(chunk)
                if blank_bytes > limits.body_bytes_max:
                    raise BodyTooLarge(f"More than {limits.body_bytes_max} bytes are blank lines.")
            tally.reject(read.rejected)
            for batch in read.batches:
                size_bytes = len(chunk) * len(batch) // read.items
                waiting.append(await self._submit_in_turn(batch, size_bytes, waiting, tally))
            while len(waiting) >= limits.chunks_waiting_max:
                await self._settle(waiting.popleft(), tally)
            # A body that is unpacked from a few bytes would otherwise never let others run.
            await asyncio.sleep(0)

    async def _submit_in_turn(
        self, batch: Batch, size_bytes: int, waiting: deque[_Waiting], tally: Tally
    ) -> _Waiting:
        """Submit; when the writer is behind, wait for room, unless nothing was taken so far."""
        while True:
            try:
                return self._submit(batch, size_bytes, admitted=not waiting and tally.settled)
            except Overloaded:
                if not waiting:
                    raise
            await self._settle(waiting.popleft(), tally)

    def _submit(self, batch: Batch, size_bytes: int, *, admitted: bool = False) -> _Waiting:
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._writer.submit(batch, size_bytes, future, admitted=admitted)
        return _Waiting(batch, future)

    async def _settle_all(self, waiting: deque[_Waiting], tally: Tally) -> None:
        while waiting:
            await self._settle(waiting.popleft(), tally)

    async def _settle(self, item: _Waiting, tally: Tally) -> None:
        """Wait for a batch's fate and count it.

        Raises:
            NotDurable: it is not known to be stored.
        """
        outcome = await item.future
        if isinstance(outcome, NotDurable):
            raise outcome
        await self._count(item.batch, outcome, tally, item.batch.indexes)

    async def _count(
        self,
        batch: Batch,
        receipt: Receipt,
        tally: Tally,
        indexes: Sequence[int] | Mapping[int, int],
    ) -> None:
        """Count what is known to be stored; ``indexes`` are the request's own, by place."""
        conflicts: list[int] = []
        if receipt.differing:
            conflicts = await asyncio.to_thread(self._conflicts, batch, receipt)
        tally.add(receipt, [indexes[place] for place in conflicts])

    def _conflicts(self, batch: Batch, receipt: Receipt) -> list[int]:
        found = [
            one._replace(position=one.position or receipt.position) for one in receipt.differing
        ]
        try:
            return conflicting(batch, found, self._writer.read_back)
        except StoreFailed:
            # What is stored is stored; only the kinder word for the others can't be had now.
            return [one.place for one in found]


def deliver_to(
    loop: asyncio.AbstractEventLoop,
) -> Callable[[list[tuple[asyncio.Future[Outcome], Outcome]]], None]:
    """Return the writer's ``deliver``: resolves the waiting requests on ``loop``."""

    def resolve(outcomes: list[tuple[asyncio.Future[Outcome], Outcome]]) -> None:
        for future, outcome in outcomes:
            if not future.done():
                future.set_result(outcome)

    def deliver(outcomes: list[tuple[asyncio.Future[Outcome], Outcome]]) -> None:
        loop.call_soon_threadsafe(resolve, outcomes)

    return deliver
