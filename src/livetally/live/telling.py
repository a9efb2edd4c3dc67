"""One change of one question, on its way to everybody who follows it.

In the flow: made by ``rounds`` for each change, asked for bytes by streams.
Guarantee: a change is encoded once, however many clients it goes to; those who ask the same
question in the same place at the same position are sent the very same bytes.
"""

from __future__ import annotations

from livetally.live.frames import numbered
from livetally.live.topic import Change, Topic

__all__ = ["Telling"]


class Telling:
    """The bytes of a change, made when they are first asked for."""

    __slots__ = ("_numbered", "_plain", "change", "position", "topic")

    def __init__(self, topic: Topic, change: Change) -> None:
        """Tell ``change`` of ``topic``, which is at its position now."""
        self.topic = topic
        self.change = change
        self.position = topic.position
        self._plain: dict[bytes, bytes] = {}
        self._numbered: dict[tuple[bytes, bytes, int], bytes] = {}

    def plain(self, prefix: bytes) -> bytes:
        """Return the frame without an id."""
        found = self._plain.get(prefix)
        if found is None:
            keys, moved = self.change
            topic = self.topic
            if keys is None:
                found = topic.snapshot(prefix)
            else:
                found = topic.update(prefix, keys, moved=moved)
            self._plain[prefix] = found
        return found

    def numbered(self, prefix: bytes, epoch: bytes, position: int) -> bytes:
        """Return the frame with the id that ``epoch`` and ``position`` make."""
        key = (prefix, epoch, position)
        found = self._numbered.get(key)
        if found is None:
            found = self._numbered[key] = numbered([self.plain(prefix)], epoch, position)
        return found
