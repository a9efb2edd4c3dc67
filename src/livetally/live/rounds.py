"""Asks touched questions again, once for all who follow them, and tells what changed.

In the flow: receives touched topics from ``hub``, asks their questions, tells streams.
Guarantee: a question is asked at most once at a time, and for the touched buckets only, whatever
the number of clients; one that fails or is slow holds up no other.

The pace adapts by itself. A question that has rested is asked at once when a commit touches it;
then it rests as long as asking and telling took, at least ``tick_s_min`` and at most
``tick_s_max``. Only ``asking_max`` questions are asked at a time; the others wait in line. So live
views are as quick as the machine allows, and leave the rest of it to ingest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import structlog

from livetally.clock import US_PER_S, Clock
from livetally.errors import ClientError, LivetallyError
from livetally.live.question import Touched
from livetally.live.telling import Telling
from livetally.live.topic import Change, Topic
from livetally.telemetry import LIVE_DELAY_SECONDS

__all__ = ["Pace", "Rounds"]

_log = structlog.get_logger("livetally.live")

# So many clients are written to before the loop turns to other work.
_SLICE = 256


class Pace(NamedTuple):
    """Shortest and longest rest of a question and after a failure, seconds; how many are asked."""

    tick_s_min: float = 0.05
    tick_s_max: float = 1.0
    again_s: float = 1.0
    asking_max: int = 2


class Rounds:
    """The line of touched questions, and who works it off. Used on the event loop's thread."""

    def __init__(
        self, clock: Clock, pace: Pace, on_failure: Callable[[Topic, LivetallyError], None]
    ) -> None:
        """Work at ``pace``; ``on_failure`` ends a topic that can't be answered any more."""
        self._clock = clock
        self._pace = pace
        self._on_failure = on_failure
        self._line: asyncio.Queue[Topic] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    def want(self, topic: Topic) -> None:
        """Have a topic asked: now, or when it has rested."""
        if topic.queued:
            return
        topic.queued = True
        rest_s = topic.rest_until_s - self._clock.monotonic_s()
        if rest_s > 0:
            self._loop.call_later(rest_s, self._line.put_nowait, topic)
        else:
            self._line.put_nowait(topic)

    async def work(self) -> None:
        """Ask one question after the other until cancelled."""
        while True:
            topic = await self._line.get()
            if topic.followers:
                await self.refresh(topic)
            # However short the rests, other work has its turn.
            await asyncio.sleep(0)

    async def refresh(self, topic: Topic) -> None:
        """Ask a topic's question and tell what changed."""
        started_s = self._clock.monotonic_s()
        topic.asking = True
        touched, since_us = topic.pending, topic.pending_since_us
        topic.pending = topic.pending_since_us = None
        try:
            await self._ask(topic, touched)
        except ClientError as error:
            self._on_failure(topic, error)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not end other questions
            self._later(topic, error, touched, since_us)
        else:
            if since_us is not None:
                LIVE_DELAY_SECONDS.observe((self._clock.now_us() - since_us) / US_PER_S)
            took_s = self._clock.monotonic_s() - started_s
            self._rest(topic, min(max(took_s, self._pace.tick_s_min), self._pace.tick_s_max))
        finally:
            topic.asking = False

    async def begin(self, topic: Topic) -> None:
        """Tell of the buckets of a topic that have begun; not while it is asked."""
        if topic.asking or not topic.answered:
            return
        try:
            change = topic.begin(self._clock.now_us())
        except ClientError as error:
            self._on_failure(topic, error)
        else:
            if change is not None:
                await self.tell(topic, change)

    async def tell(self, topic: Topic, change: Change) -> None:
        """Write a change to everybody who follows the topic."""
        telling = Telling(topic, change)
        now_s = self._clock.monotonic_s()
        for number, (stream, places) in enumerate(tuple(topic.followers.items()), start=1):
            stream.tell(places, telling, now_s)
            if number % _SLICE == 0:
                await asyncio.sleep(0)

    async def _ask(self, topic: Topic, touched: Touched | None) -> None:
        question = topic.question
        if not topic.answered:
            # Whoever waits for the first answer reads it from the topic.
            topic.take(await question.ask({}, 0, None))
        else:
            begun = topic.begin(self._clock.now_us())
            if begun is not None:
                await self.tell(topic, begun)
            change = topic.take(await question.ask(topic.rows, topic.position, touched))
            if change is not None:
                await self.tell(topic, change)
        topic.settle()

    def _rest(self, topic: Topic, rest_s: float) -> None:
        topic.rest_until_s = self._clock.monotonic_s() + rest_s
        topic.queued = False
        if topic.pending is not None:
            self.want(topic)

    def _later(
        self, topic: Topic, error: Exception, touched: Touched | None, since_us: int | None
    ) -> None:
        """Try a question again that could not be asked now; nobody's picture is wrong meanwhile."""
        if not topic.answered:
            known = error if isinstance(error, LivetallyError) else LivetallyError()
            self._on_failure(topic, known)
            return
        _log.warning("live question not answered, trying again", error=str(error))
        if touched is not None and since_us is not None:
            topic.touch(touched, since_us)
        self._rest(topic, self._pace.again_s)
