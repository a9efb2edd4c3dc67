"""Messages that were read ahead of the store: as many as one insert takes, and no more.

In the flow: filled by the loader's reader, emptied by the loader a group at a time.
Guarantee: what waits is bounded by its events, however many messages they are in; order is kept.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

from livetally.cluster.frames import Message

__all__ = ["Ahead", "Numbered"]

_EVENTS_MAX = 40_000
_MESSAGES_MAX = 1_000
_GROUP_EVENTS_MAX = 20_000
_GROUP_MESSAGES_MAX = 500


class Numbered(NamedTuple):
    """A message and its position."""

    position: int
    message: Message

    @property
    def events(self) -> int:
        """How many events it has."""
        return sum(len(kept.ids) for kept in self.message.batches)

    @property
    def is_alone(self) -> bool:
        """Whether it goes with no other: it changes what is known, or its columns are its own."""
        return bool(self.message.forget or self.message.anew or self.message.alone)


class Ahead:
    """What was read and is not taken. For one event loop."""

    def __init__(self) -> None:
        """Hold nothing yet."""
        self._held: deque[Numbered] = deque()
        self._events = 0
        self._came = asyncio.Event()
        self._went = asyncio.Event()

    def __len__(self) -> int:
        """Return how many messages wait."""
        return len(self._held)

    async def put(self, item: Numbered) -> None:
        """Add a message once there is room for it."""
        while self._held and (self._events >= _EVENTS_MAX or len(self._held) >= _MESSAGES_MAX):
            self._went.clear()
            await self._went.wait()
        self._held.append(item)
        self._events += item.events
        self._came.set()

    async def group(self, until: int, *, exactly: bool) -> list[Numbered]:
        """Take the next messages, at least one.

        Args:
            until: take none beyond this position, unless it is the first.
            exactly: wait for those up to ``until``; otherwise take what is there.
        """
        taken = [await self._next()]
        events = taken[0].events
        while not taken[0].is_alone and taken[-1].position < until:
            if not self._held:
                if not exactly:
                    break
                await self._wait()
            following = self._held[0]
            full = events + following.events > _GROUP_EVENTS_MAX
            if following.position > until or following.is_alone:
                break
            if not exactly and (full or len(taken) >= _GROUP_MESSAGES_MAX):
                break
            taken.append(await self._next())
            events += following.events
        return taken

    async def first(self) -> int:
        """Return the position of the next message, once there is one."""
        await self._wait()
        return self._held[0].position

    async def _next(self) -> Numbered:
        await self._wait()
        item = self._held.popleft()
        self._events -= item.events
        self._went.set()
        return item

    async def _wait(self) -> None:
        while not self._held:
            self._came.clear()
            await self._came.wait()
