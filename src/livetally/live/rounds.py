"""Asks touched questions again, once for all who follow them, and tells what changed.

In the flow: receives touched topics from ``hub``, asks their questions, tells streams.
Guarantee: a question is asked at most once at a time, and for the touched buckets only, whatever
the number of clients; one that fails or is slow holds up no other.

What a small commit adds to counts and sums is worked out from its events, and no question is asked.

The pace adapts by itself. A question that has rested is asked at once when a commit touches it;
then it rests half as long as asking and telling took, but until ``tick_s_min`` after it was last
begun, and at most ``tick_s_max``. Questions that differ in the values of filters are asked as one.
Only ``asking_max`` are asked at a time; the others wait in line. So live views are as quick as the
machine allows, and leave the rest of it to ingest.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import structlog

from livetally.clock import US_PER_S, Clock
from livetally.errors import ClientError, LivetallyError
from livetally.live.line import Line
from livetally.live.question import Commit, Reply, Touched, Turn
from livetally.live.telling import Telling
from livetally.live.topic import Change, Topic
from livetally.telemetry import LIVE_ANSWERS, LIVE_DELAY_SECONDS
from livetally.tracing import span

__all__ = ["Pace", "Rounds"]

_log = structlog.get_logger("livetally.live")

# So many clients are written to before the loop turns to other work.
_SLICE = 256
# Of the time that a round took, its question rests.
_REST = 0.5


class Pace(NamedTuple):
    """How fast questions are asked again.

    Shortest time from round to round, longest rest, and rest after a failure, seconds; how many are
    asked at a time.
    """

    tick_s_min: float = 0.05
    tick_s_max: float = 1.0
    again_s: float = 1.0
    asking_max: int = 2


class _Turn(NamedTuple):
    """A topic that is asked: what touched it, when the first of that was committed, which events.

    ``commits`` is None where the events are not all known.
    """

    topic: Topic
    touched: Touched | None
    since_us: int | None
    commits: list[Commit] | None


class Rounds:
    """The line of touched questions, and who works it off. Used on the event loop's thread."""

    def __init__(
        self, clock: Clock, pace: Pace, on_failure: Callable[[Topic, LivetallyError], None]
    ) -> None:
        """Work at ``pace``; ``on_failure`` ends a topic that can't be answered any more."""
        self._clock = clock
        self._pace = pace
        self._on_failure = on_failure
        self._line = Line()
        self._loop = asyncio.get_running_loop()

    def want(self, topic: Topic) -> None:
        """Have a topic asked: now, or when it has rested."""
        if topic.queued:
            return
        topic.queued = True
        ticket = self._line.add(topic)
        rest_s = topic.rest_until_s - self._clock.monotonic_s()
        if rest_s > 0:
            self._loop.call_later(rest_s, self._line.ready, topic, ticket)
        else:
            self._line.ready(topic, ticket)

    async def work(self) -> None:
        """Ask one question, or a family of them, after the other until cancelled."""
        while True:
            topics = [topic for topic in await self._line.take() if topic.followers]
            if topics:
                with span("live round", {"livetally.questions": len(topics)}):
                    await self.refresh(topics)
            # However short the rests, other work has its turn.
            await asyncio.sleep(0)

    async def refresh(self, topics: list[Topic]) -> None:
        """Ask the questions of topics that are relatives, and tell what changed."""
        started_s = self._clock.monotonic_s()
        turns = [_turn(topic) for topic in topics]
        try:
            turns = [turn for turn in turns if await self._begins(turn)]
            replies = await self._replies(turns)
            for turn, reply in zip(turns, replies, strict=True):
                await self._finish(turn, reply, started_s)
        finally:
            for topic in topics:
                topic.asking = False

    async def _begins(self, turn: _Turn) -> bool:
        """Tell of buckets that have begun, so that they are known before the question is asked."""
        topic = turn.topic
        try:
            begun = topic.begin(self._clock.now_us()) if topic.answered else None
        except Exception as error:  # noqa: BLE001 - as below
            self._failed(turn, error)
            return False
        if begun is not None:
            await self.tell(topic, begun)
        return True

    async def _finish(self, turn: _Turn, reply: Reply | Exception, started_s: float) -> None:
        topic = turn.topic
        if isinstance(reply, Exception):
            self._failed(turn, reply)
            return
        try:
            change = topic.take(reply)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not end other questions
            self._failed(turn, error)
            return
        # Whoever waits for the first answer reads it from the topic.
        if topic.answered and change is not None:
            await self.tell(topic, change)
        topic.settle()
        topic.asking = False
        if turn.since_us is not None:
            LIVE_DELAY_SECONDS.observe((self._clock.now_us() - turn.since_us) / US_PER_S)
        took_s = self._clock.monotonic_s() - started_s
        rest_s = max(took_s * _REST, self._pace.tick_s_min - took_s)
        self._rest(topic, min(rest_s, self._pace.tick_s_max))

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

    async def _replies(self, turns: list[_Turn]) -> list[Reply | Exception]:
        """Work out what can be from the commits alone, and ask for the rest."""
        counted = [_counted(turn) for turn in turns]
        left = [turn for turn, reply in zip(turns, counted, strict=True) if reply is None]
        LIVE_ANSWERS.labels("commits").inc(len(turns) - len(left))
        asked = iter(await self._asked(left))
        return [next(asked) if reply is None else reply for reply in counted]

    async def _asked(self, turns: list[_Turn]) -> list[Reply | Exception]:
        """Ask a family with one question; each by itself where that is not possible."""
        LIVE_ANSWERS.labels("store").inc(len(turns))
        if len(turns) > 1:
            asked = [
                Turn(turn.topic.question, turn.topic.rows, turn.topic.position, turn.touched)
                for turn in turns
            ]
            try:
                return list(await turns[0].topic.question.ask_together(asked))
            except Exception as error:  # noqa: BLE001 - what is wrong with one is told to that one
                _log.info("live questions not answered together", error=str(error))
        return [await self._reply(turn) for turn in turns]

    async def _reply(self, turn: _Turn) -> Reply | Exception:
        topic = turn.topic
        try:
            if not topic.answered:
                return await topic.question.ask({}, 0, None)
            return await topic.question.ask(topic.rows, topic.position, turn.touched)
        except Exception as error:  # noqa: BLE001 - told apart where it is handled
            return error

    def _rest(self, topic: Topic, rest_s: float) -> None:
        topic.rest_until_s = self._clock.monotonic_s() + rest_s
        topic.queued = False
        if topic.pending is not None:
            self.want(topic)

    def _failed(self, turn: _Turn, error: Exception) -> None:
        """End what can't be answered; try again what can't be asked now: no picture is wrong."""
        topic = turn.topic
        topic.asking = False
        if isinstance(error, ClientError):
            self._on_failure(topic, error)
            return
        if not topic.answered:
            known = error if isinstance(error, LivetallyError) else LivetallyError()
            self._on_failure(topic, known)
            return
        _log.warning("live question not answered, trying again", error=str(error))
        if turn.touched is not None and turn.since_us is not None:
            topic.touch(turn.touched, turn.since_us)
        self._rest(topic, self._pace.again_s)


def _turn(topic: Topic) -> _Turn:
    """Take what is known to have touched a topic."""
    since_us = topic.pending_since_us
    turn = _Turn(topic, topic.pending, since_us, topic.commits)
    topic.begin_turn()
    return turn


def _counted(turn: _Turn) -> Reply | None:
    """Return what the commits add to an answer, None when the store has to be asked."""
    topic = turn.topic
    if not topic.answered or turn.touched is None or turn.commits is None:
        return None
    try:
        return topic.question.counted(topic.rows, turn.commits, turn.touched)
    except Exception as error:  # noqa: BLE001 - the store is asked instead
        _log.warning("live question not worked out from its commits", error=str(error))
        return None
