"""One distinct open question: its rows, who follows it, and what is known to have touched it.

In the flow: held by ``topics``, refreshed by ``rounds``, read by streams.
Guarantee: ``rows`` is what a fresh query at ``position`` would say; a row's version never goes
back; ``told`` is never beyond what every follower has been told.

The rows are kept in full, because they are what a client that comes back is compared with: resuming
needs the versions of the rows and no history of messages.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

import msgspec

from livetally.errors import LivetallyError
from livetally.live.frames import SNAPSHOT, UPDATE, frame, payload
from livetally.live.question import Commit, Question, Reply, RowKey, Rows, Touched

__all__ = ["Change", "Follower", "Place", "Topic"]

_RESUMES_MAX = 64
# So many commits, and events of them, are kept until the next turn; beyond, the store is asked.
_COMMITS_MAX = 200
_EVENTS_MAX = 5_000


class Change(NamedTuple):
    """What followers must be told: rows by key, or None for the whole; and whether rows moved."""

    keys: tuple[RowKey, ...] | None
    moved: bool = False


class Follower(Protocol):
    """Whoever is told what changes in a topic: a stream."""

    def tell(self, places: list[Place], telling: Any, now_s: float) -> None:
        """Take a ``Telling`` of the question that is asked at ``places``."""
        ...

    def fail(self, frame: bytes) -> None:
        """Take the frame that says why the question can't be answered any more."""
        ...


