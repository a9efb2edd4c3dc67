"""Keys, sessions and stream tokens verified at the speed of memory.

In the flow: stands between api or console and ``Catalog.authenticate``.
Guarantee: a key that was revoked in this process is refused from the moment the revoking call
returns; one that was revoked elsewhere, at most ``staleness_s_max`` later. When the catalog can't
be asked, nothing that is older than that is taken for valid.

Only who was verified is remembered, never who was refused: a new key works at once, and a flood
of wrong ones takes no memory. Texts are remembered as their SHA-256.
"""

from __future__ import annotations

from hashlib import sha256
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from livetally.clock import Clock
    from livetally.store.catalog.catalog import Catalog
    from livetally.tenancy import Identity

__all__ = ["KeyCache"]


class KeyCache:
    """Remembers verified senders; safe to use from any thread."""

    def __init__(
        self,
        catalog: Catalog,
        clock: Clock,
        *,
        staleness_s_max: float = 1.0,
        entries_max: int = 10_000,
    ) -> None:
        """Stand before ``catalog``.

        Args:
            catalog: who is asked about what is not known here.
            clock: the catalog's clock.
            staleness_s_max: how old a look at the changes may be for memory to be trusted.
            entries_max: how many senders to remember; then the longest known is forgotten.
        """
        self._catalog = catalog
        self._clock = clock
        self._staleness_s_max = staleness_s_max
        self._entries_max = entries_max
        self._lock = Lock()
        self._known: dict[bytes, Identity] = {}
        self._uses: dict[str, int] = {}
        self._generation = 0
        self._unsubscribe = catalog.subscribe(self.forget)

    @property
    def generation(self) -> int:
        """Another number after every change of keys, sessions or teams that was noticed."""
        return self._generation

    def peek(self, text: str) -> Identity | None:
        """Return who sent this, if that is known and fresh; None: ask ``verify``. Never blocks."""
        return self.peek_by(self.fingerprint(text))

    def peek_by(self, digest: bytes) -> Identity | None:
        """As ``peek``, for whoever has the ``fingerprint`` of what was sent."""
        known = self._known.get(digest)
        if known is None:
            return None
        age_s = self._clock.monotonic_s() - self._catalog.polled_at_s
        now_us = self._clock.now_us()
        if age_s >= self._staleness_s_max or _has_ended(known, now_us):
            return None
        self._uses[known.key_id] = now_us
        return known

    def verify(self, text: str) -> Identity | None:
        """Return who sent this; None when nobody could have. May block: call it in a thread.

        Raises:
            StoreFailed: it is not known here, and the catalog can't be asked.
        """
        if known := self.peek(text):
            return known
        age_s = self._clock.monotonic_s() - self._catalog.polled_at_s
        if age_s >= self._staleness_s_max:
            self._catalog.poll_changes()
            if known := self.peek(text):
                return known
        # What was read before a change must not be remembered after it.
        generation = self._generation
        found = self._catalog.authenticate(text)
        if found is not None:
            self._remember(self.fingerprint(text), found, generation)
            self._uses[found.key_id] = self._clock.now_us()
        return found

    @staticmethod
    def fingerprint(text: str) -> bytes:
        """Return what a secret is remembered by: it can't be had back from it."""
        return sha256(text.encode("utf-8", "surrogatepass")).digest()

    def forget(self) -> None:
        """Forget every sender; the catalog calls this at each change."""
        with self._lock:
            self._generation += 1
            self._known.clear()

    def flush_uses(self) -> None:
        """Store when each key was last used, as far as not stored yet. Blocks.

        Raises:
            StoreFailed: nothing was stored; the next call tries again.
        """
        uses, self._uses = self._uses, {}
        try:
            self._catalog.note_uses(uses)
        except BaseException:
            self._uses = uses | self._uses
            raise

    def close(self) -> None:
        """Stop listening to the catalog and forget everything."""
        self._unsubscribe()
        self.forget()

    def _remember(self, digest: bytes, found: Identity, generation: int) -> None:
        with self._lock:
            if generation != self._generation:
                return
            while len(self._known) >= self._entries_max:
                del self._known[next(iter(self._known))]
            self._known[digest] = found


def _has_ended(known: Identity, now_us: int) -> bool:
    return known.expires_us is not None and known.expires_us <= now_us
