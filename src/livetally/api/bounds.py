"""How often one address may guess, and how fast one key may send.

In the flow: asked by ``auth`` and ``events`` before work is done, told by them what came of it.
Guarantee: memory is bounded whatever is sent; whoever waits ``Retry-After`` is let in again.

Both are kept in memory, per process: they protect this process, and a restart forgives.
"""

from __future__ import annotations

import ipaddress
import math
from collections import OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from livetally.clock import Clock
from livetally.errors import QuotaExceeded, Unauthenticated

__all__ = ["FailedKeys", "IngestRate", "address_group"]

_WINDOW_S = 60.0
_ADDRESSES_MAX = 10_000
_KEYS_MAX = 10_000
_IPV6_PREFIX = 64
# What a key may send at once, in seconds of its rate, before it has to wait.
_BURST_S = 1.0


class _Address:
    """What one address has tried: when it was wrong, and how many tries are under way."""

    __slots__ = ("changed", "failures", "trying")

    def __init__(self) -> None:
        self.failures: deque[float] = deque()
        self.trying = 0
        self.changed = anyio.Event()


class FailedKeys:
    """Counts the keys that were refused, by address, in a moving minute. For one thread."""

    def __init__(self, clock: Clock, per_minute: int, addresses_max: int = _ADDRESSES_MAX) -> None:
        """Let ``per_minute`` wrong keys pass; remember at most ``addresses_max`` addresses."""
        self._clock = clock
        self._per_minute = per_minute
        self._addresses_max = addresses_max
        self._addresses: OrderedDict[str, _Address] = OrderedDict()

    def require(self, address: str) -> None:
        """Go on only if this address has not failed too often.

        Raises:
            QuotaExceeded: it has; its next key is not even looked at.
        """
        known = self._addresses.get(address_group(address))
        if known is not None:
            self._require(known)

    def note(self, address: str) -> None:
        """Count a wrong key."""
        group = address_group(address)
        self._known(group).failures.append(self._clock.monotonic_s())
        self._addresses.move_to_end(group)

    @asynccontextmanager
    async def trying(self, address: str) -> AsyncIterator[None]:
        """Look at a key within this: ``Unauthenticated`` that leaves it counts as a wrong one.

        Of the keys that one address sends at the same time, no more are looked at than may be
        wrong; the others wait until it is known how those were.

        Raises:
            QuotaExceeded: the address has failed too often; its key is not even looked at.
        """
        known = self._known(address_group(address))
        self._require(known)
        while len(known.failures) + known.trying >= self._per_minute:
            await known.changed.wait()
            self._require(known)
        known.trying += 1
        try:
            yield
        except Unauthenticated:
            self.note(address)
            raise
        finally:
            known.trying -= 1
            known.changed.set()
            known.changed = anyio.Event()

    def _known(self, group: str) -> _Address:
        known = self._addresses.setdefault(group, _Address())
        while len(self._addresses) > self._addresses_max:
            self._addresses.popitem(last=False)
        return known

    def _require(self, known: _Address) -> None:
        failures = known.failures
        now_s = self._clock.monotonic_s()
        while failures and failures[0] <= now_s - _WINDOW_S:
            failures.popleft()
        if len(failures) >= self._per_minute:
            wait_s = max(1, math.ceil(failures[0] + _WINDOW_S - now_s))
            raise QuotaExceeded(
                f"Too many wrong keys came from your address; try again in {wait_s} s.", wait_s
            )


class IngestRate:
    """Keeps each key's events a second, on average, under a bound. For one thread.

    What was accepted is counted afterwards, since a body's events are known only then: a request is
    never cut in the middle; the next one waits until the average is right again.
    """

    def __init__(self, clock: Clock, per_second: int) -> None:
        """Let each key send ``per_second`` events a second."""
        self._clock = clock
        self._per_second = per_second
        # Of each key: how many events it is ahead of its rate, and when that was so.
        self._ahead: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def require(self, key_id: str) -> None:
        """Go on only if this key has not sent faster than it may.

        Raises:
            QuotaExceeded: it has; nothing of this request was read.
        """
        if key_id not in self._ahead:
            return
        excess = self._ahead_at(key_id, self._clock.monotonic_s()) - self._per_second * _BURST_S
        if excess > 0:
            wait_s = max(1, math.ceil(excess / self._per_second))
            raise QuotaExceeded(
                f"The key sends more than {self._per_second} events a second; nothing of this"
                f" request was stored. Send it again in {wait_s} s.",
                wait_s,
            )

    def note(self, key_id: str, events: int) -> None:
        """Count what a request brought."""
        now_s = self._clock.monotonic_s()
        self._ahead[key_id] = (self._ahead_at(key_id, now_s) + events, now_s)
        self._ahead.move_to_end(key_id)
        while len(self._ahead) > _KEYS_MAX:
            self._ahead.popitem(last=False)

    def _ahead_at(self, key_id: str, now_s: float) -> float:
        ahead, at_s = self._ahead.get(key_id, (0.0, 0.0))
        return max(0.0, ahead - (now_s - at_s) * self._per_second)


def address_group(address: str) -> str:
    """Return what counts as one address: of IPv6 the half that one household or host is given."""
    if ":" not in address:
        return address
    try:
        parsed = ipaddress.IPv6Address(address.partition("%")[0])
    except ValueError:
        return address
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, _IPV6_PREFIX), strict=False))
