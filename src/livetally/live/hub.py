"""Who asks what, and asking it again once for all of them when a commit touches it.

In the flow: receives notices from the writer and subscriptions from ``api``, asks ``query``, hands
changed rows to streams.
Guarantee: each distinct question is evaluated once in a tick, for the touched buckets only, whatever
the number of clients; a stream's ``id`` says a position only after all its questions are at it.

The tick adapts: it follows a commit at once when the last evaluation was quick, and waits as long
again as that one took when not, up to a second; so live views never take more than half of the
machine from ingest and questions.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from livetally.calendar import current_bucket
from livetally.clock import Clock
from livetally.errors import LivetallyError
from livetally.ingest import Notice
from livetally.live.stream import Stream
from livetally.live.topic import Encode, RowKey, Topic
from livetally.query import AnswerRow, Declared, MetricQuery, Runner, Window

__all__ = ["Hub", "HubLimits"]


class HubLimits(NamedTuple):
    """Bounds: the shortest and longest tick, heartbeat and stuck time in seconds; open streams."""

    tick_s_min: float = 0.02
    tick_s_max: float = 1.0
    heartbeat_s: float = 15.0
    stuck_s_max: float = 30.0
    streams_max: int = 20_000
    topics_max: int = 5_000


class Hub:
    """All open questions of the process. Used on the event loop's thread, but for ``notice``."""

    def __init__(
        self, runner: Runner, clock: Clock, encode: Encode, limits: HubLimits | None = None
    ) -> None:
        """Evaluate with ``runner``; ``encode`` writes rows for the wire."""
        self._runner = runner
        self._clock = clock
        self._encode = encode
        self.limits = limits or HubLimits()
        self._topics: dict[str, Topic] = {}
        self._filling: dict[str, asyncio.Future[Topic]] = {}
        self._followers: dict[str, dict[Stream, list[int]]] = {}
        self.streams: set[Stream] = set()
        self._touched: dict[tuple[int, str], set[int]] = {}
        self._seen = 0
        self.position = 0
        self._wake = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def notice(self, notice: Notice) -> None:
        """Take note of a commit; may be called from any thread, never blocks."""
        self._loop.call_soon_threadsafe(self._note, notice)

    def _note(self, notice: Notice) -> None:
        for key, slots in notice.touched.items():
            self._touched.setdefault(key, set()).update(slots)
        self._seen = max(self._seen, notice.position)
        self._wake.set()

    async def topic(self, key: str, query: MetricQuery, declared: Declared, team: int) -> Topic:
        """Return the topic of a question, evaluated; made when nobody else has asked it.

        Raises:
            LivetallyError: the question can't be answered.
        """
        if key in self._topics:
            return self._topics[key]
        if key in self._filling:
            return await asyncio.shield(self._filling[key])
        future = self._filling[key] = self._loop.create_future()
        try:
            topic = Topic(key, query, declared, team, self._encode)
            topic.fill(await self._runner.answer(query, declared, team))
            self._topics[key] = topic
            self._followers.setdefault(key, {})
            # What was committed while the question ran is looked at in the next tick.
            self._catch_up(topic)
            future.set_result(topic)
            return topic
        except BaseException as error:
            future.set_exception(error)
            future.exception()
            raise
        finally:
            del self._filling[key]

    def follow(self, stream: Stream, topic: Topic, place: int) -> None:
        """Tell ``stream`` of every change of ``topic``, as its subscription number ``place``."""
        self._topics.setdefault(topic.key, topic)
        self._followers.setdefault(topic.key, {}).setdefault(stream, []).append(place)
        self.streams.add(stream)

    def leave(self, stream: Stream) -> None:
        """Forget a stream, and the questions that only it asked."""
        self.streams.discard(stream)
        for subscription in stream.subscriptions:
            key = subscription.topic.key
            followers = self._followers.get(key)
            if followers is None:
                continue
            followers.pop(stream, None)
            if not followers:
                del self._followers[key]
                self._topics.pop(key, None)

    def forget(self, team: int | None) -> None:
        """End the streams of a team (None: of all) so that they come back to new definitions."""
        for stream in list(self.streams):
            if team is None or stream.team == team:
                stream.close()
        for key in [k for k, t in self._topics.items() if team is None or t.team == team]:
            del self._topics[key]

    async def run(self) -> None:
        """Evaluate touched questions until cancelled: the hub's whole life."""
        heartbeat_at = self._clock.monotonic_s() + self.limits.heartbeat_s
        while True:
            timeout = max(0.0, min(heartbeat_at, self._next_edge_s()) - self._clock.monotonic_s())
            try:
                await asyncio.wait_for(self._wake.wait(), timeout)
            except TimeoutError:
                pass
            self._wake.clear()
            started = self._clock.monotonic_s()
            await self._tick()
            took = self._clock.monotonic_s() - started
            if started >= heartbeat_at:
                self._heartbeat(started)
                heartbeat_at = started + self.limits.heartbeat_s
            await asyncio.sleep(min(max(took, self.limits.tick_s_min), self.limits.tick_s_max))

    async def _tick(self) -> None:
        touched, self._touched = self._touched, {}
        seen = self._seen
        work = [(topic, window) for topic in list(self._topics.values()) if (window := _window(topic, touched))]
        await asyncio.gather(*(self._evaluate(topic, window) for topic, window in work))
        self._begin_buckets()
        self.position = max(self.position, seen)
        for stream in self.streams:
            stream.reached(self.position)

    async def _evaluate(self, topic: Topic, window: Window) -> None:
        try:
            answer = await self._runner.answer(topic.query, topic.declared, topic.team, window)
            if topic.query.fill_zero and topic.lacks(answer.rows):
                # A new group has all buckets, and a new bucket brings the empty ones before it.
                answer = await self._runner.answer(topic.query, topic.declared, topic.team)
                topic.end_us = answer.end_us
        except LivetallyError as error:
            for stream in list(self._followers.get(topic.key, ())):
                stream.fail(error)
            return
        self._publish(topic, topic.change(answer.rows, answer.position))

    def _publish(self, topic: Topic, changed: list[RowKey]) -> None:
        if not changed:
            return
        body = topic.encoded(changed)
        for stream, places in self._followers.get(topic.key, {}).items():
            for place in places:
                stream.changed(place, changed, body)

    def _begin_buckets(self) -> None:
        """Add the empty bucket that has begun in each open, filled question."""
        now_us = self._clock.now_us()
        for topic in self._topics.values():
            edge = _open_edge(topic)
            if edge is None or now_us < edge:
                continue
            assert topic.query.interval is not None
            start, end = current_bucket(topic.query.interval, topic.query.zone, now_us)
            topic.end_us = end
            if any(key[0] == start for key in topic.rows):
                continue
            groups = {key[1] for key in topic.rows} or {()}
            rows = [AnswerRow(start, group, topic.empty, 0) for group in groups]
            self._publish(topic, topic.change(rows, topic.position))

    def _next_edge_s(self) -> float:
        """Return the monotonic time at which the next open bucket begins."""
        edges = [edge for topic in self._topics.values() if (edge := _open_edge(topic))]
        if not edges:
            return float("inf")
        return self._clock.monotonic_s() + max(0, min(edges) - self._clock.now_us()) / 1e6

    def _heartbeat(self, now_s: float) -> None:
        for stream in list(self.streams):
            if stream.sending_since_s and now_s - stream.sending_since_s > self.limits.stuck_s_max:
                stream.close()
            else:
                stream.beat()

    def _catch_up(self, topic: Topic) -> None:
        if self._seen > topic.position:
            self._wake.set()


def _window(topic: Topic, touched: dict[tuple[int, str], set[int]]) -> Window | None:
    """Return the part of a topic's question that the touched slots fall into."""
    slots: set[int] = set()
    for kind in topic.types:
        slots |= touched.get((topic.team, kind), set())
    if not slots:
        return None
    return Window(min(slots), max(slots), topic.position)


def _open_edge(topic: Topic) -> int | None:
    query = topic.query
    if query.interval is None or not query.fill_zero or query.end_us is not None:
        return None
    return topic.end_us
