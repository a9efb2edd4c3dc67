"""One client's connection: what it must still be told, in as few bytes as that takes.

In the flow: told by the hub what changed, read by ``api``, which sends the bytes.
Guarantee: memory is bounded by the rows of the client's questions, never by how slow it is: what it
has not been sent is a set of row keys, and the rows are read when it is ready for them. An ``id`` is
sent only when everything up to that position has been.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import NamedTuple

from livetally.errors import LivetallyError
from livetally.live.topic import RowKey, Topic

__all__ = ["Stream", "Subscription"]

Head = Callable[[Topic], bytes]
"""Writes the members of a snapshot that stand before its rows, each followed by a comma."""


class Subscription(NamedTuple):
    """One question of a stream; ``prefix`` tells the client which (empty when there is but one)."""

    topic: Topic
    prefix: bytes


class _Dirty:
    """Rows of one subscription not sent yet; ``body`` is their shared encoding while it holds."""

    __slots__ = ("body", "keys")

    def __init__(self, keys: list[RowKey], body: bytes | None) -> None:
        self.keys: list[RowKey] | dict[RowKey, None] = keys
        self.body = body

    def add(self, keys: Iterable[RowKey]) -> None:
        merged = dict.fromkeys(self.keys)
        merged.update(dict.fromkeys(keys))
        self.keys = merged
        self.body = None


class Stream:
    """What one client must be told. Used on the event loop's thread only."""

    def __init__(self, team: int, epoch: str, head: Head) -> None:
        """Belong to ``team``; ``epoch`` goes into every id."""
        self.team = team
        self.subscriptions: list[Subscription] = []
        self.sending_since_s = 0.0
        self.closed = False
        self.failure: LivetallyError | None = None
        self._epoch = epoch
        self._head = head
        self._dirty: dict[int, _Dirty] = {}
        self._position = 0
        self._beat = False
        self._ready = asyncio.Event()

    def subscribe(self, topic: Topic, prefix: bytes) -> int:
        """Add a question; return its place."""
        self.subscriptions.append(Subscription(topic, prefix))
        return len(self.subscriptions) - 1

    def changed(self, place: int, keys: list[RowKey], body: bytes) -> None:
        """Take note that rows of subscription ``place`` changed; ``body`` is their encoding."""
        dirty = self._dirty.get(place)
        if dirty is None:
            self._dirty[place] = _Dirty(keys, body)
        else:
            dirty.add(keys)

    def reached(self, position: int) -> None:
        """Take note that every question is now at ``position``; send what is dirty."""
        self._position = max(self._position, position)
        if self._dirty:
            self._ready.set()

    def beat(self) -> None:
        """Ask for a sign of life."""
        self._beat = True
        self._ready.set()

    def fail(self, error: LivetallyError) -> None:
        """End the stream with a problem."""
        self.failure = error
        self.close()

    def close(self) -> None:
        """End the stream after what is being sent."""
        self.closed = True
        self._ready.set()

    def opening(self, resume_from: int | None) -> bytes:
        """Return the first bytes: a snapshot, or what changed since position ``resume_from``."""
        frames = []
        for place, (topic, prefix) in enumerate(self.subscriptions):
            self._dirty.pop(place, None)
            if resume_from is None:
                rows = topic.encoded_all()
                frames.append(_frame(b"snapshot", prefix, self._head(topic), topic.position, rows))
            elif keys := topic.changed_since(resume_from):
                frames.append(_frame(b"update", prefix, b"", topic.position, topic.encoded(keys)))
        positions = [subscription.topic.position for subscription in self.subscriptions]
        self._position = min(positions, default=0)
        return self._with_id(frames)

    async def next_bytes(self) -> bytes | None:
        """Wait for something to send; None when the stream is to end. Cancel-safe."""
        while True:
            await self._ready.wait()
            self._ready.clear()
            if self.closed:
                return None
            frames = [self._update(place, dirty) for place, dirty in self._dirty.items()]
            self._dirty.clear()
            if frames or self._beat:
                self._beat = False
                return self._with_id(frames)

    def _update(self, place: int, dirty: _Dirty) -> bytes:
        topic, prefix = self.subscriptions[place]
        rows = dirty.body if dirty.body is not None else topic.encoded(dirty.keys)
        return _frame(b"update", prefix, b"", topic.position, rows)

    def _with_id(self, frames: list[bytes]) -> bytes:
        """Put the id into the last frame: a cut before it repeats the others, which is harmless.

        Without any frame the id alone is the heartbeat: it moves the client's position on.
        """
        identity = b"id: %s.%d\n" % (self._epoch.encode(), self._position)
        if not frames:
            return identity + b"\n"
        return b"".join(frames[:-1]) + identity + frames[-1]


def _frame(event: bytes, prefix: bytes, head: bytes, position: int, rows: bytes) -> bytes:
    return b'event: %s\ndata: {%s%s"position":%d,"rows":%s}\n\n' % (
        event,
        prefix,
        head,
        position,
        rows,
    )
