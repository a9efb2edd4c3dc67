"""Ids for events that have none, made by the sender so that a retry carries the same ones.

In the flow: asked by ``outgoing`` for each event that is sent without an id.
Guarantee: no two ids of one maker are equal, and they sort as they were made, also within a
millisecond and from many threads; those of other makers differ by 62 random bits.
"""

from __future__ import annotations

import secrets
from threading import Lock

from livetally.clock import Clock

__all__ = ["IdMaker"]

_COUNT_MAX = 0xFFF
_RANDOM_BITS = 62


class IdMaker:
    """Makes UUIDv7: 48 bits of milliseconds, 12 bits that count within one, 62 random bits.

    Source: RFC 9562, sections 5.7 and 6.2 (method 1, a counter of fixed length).
    """

    def __init__(self, clock: Clock) -> None:
        """Read the time from ``clock``."""
        self._clock = clock
        self._lock = Lock()
        self._ms = 0
        self._count = 0

    def make(self) -> str:
        """Return a new id. Safe to use from any thread."""
        now_ms = self._clock.now_us() // 1000
        with self._lock:
            if now_ms > self._ms:
                # Half of the counter's range is left to count in.
                self._ms, self._count = now_ms, secrets.randbits(11)
            elif self._count < _COUNT_MAX:
                self._count += 1
            else:
                self._ms, self._count = self._ms + 1, 0
            head = (self._ms & 0xFFFF_FFFF_FFFF) << 16 | 0x7000 | self._count
        tail = 0b10 << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
        text = f"{head:016x}{tail:016x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
