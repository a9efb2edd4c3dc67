"""Who asks what: the door through which streams and commits come into this room.

In the flow: receives commits from the writer, identities and questions from ``api``; hands them to
``topics``, ``rounds`` and ``upkeep``.
Guarantee: a stream is counted from before its first question is asked until it has left; a question
is open exactly as long as a stream follows it.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import anyio

from livetally.clock import Clock
from livetally.errors import LivetallyError, Overloaded, QuotaExceeded
from livetally.ingest import Notice
from livetally.live.question import Question
from livetally.live.rounds import Pace, Rounds
from livetally.live.stream import Stream
from livetally.live.topic import Place, Topic
from livetally.live.topics import Topics
from livetally.live.upkeep import Patience, Recheck, Upkeep
from livetally.telemetry import LIVE_STREAMS
from livetally.tenancy import Identity

__all__ = ["Hub", "HubLimits", "Problem"]

Problem = Callable[[LivetallyError, bytes], bytes]
"""Writes the frame that says why the question with this prefix can't be answered."""

_EDGES_S = 0.25
_RETRY_AFTER_S = 30


class HubLimits(NamedTuple):
    """Bounds: open streams, those of one key, distinct open questions; pace and patience."""

    streams_max: int = 20_000
    key_streams_max: int = 12_000
    topics_max: int = 5_000
    pace: Pace = Pace()
    patience: Patience = Patience()


class Hub:
    """All open streams of the process. Used on the event loop's thread, but where it says so."""

    def __init__(
        self, clock: Clock, recheck: Recheck, problem: Problem, limits: HubLimits | None = None
    ) -> None:
        """Ask ``recheck`` about identities whose keys may have changed."""
        self.limits = limits or HubLimits()
        self.streams: set[Stream] = set()
        # The newest commit that all touched topics have taken note of.
        self.seen = 0
        self._clock = clock
        self._problem = problem
        self._of_key: Counter[str] = Counter()
        self._topics = Topics()
        self._rounds = Rounds(clock, self.limits.pace, self._failed)
        self._upkeep = Upkeep(self.streams, clock, recheck, self.limits.patience)
        self._closing = False
        self._loop = asyncio.get_running_loop()
        self.keys_changed = self._upkeep.keys_changed

    def notice(self, notice: Notice) -> None:
        """Take note of a commit; may be called from any thread, never blocks."""
        self._loop.call_soon_threadsafe(self._note, notice)

    def _note(self, notice: Notice) -> None:
        for topic in self._topics.touched_by(notice):
            self._rounds.want(topic)
        self.seen = max(self.seen, notice.position)

    def join(self, who: Identity, epoch: str) -> Stream:
        """Admit a stream; whoever gets it sees to it that it leaves.

        Raises:
            QuotaExceeded: too many are open, of this key or of all.
            Overloaded: the server is about to stop.
        """
        if self._closing:
            raise Overloaded("The server is about to stop.")
        limits = self.limits
        if len(self.streams) >= limits.streams_max:
            raise QuotaExceeded(f"{limits.streams_max} streams are open already.", _RETRY_AFTER_S)
        if self._of_key[who.key_id] >= limits.key_streams_max:
            raise QuotaExceeded(
                f"{limits.key_streams_max} streams of this key are open already.", _RETRY_AFTER_S
            )
        stream = Stream(self, who, epoch, self._upkeep.ends_s())
        self.streams.add(stream)
        self._of_key[who.key_id] += 1
        LIVE_STREAMS.set(len(self.streams))
        return stream

    def follow(self, stream: Stream, question: Question, prefix: bytes) -> Place:
        """Add a question to a stream that is not open yet; wait for it with ``answered``.

        Raises:
            Overloaded: too many distinct questions are open.
        """
        topic = self._topics.find(question.key)
        if topic is None:
            if len(self._topics) >= self.limits.topics_max:
                raise Overloaded(f"{self.limits.topics_max} distinct questions are open already.")
            topic = self._topics.add(question)
            self._rounds.want(topic)
        place = Place(topic, prefix)
        stream.places.append(place)
        topic.followers.setdefault(stream, []).append(place)
        return place

    async def answered(self, stream: Stream, place: Place) -> None:
        """Wait for an answer at the last commit that was acknowledged before the call, or later.

        Raises:
            LivetallyError: the question can't be answered; the stream follows it no more.
        """
        topic = place.topic
        try:
            await topic.reach(self.seen)
        except LivetallyError:
            stream.places.remove(place)
            topic.followers[stream].remove(place)
            if not topic.followers[stream]:
                del topic.followers[stream]
            self._drop_if_left(topic)
            raise

    def leave(self, stream: Stream) -> None:
        """Forget a stream, and the questions that only it asked."""
        if stream not in self.streams:
            return
        self.streams.discard(stream)
        self._of_key[stream.who.key_id] -= 1
        if not self._of_key[stream.who.key_id]:
            del self._of_key[stream.who.key_id]
        for place in stream.places:
            place.topic.followers.pop(stream, None)
            self._drop_if_left(place.topic)
        stream.places = []
        LIVE_STREAMS.set(len(self.streams))

    def _drop_if_left(self, topic: Topic) -> None:
        if not topic.followers:
            self._topics.remove(topic)

    def _failed(self, topic: Topic, error: LivetallyError) -> None:
        """End what follows a question that can't be answered any more."""
        self._topics.remove(topic)
        topic.fail(error)
        for stream, places in tuple(topic.followers.items()):
            stream.fail(self._problem(error, places[0].prefix))

    def forget(self, team: int | None) -> None:
        """End the streams of a team (None: of all) so that they come back to new definitions."""
        for stream in tuple(self.streams):
            if team is None or stream.who.team == team:
                stream.end()
        for topic in self._topics:
            if team is None or topic.question.team == team:
                self._topics.remove(topic)

    async def run(self) -> None:
        """Ask, tell and look after streams until cancelled: the hub's whole life."""
        async with anyio.create_task_group() as tasks:
            for _ in range(self.limits.pace.asking_max):
                tasks.start_soon(self._rounds.work)
            tasks.start_soon(self._begin_buckets)
            tasks.start_soon(self._upkeep.look)
            tasks.start_soon(self._upkeep.watch_keys)

    async def _begin_buckets(self) -> None:
        while True:
            for topic in self._topics:
                await self._rounds.begin(topic)
            await asyncio.sleep(_EDGES_S)

    async def close(self) -> None:
        """Admit no more streams and let the open ones go, spread over a short time."""
        self._closing = True
        await self._upkeep.close(self.streams)
