"""What loaders say, and what follows from it: up to where answers of this process are complete.

In the flow: hears every loader over ``log``; tells ``log_writer`` and the same listeners that the
writer of one machine tells.
Guarantee: ``position`` never goes back, and no commit up to it is missing in what listeners were
told: a word that got lost is noticed by the next one, and what it said is read from the store.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import OrderedDict
from collections.abc import Callable, Sequence

import structlog

from livetally.clock import Clock
from livetally.cluster.frames import Known, Told, unpack_told
from livetally.cluster.loader import LOADED, Loader
from livetally.cluster.log import Log
from livetally.errors import LivetallyError, Overloaded
from livetally.ingest import Notice
from livetally.store.events import Engine, touched_between
from livetally.telemetry import POSITION

__all__ = ["Words"]

_log = structlog.get_logger("livetally.cluster")

_ALIVE_S = 3.0
_FIRST_S_MAX = 10.0
_RECENT_MAX = 2_000
_AGAIN_S = 1.0


class Words:
    """Follows the loaders. For one event loop's thread; ``position`` for any."""

    def __init__(self, log: Log, engine: Engine, clock: Clock, done: Sequence[int]) -> None:
        """Hear nothing yet; ``done`` is up to where the store has each partition at least."""
        self._log = log
        self._engine = engine
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._listeners: list[Callable[[Notice], None]] = []
        self._loaders: Sequence[Loader] = ()
        self._through = list(done)
        self._position = min(done)
        # Words about commits that answers do not include yet, by position, and these in a heap.
        self._told: dict[int, Told] = {}
        self._ahead: list[int] = []
        # Up to where some word may have been missed.
        self._missed_until = 0
        self._repairing: asyncio.Task[None] | None = None
        self._recent: OrderedDict[int, list[Known]] = OrderedDict()
        self._reaching: list[tuple[int, int, asyncio.Future[None]]] = []
        self._count = 0
        self._began_s = self._loop.time()
        self._heard_s = self._began_s - _ALIVE_S
        self.on_advance: Callable[[], None] = lambda: None
        """Called whenever the position has moved."""

    @property
    def position(self) -> int:
        """Everything up to it is in the answers that are computed from now on."""
        return self._position

    @property
    def are_awaited(self) -> bool:
        """Whether this process has just begun, and no loader has said anything yet."""
        return self._heard_s < self._began_s and self._loop.time() - self._began_s < _FIRST_S_MAX

    @property
    def are_fresh(self) -> bool:
        """Whether some loader has said something just now."""
        return self._loop.time() - self._heard_s < _ALIVE_S

    def pass_on_to(self, loaders: Sequence[Loader]) -> None:
        """Have this process's loaders know how far others are."""
        self._loaders = loaders

    def listen(self, listener: Callable[[Notice], None]) -> None:
        """Call ``listener`` on the loop's thread for every commit; it must not block."""
        self._listeners.append(listener)

    def known_of(self, position: int) -> list[Known] | None:
        """Return what a loader knew of a message's events; None when nobody has said."""
        return self._recent.get(position)

    async def hear(self) -> None:
        """Begin to listen.

        Raises:
            BrokerFailed: it can't be listened to.
        """
        await self._log.hear(LOADED, self._heard)

    async def wait_for(self, position: int, seconds: float) -> None:
        """Return when answers include ``position``.

        Raises:
            Overloaded: they do not in time.
        """
        if position <= self._position:
            return
        self._count += 1
        reached: asyncio.Future[None] = self._loop.create_future()
        heapq.heappush(self._reaching, (position, self._count, reached))
        try:
            await asyncio.wait_for(reached, seconds)
        except TimeoutError:
            behind = position - self._position
            raise Overloaded(f"The store is {behind} commits behind the log.") from None

    def close(self) -> None:
        """Repair nothing any more."""
        if self._repairing is not None:
            self._repairing.cancel()

    async def _heard(self, body: bytes) -> None:
        told = unpack_told(body)
        if told is None or not 0 <= told.partition < len(self._through):
            return
        self._heard_s = self._loop.time()
        for loader in self._loaders:
            loader.heard(told)
        if told.position:
            self._recent[told.position] = told.known
            if len(self._recent) > _RECENT_MAX:
                self._recent.popitem(last=False)
            # Two loaders may say it: who took over, and who had not heard of that.
            if told.touched and told.position > self._position and told.position not in self._told:
                self._told[told.position] = told
                heapq.heappush(self._ahead, told.position)
        if told.since > self._through[told.partition]:
            self._missed_until = max(self._missed_until, told.since)
        self._through[told.partition] = max(self._through[told.partition], told.through)
        self._go_on()

    def _go_on(self) -> None:
        """Tell listeners what answers include by now."""
        until = min(self._through)
        if self._repairing is not None or until <= self._position:
            return
        if self._position < self._missed_until:
            self._repairing = self._loop.create_task(self._repair(until), name="log repair")
            return
        while self._ahead and self._ahead[0] <= until:
            told = self._told.pop(heapq.heappop(self._ahead))
            if told.position > self._position:  # otherwise it was read from the store before
                touched = {(team, kind): frozenset(slots) for team, kind, slots in told.touched}
                self._notify(Notice(told.position, told.committed_us, told.events, touched))
        self._advance(until)

    async def _repair(self, until: int) -> None:
        """Find out from the store what was not heard: a word got lost, or this process is new."""
        touched = await self._touched(self._position, until)
        if touched:
            self._notify(Notice(until, self._clock.now_us(), len(touched), touched))
        self._advance(until)
        self._repairing = None
        self._go_on()

    async def _touched(self, after: int, until: int) -> dict[tuple[int, str], frozenset[int]]:
        while True:
            try:
                return await asyncio.to_thread(touched_between, self._engine, after, until)
            except LivetallyError as error:
                _log.warning("what was missed can't be read yet", reason=error.message)
                await asyncio.sleep(_AGAIN_S)

    def _notify(self, notice: Notice) -> None:
        self._position = max(self._position, notice.position)
        for listener in self._listeners:
            listener(notice)

    def _advance(self, until: int) -> None:
        if until > self._position:
            # Nothing was stored by it, but what is answered from now on is true at it.
            self._notify(Notice(until, self._clock.now_us(), 0, {}))
        position = self._position
        POSITION.set(position)
        while self._reaching and self._reaching[0][0] <= position:
            _, _, reached = heapq.heappop(self._reaching)
            if not reached.done():
                reached.set_result(None)
        self.on_advance()
