"""Who waits to be asked, in the order in which they came; relatives are taken together.

In the flow: filled by ``rounds`` when topics are touched, emptied by its workers.
Guarantee: a topic is handed out once for each time it was added; a relative that still rests may
come before its turn, because beside another it costs next to nothing.
"""

from __future__ import annotations

import asyncio
from itertools import count, islice

from livetally.live.topic import Topic

__all__ = ["Line"]

_TOGETHER_MAX = 500


class Line:
    """Used on the event loop's thread only."""

    def __init__(self) -> None:
        """Start with nobody."""
        # Everybody who waits, each with the number of its ticket; and those whose turn it is.
        self._waiting: dict[Topic, int] = {}
        self._ready: dict[Topic, None] = {}
        self._families: dict[str, dict[Topic, None]] = {}
        self._numbers = count()
        self._news = asyncio.Event()

    def add(self, topic: Topic) -> int:
        """Let a topic wait; return its ticket."""
        ticket = self._waiting[topic] = next(self._numbers)
        family = topic.question.family
        if family is not None:
            self._families.setdefault(family, {})[topic] = None
        return ticket

    def ready(self, topic: Topic, ticket: int) -> None:
        """Let a topic have its turn, unless it has had it with a relative."""
        if self._waiting.get(topic) == ticket:
            self._ready[topic] = None
            self._news.set()

    async def take(self) -> list[Topic]:
        """Wait for the next topic; return it, and its relatives, all of which were answered."""
        while not self._ready:
            self._news.clear()
            await self._news.wait()
        first = next(iter(self._ready))
        together = [first]
        if first.answered and first.question.family is not None:
            family = self._families[first.question.family]
            others = (one for one in family if one.answered and one is not first)
            together += islice(others, _TOGETHER_MAX - 1)
        for topic in together:
            self._leave(topic)
        return together

    def _leave(self, topic: Topic) -> None:
        del self._waiting[topic]
        self._ready.pop(topic, None)
        family = topic.question.family
        if family is not None:
            del self._families[family][topic]
            if not self._families[family]:
                del self._families[family]
