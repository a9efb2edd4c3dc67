"""One process at a time: a lease that is kept in the log's own replicated state.

In the flow: held by the loader of a partition, and by whoever looks after the store.
Guarantee: two processes hold a lease at once only for as long as a clock that stands still does not
notice: who could not renew it in time counts it as lost by his own clock, before another may take
it. What such a process still does is harmless by other means (see ``loader``).

Nobody's wall clock is compared with another's. Who wants the lease looks whether its entry changes;
when it has not for the whole term, he replaces exactly the entry that he has seen.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING

import anyio
import structlog

if TYPE_CHECKING:
    from nats.js.kv import KeyValue

__all__ = ["Lease", "LeaseLost"]

_log = structlog.get_logger("livetally.cluster")

_LET_GO_S_MAX = 1.0
_PARTS = 5
"""How often a lease is renewed within its term."""


class LeaseLost(Exception):
    """Another process may hold the lease by now."""


class Lease:
    """A lease with a name. For one event loop; ``is_held`` for any thread."""

    def __init__(
        self, state: KeyValue, name: str, holder: str, term_s: float, look_s: float = 0
    ) -> None:
        """Want nothing yet.

        Args:
            state: where it is kept.
            name: what is leased.
            holder: this process, as others are to see it.
            term_s: after how many seconds of silence another may take it.
            look_s: how long to rest between two looks; 0 for a part of the term.
        """
        self._state = state
        self._name = name
        self._holder = holder.encode()
        self._term_s = term_s
        self._look_s = look_s or term_s / _PARTS
        self._revision = 0
        # Of the system's clock, which goes on while the process is stopped.
        self._good_until_s = 0.0

    @property
    def is_held(self) -> bool:
        """Whether nobody else can hold it at this moment."""
        return time.monotonic() < self._good_until_s

    def require(self) -> None:
        """Go on only while it is held.

        Raises:
            LeaseLost: it is not.
        """
        if not self.is_held:
            raise LeaseLost(self._name)

    async def acquire(self, meanwhile: Callable[[], Awaitable[None]] | None = None) -> None:
        """Wait until it is ours; ``meanwhile`` is awaited at each look."""
        seen, since_s = -1, 0.0
        while True:
            if meanwhile is not None:
                await meanwhile()
            revision = await self._newest()
            now_s = time.monotonic()
            if revision is None:
                pass  # nobody answers
            elif revision == 0:
                if await self._replace(0):
                    return
            elif revision != seen:
                seen, since_s = revision, now_s
            elif now_s - since_s > self._term_s and await self._replace(revision):
                _log.info("lease taken", lease=self._name)
                return
            await asyncio.sleep(self._look_s)

    @contextlib.asynccontextmanager
    async def kept(
        self, meanwhile: Callable[[], Awaitable[None]] | None = None
    ) -> AsyncIterator[None]:
        """Wait until it is ours (see ``acquire``), renew it meanwhile, let it go at the end."""
        await self.acquire(meanwhile)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._renew)
                yield
                tasks.cancel_scope.cancel()
        finally:
            await self.release()

    async def release(self) -> None:
        """Let it go, so that nobody has to wait for its term."""
        if self.is_held:
            with anyio.move_on_after(_LET_GO_S_MAX, shield=True):
                await self._let_go()

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._term_s / _PARTS)
            if self.is_held and not await self._replace(self._revision):
                await self._find_again()

    async def _find_again(self) -> None:
        """Look whether our entry is there after all: only the answer may have been lost."""
        from nats.errors import Error

        with contextlib.suppress(Error, OSError):
            entry = await self._state.get(self._name)
            if entry.value == self._holder:
                self._revision = int(entry.revision or 0)

    async def _replace(self, revision: int) -> bool:
        """Put our entry in the place of the one that was seen; tell whether it is ours now."""
        from nats.errors import Error

        asked_s = time.monotonic()
        try:
            if revision:
                self._revision = await self._state.update(self._name, self._holder, revision)
            else:
                self._revision = await self._state.create(self._name, self._holder)
        except (Error, OSError):
            return False
        # From before it was asked: the entry may be as old as that.
        self._good_until_s = asked_s + self._term_s
        return True

    async def _newest(self) -> int | None:
        """Return the entry's revision, 0 for none, None when nobody answers."""
        from nats.errors import Error
        from nats.js.errors import KeyNotFoundError

        try:
            return int((await self._state.get(self._name)).revision or 0)
        except KeyNotFoundError:
            return 0
        except (Error, OSError):
            return None

    async def _let_go(self) -> None:
        from nats.errors import Error

        self._good_until_s = 0.0
        with contextlib.suppress(Error, OSError):
            await self._state.delete(self._name, last=self._revision)