class Topic:
    """The state of one question. Used on the event loop's thread only."""

    def __init__(self, question: Question) -> None:
        """Start without rows; nobody is shown the topic before it was asked."""
        self.question = question
        self.rows: dict[RowKey, object] = {}
        self.position = 0
        self.told = 0
        # Where each follower asks it: once, or more than once.
        self.followers: dict[Follower, list[Place]] = {}
        # What commits touched since it was last asked, and when the first of them was committed.
        self.pending: Touched | None = None
        self.pending_since_us: int | None = None
        # Those commits with their events; None when those of one are not known, or are too many.
        self.commits: list[Commit] | None = []
        self._events = 0
        # Between being touched and every follower having been told.
        self.unsettled = True
        self.queued = False
        self.asking = False
        self.rest_until_s = 0.0
        # Nobody new may follow it: its definitions have changed, or nobody was left.
        self.ended = False
        self.failure: LivetallyError | None = None
        self.answered = False
        # Set, and replaced, whenever any of the above has moved.
        self._news = asyncio.Event()
        self._vanished_at = 0
        self._whole: bytes | None = None
        self._resumes: dict[int, bytes | None] = {}

    def touch(self, touched: Touched, committed_us: int, commit: Commit | None = None) -> None:
        """Take note of a commit that can change the answer, and of its events if they are known."""
        self._remember(commit)
        self.pending = touched.joined(self.pending)
        if self.pending_since_us is None:
            self.pending_since_us = committed_us
        self.unsettled = True

    def _remember(self, commit: Commit | None) -> None:
        if commit is None:
            self.commits = None
        elif self.commits is not None and commit not in self.commits[-1:]:
            self.commits.append(commit)
            self._events += len(commit.rows.id)
            if self._events > _EVENTS_MAX or len(self.commits) > _COMMITS_MAX:
                self.commits = None

    def begin_turn(self) -> None:
        """Forget what touched it: from now on that is for the next turn."""
        self.pending = self.pending_since_us = None
        self.commits, self._events = [], 0
        self.asking = True

    def true_at(self, seen: int) -> int:
        """Return up to where all followers know this answer; commits up to ``seen`` are noted."""
        return self.told if self.unsettled else max(self.told, seen)

    def settle(self) -> None:
        """Take note that every follower has been told what the last answer said."""
        self.told = self.position
        self.unsettled = self.pending is not None
        self.answered = True
        self._wake()

    def fail(self, error: LivetallyError) -> None:
        """Take note that the question can't be answered any more."""
        self.failure = error
        self._wake()

    async def reach(self, position: int) -> None:
        """Wait until the rows are those of ``position`` or later.

        Raises:
            LivetallyError: the question can't be answered.
        """
        while self.failure is None:
            if self.answered and (self.told >= position or not self.unsettled or self.ended):
                return
            await self._news.wait()
        raise self.failure.with_traceback(None)

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    def take(self, reply: Reply) -> Change | None:
        """Take an answer; return what is new in it."""
        self._forget_encodings()
        self.question.taken(reply)
        old = self.rows
        differs = self.question.differs
        changed = tuple(
            key for key, row in reply.rows.items() if key not in old or differs(old[key], row)
        )
        if reply.whole:
            self.rows = dict(reply.rows)
        else:
            self.rows.update(reply.rows)
        self.position = max(self.position, reply.position)
        return self._change(old, changed)

    def _change(self, old: Rows, changed: tuple[RowKey, ...]) -> Change | None:
        """Return what followers must be told who have ``old``."""
        question = self.question
        moved = (question.ordered or question.sent_whole) and list(old) != list(self.rows)
        if question.ordered:
            return Change(changed, moved) if changed or moved else None
        gone = not old.keys() <= self.rows.keys()
        if question.overtaken:
            # Of rows that are all new, nobody knows how many came before them.
            gone = bool(old) and old.keys().isdisjoint(self.rows)
        elif gone:
            self._vanished_at = self.position
        if gone or moved or (changed and question.sent_whole):
            return Change(None)
        return Change(changed) if changed else None

    def begin(self, now_us: int) -> Change | None:
        """Add the rows that exist because time has passed.

        Raises:
            QueryTooLarge: there would be too many.
        """
        rows = self.question.begun(self.rows, now_us)
        if not rows:
            return None
        self._forget_encodings()
        self.rows.update(rows)
        return Change(tuple(rows))

    def snapshot(self, prefix: bytes) -> bytes:
        """Return the frame with all rows; they are encoded once for all who ask."""
        if self._whole is None:
            question = self.question
            rows = question.encode(question.arranged(self.rows))
            self._whole = payload(question.head(), self.position, rows)
        return frame(SNAPSHOT, prefix, self._whole)

    def update(self, prefix: bytes, keys: Iterable[RowKey], *, moved: bool = False) -> bytes:
        """Return the frame with the present rows of ``keys``; with the order if they ``moved``."""
        return frame(UPDATE, prefix, self._update_payload(keys, moved=moved))

    def since(self, prefix: bytes, position: int) -> bytes:
        """Return the frame for a client that has seen ``position``; nothing when it lacks nothing.

        Those who come back together, after a restart, mostly saw the same position.
        """
        if position < self._vanished_at:
            return self.snapshot(prefix)
        if position not in self._resumes:
            if len(self._resumes) >= _RESUMES_MAX:
                self._resumes.clear()
            self._resumes[position] = self._lacking(position)
        members = self._resumes[position]
        if members is None:
            return self.snapshot(prefix)
        return frame(UPDATE, prefix, members) if members else b""

    def _lacking(self, position: int) -> bytes | None:
        keys = self.question.lacking(self.rows, position)
        if keys is None:
            return None
        moved = self.question.moved_after(position)
        return self._update_payload(keys, moved=moved) if keys or moved else b""

    def _update_payload(self, keys: Iterable[RowKey], *, moved: bool) -> bytes:
        rows = [self.rows[key] for key in keys if key in self.rows]
        order = msgspec.json.encode(list(self.rows)) if moved else b""
        return payload(b"", self.position, self.question.encode(rows), order)

    def _forget_encodings(self) -> None:
        self._whole = None
        self._resumes.clear()


class Place:
    """One question of a stream; ``prefix`` tells the client which."""

    __slots__ = ("dirty", "moved", "prefix", "topic", "whole")

    def __init__(self, topic: Topic, prefix: bytes) -> None:
        """Ask what ``topic`` answers."""
        self.topic = topic
        self.prefix = prefix
        # Rows that changed and were not sent, whether any moved, or all of them.
        self.dirty: dict[RowKey, None] | None = None
        self.moved = False
        self.whole = False

    def mark(self, change: Change) -> None:
        """Take note of what is to be sent."""
        self.moved |= change.moved
        if change.keys is None:
            self.whole = True
        elif not self.whole:
            self.dirty = (self.dirty or {}) | dict.fromkeys(change.keys)
            # Rows that have left meanwhile would pile up; and a tail would have a gap.
            self.whole = len(self.dirty) > len(self.topic.rows)

    def take(self) -> bytes:
        """Return the frame of what is to be sent, empty when that is nothing."""
        whole, dirty, moved = self.whole, self.dirty, self.moved
        self.whole, self.dirty, self.moved = False, None, False
        if whole:
            return self.topic.snapshot(self.prefix)
        return self.topic.update(self.prefix, dirty or {}, moved=moved) if dirty or moved else b""
