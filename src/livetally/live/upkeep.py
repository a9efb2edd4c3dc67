"""What open streams need although nothing changes: signs of life, and an end.

In the flow: run by ``hub`` beside ``rounds``, looks at every stream once a second.
Guarantee: a client that has gone, takes nothing, is no longer allowed to read or has stayed for
too long is let go without waiting for the next change; a server that stops lets all of them go, a
few at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import NamedTuple

import structlog

from livetally.clock import Clock
from livetally.errors import LivetallyError
from livetally.live.chance import jitter
from livetally.live.frames import retry
from livetally.live.stream import Stream
from livetally.tenancy import Identity, Scope

__all__ = ["Patience", "Recheck", "Upkeep"]

_log = structlog.get_logger("livetally.live")

Recheck = Callable[[Identity], Identity | None]
"""Says what an identity has become, None when it is no longer good. Blocks."""

_LOOK_S = 1.0
_CLOSING_STEP_S = 0.05
_CLOSING_PER_S = 4_000
_RETRY_MS_MIN = 1_000
# Streams that are closed together come back over this time for each thousand of them.
_RETRY_MS_PER_THOUSAND = 500
_SLICE = 512


class Patience(NamedTuple):
    """Seconds: between signs of life; until a client that takes nothing is let go; longest stay.

    A stay ends up to a quarter earlier, so that streams that opened together do not end together.
    ``closing_s_max`` is how long a server that stops takes to let its streams go.
    """

    heartbeat_s: float = 15.0
    stuck_s_max: float = 30.0
    stay_s_max: float = 3600.0
    closing_s_max: float = 1.5


class Upkeep:
    """Looks after all streams. Used on the event loop's thread, but for ``keys_changed``."""

    def __init__(
        self, streams: set[Stream], clock: Clock, recheck: Recheck, patience: Patience
    ) -> None:
        """Look after ``streams``, which the hub adds to and takes from."""
        self._streams = streams
        self._clock = clock
        self._recheck = recheck
        self._patience = patience
        self._changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def ends_s(self) -> float:
        """Return at what monotonic time a stream that opens now is to end."""
        stay_s = self._patience.stay_s_max * jitter.uniform(0.75, 1)
        return self._clock.monotonic_s() + stay_s

    def keys_changed(self) -> None:
        """Have every stream's key looked at again; may be called from any thread, never blocks."""
        self._loop.call_soon_threadsafe(self._changed.set)

    async def look(self) -> None:
        """Look at every stream, every second, until cancelled."""
        while True:
            await self.look_once()
            await asyncio.sleep(_LOOK_S)

    async def look_once(self) -> None:
        """Look at every stream once."""
        for number, stream in enumerate(tuple(self._streams), start=1):
            self._look_at(stream, self._clock.monotonic_s(), self._clock.now_us())
            if number % _SLICE == 0:
                await asyncio.sleep(0)

    def _look_at(self, stream: Stream, now_s: float, now_us: int) -> None:
        patience = self._patience
        expires_us = stream.who.expires_us
        if stream.is_stuck(now_s, patience.stuck_s_max):
            stream.abort()
        elif stream.ended:
            return
        elif expires_us is not None and expires_us <= now_us:
            stream.end()
        elif now_s >= stream.ends_s:
            stream.end(retry(_RETRY_MS_MIN))
        elif now_s - stream.wrote_s >= patience.heartbeat_s:
            stream.beat(now_s)

    async def watch_keys(self) -> None:
        """Look at the streams' keys again whenever one has changed, until cancelled."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self.recheck_once()
            except LivetallyError as error:
                _log.warning("open streams' keys not checked, trying again", error=error.message)
                self._changed.set()
                await asyncio.sleep(_LOOK_S)

    async def recheck_once(self) -> None:
        """End the streams of every key and session that is no longer good.

        Raises:
            StoreFailed: the catalog can't be asked; streams that were looked at are ended.
        """
        of_identity: dict[Identity, list[Stream]] = {}
        for stream in self._streams:
            of_identity.setdefault(stream.who, []).append(stream)
        for who, streams in of_identity.items():
            now = await asyncio.to_thread(self._recheck, who)
            good = now is not None and Scope.READ in now.scopes
            for stream in streams:
                if good and now is not None:
                    stream.who = now
                else:
                    stream.end()

    async def close(self, streams: Iterable[Stream]) -> None:
        """Let streams go, a few at a time, each told to come back at a time of its own."""
        waiting = list(streams)
        spread_ms = _RETRY_MS_MIN + len(waiting) * _RETRY_MS_PER_THOUSAND // 1_000
        closing_s = min(self._patience.closing_s_max, len(waiting) / _CLOSING_PER_S)
        steps = max(1, round(closing_s / _CLOSING_STEP_S))
        size = -(-len(waiting) // steps) or 1
        for start in range(0, len(waiting), size):
            for stream in waiting[start : start + size]:
                stream.end(retry(_RETRY_MS_MIN + jitter.randint(0, spread_ms)))
            await asyncio.sleep(_CLOSING_STEP_S)
        # Whoever has not taken the rest by now does not read.
        for stream in waiting:
            stream.abort()
