"""History goes through the log: what was stored elsewhere is published again, step by step.

In the flow: given steps by ``server.moving``; publishes them to ``log`` beside what clients send.
Guarantee: a step is told as acknowledged when the log has every event of it and of every step
before; what is published twice counts once, because loaders know an event when they see it again.

It keeps no further ahead of loaders than the log should have to hold.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import NamedTuple

import anyio

from livetally.cluster.frames import pack
from livetally.cluster.log import Log
from livetally.cluster.notes import loaded_through
from livetally.cluster.parts import Part, Work, cut, halves
from livetally.errors import LivetallyError, StoreFailed

__all__ = ["Group", "Replay", "Step"]

_UNDER_WAY_MAX = 6
_AHEAD_MESSAGES_MAX = 300
_PUBLISH_S_MAX = 60.0
_LOOK_S = 0.25


class Group(NamedTuple):
    """Events that may share messages; ``alone`` if they share no insert with any others."""

    works: Sequence[Work]
    alone: bool = False


class Step(NamedTuple):
    """Events up to a position of where they were."""

    through: int
    events: int
    groups: Sequence[Group]


class _UnderWay:
    """A step of which messages are under way."""

    def __init__(self, step: Step) -> None:
        self.step = step
        self.left = 0
        self.is_whole = False


class Replay:
    """Publishes steps. For one event loop."""

    def __init__(
        self,
        log: Log,
        patience_s: float,
        acknowledged: Callable[[Step], None],
        waits: Callable[[], None],
    ) -> None:
        """Publish nothing yet.

        Args:
            log: where to.
            patience_s: for how many seconds loaders may do nothing while it waits for them.
            acknowledged: called with each step, in order, once the log has it.
            waits: called once when loaders have done nothing for a while.
        """
        self._log = log
        self._patience_s = patience_s
        self._acknowledged = acknowledged
        self._waits = waits
        self._loop = asyncio.get_running_loop()
        self._room = asyncio.Semaphore(_UNDER_WAY_MAX)
        self._steps: deque[_UnderWay] = deque()
        # Positions that loaders may not have yet, of each partition.
        self._sent: dict[int, list[int]] = {}

    async def publish(self, steps: AsyncIterator[Step]) -> None:
        """Publish all of ``steps``; return when the log has them.

        Raises:
            NotDurable: the log did not take something; what was told as acknowledged it has.
            StoreFailed: no loader does anything.
        """
        try:
            async with anyio.create_task_group() as tasks:
                async for step in steps:
                    await self._begin(tasks, step)
        except BaseExceptionGroup as group:
            raise _first(group) from None

    async def _begin(self, tasks: anyio.abc.TaskGroup, step: Step) -> None:
        if sum(map(len, self._sent.values())) > _AHEAD_MESSAGES_MAX:
            await self._let_loaders_follow()
        under_way = _UnderWay(step)
        self._steps.append(under_way)
        for group in step.groups:
            waiting = deque(group.works)
            while waiting:
                for partition, parts in cut(waiting, self._log.partitions):
                    await self._room.acquire()
                    under_way.left += 1
                    tasks.start_soon(self._send, under_way, partition, parts, group.alone)
        under_way.is_whole = True
        self._settle()

    async def _send(
        self,
        under_way: _UnderWay,
        partition: int,
        parts: list[Part],
        alone: bool,  # noqa: FBT001 - a task takes no names
    ) -> None:
        try:
            await self._publish(partition, parts, alone=alone)
        finally:
            self._room.release()
        under_way.left -= 1
        self._settle()

    async def _publish(self, partition: int, parts: list[Part], *, alone: bool) -> None:
        chosen = [(part.work.batch, part.places) for part in parts]
        body = await asyncio.to_thread(partial(pack, chosen, alone=alone))
        if len(body) > self._log.message_bytes_max:
            for half in halves(parts):
                await self._publish(partition, half, alone=alone)
            return
        deadline_s = self._loop.time() + _PUBLISH_S_MAX
        position = await self._log.publish(partition, body, secrets.token_hex(16), deadline_s)
        self._sent.setdefault(partition, []).append(position)

    def _settle(self) -> None:
        """Tell of every step that the log has whole, and all before it."""
        while self._steps and self._steps[0].is_whole and not self._steps[0].left:
            self._acknowledged(self._steps.popleft().step)

    async def _let_loaders_follow(self) -> None:
        async def is_near() -> int:
            through = await loaded_through(self._log)
            for partition, positions in self._sent.items():
                self._sent[partition] = [one for one in positions if one > through[partition]]
            left = sum(map(len, self._sent.values()))
            return max(0, left - _AHEAD_MESSAGES_MAX // 2)

        await self._until_nothing_is_left(is_near, lambda _left: None)

    async def loaded(self, tell: Callable[[int, int], None]) -> None:
        """Return when the store has everything that the log has acknowledged before the call.

        Args:
            tell: called with how many positions are done since the call, and of how many.

        Raises:
            StoreFailed: no loader does anything, or nobody answers.
        """
        partitions = range(self._log.partitions)
        last = [await self._log.last_of(partition) for partition in partitions]
        most = 0

        async def left() -> int:
            through = await loaded_through(self._log)
            return sum(max(0, to - done) for to, done in zip(last, through, strict=True))

        def told(now: int) -> None:
            nonlocal most
            most = max(most, now)
            tell(most - now, max(most, 1))

        await self._until_nothing_is_left(left, told)

    async def _until_nothing_is_left(
        self, left: Callable[[], Awaitable[int]], told: Callable[[int], None]
    ) -> None:
        """Look until ``left`` returns 0.

        Raises:
            StoreFailed: for the whole patience it did not become less.
        """
        least: int | None = None
        since_s = self._loop.time()
        said = False
        while True:
            try:
                now = await left()
            except StoreFailed:  # the log elects a leader, perhaps
                now = least or 1
            told(now)
            if not now:
                return
            now_s = self._loop.time()
            if least is None or now < least:
                least, since_s = now, now_s
            if not said and now_s - since_s > min(10.0, self._patience_s / 2):
                said = True
                self._waits()
            if now_s - since_s > self._patience_s:
                raise StoreFailed(
                    f"For {self._patience_s:g} seconds no loader has put anything into the store."
                    " Start one, 'livetally serve --role loader' with the same settings, or look"
                    " at its log, and run the same command again: nothing is moved twice."
                )
            await asyncio.sleep(_LOOK_S)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Return the error that a person can do something about, or the first one."""
    flat: list[BaseException] = []
    waiting: list[BaseException] = [group]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions
        else:
            flat.append(one)
    ours = [one for one in flat if isinstance(one, LivetallyError)]
    return (ours or flat)[0]
