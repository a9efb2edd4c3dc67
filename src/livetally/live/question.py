"""What can be asked live: the one shape that every kind of question has.

In the flow: made by ``api`` from a request, held by a topic, asked by ``rounds``.
Guarantee: nothing outside a question's own module knows what its rows are; they have a key, a
version, and an encoding.

A kind of question is a subclass: ``metric``, ``entities`` and ``tail``. They differ in how rows
leave an answer: never (a metric's buckets), named by their absence (a list of entities), pushed out
by newer ones (the tail of the events), or so that every change is sent whole (a metric's largest).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from livetally.store.events import EventRows

__all__ = ["Commit", "Question", "Reply", "RowKey", "Rows", "Touched", "Turn"]

RowKey = Hashable
"""What tells one row of a question from another."""

Rows = Mapping[RowKey, Any]
"""Rows by key; each has a ``version``: the newest position in it, 0 of a row without events."""


_NEWEST = 2**63 - 1


class Touched(NamedTuple):
    """The quarter-hour slots, first and last, that commits touched since a question was asked.

    The commits are those beyond ``after``, up to ``upto``. The store may be further by the time the
    question is asked; what a later commit changed elsewhere is not in these slots, and is asked for
    when it is noted. So an answer for these slots alone is true up to ``upto`` and no further.
    """

    first_slot: int
    last_slot: int
    after: int = _NEWEST
    upto: int = _NEWEST

    def joined(self, other: Touched | None) -> Touched:
        """Return the range that holds both; ``self`` is the later one."""
        if other is None:
            return self
        return Touched(
            min(self.first_slot, other.first_slot),
            max(self.last_slot, other.last_slot),
            min(self.after, other.after),
            max(self.upto, other.upto),
        )


class Commit:
    """The events of one commit, of every team; ``shared`` is what relatives read in them once."""

    __slots__ = ("position", "rows", "shared")

    def __init__(self, position: int, rows: EventRows) -> None:
        """Tell of a commit."""
        self.position = position
        self.rows = rows
        self.shared: dict[str, Any] = {}


class Reply(NamedTuple):
    """Rows, true at ``position`` or later: all there are, or those that changed.

    ``start_us`` and ``end_us`` are the range of all there are, of questions that have one.
    """

    rows: Rows
    position: int
    whole: bool
    start_us: int | None = None
    end_us: int | None = None


class Turn(NamedTuple):
    """What one of several questions is asked: as the arguments of ``Question.ask``."""

    question: Question
    known: Rows
    since: int
    touched: Touched | None


class Question(ABC):
    """One distinct question.

    Attributes:
        key: the same text for the same question; it names the team and the definitions' epoch.
        team: whose events are asked about.
        types: the event types whose commits can change the answer; None for all of the team's.
        sent_whole: rows may leave the answer, so that every change is sent as the whole of it.
        ordered: rows, whose keys are texts, may come, leave and move, and an update that says so
            names the keys of all of them in their order.
        overtaken: newer rows push out the oldest; clients drop those themselves.
        family: questions of the same family can be asked together; None for one that can't.
    """

    key: str
    team: int
    types: frozenset[str] | None
    sent_whole: bool = False
    ordered: bool = False
    overtaken: bool = False
    family: str | None = None

    @abstractmethod
    async def ask(self, known: Rows, since: int, touched: Touched | None) -> Reply:
        """Answer: everything when ``touched`` is None, else at least what changed after ``since``.

        Raises:
            ClientError: it can't be answered, now or later.
            ServerError: it can't be answered now.
        """

    def counted(
        self,
        known: Rows,  # noqa: ARG002 - for questions whose rows add up
        commits: Sequence[Commit],  # noqa: ARG002
        touched: Touched,  # noqa: ARG002
    ) -> Reply | None:
        """Work out what ``ask`` would answer from the commits alone; None when that can't be done.

        ``commits`` are all that ``known`` lacks, and some that it may have already.
        """
        return None

    async def ask_together(self, turns: Sequence[Turn]) -> Sequence[Reply | Exception]:
        """Answer several questions of this one's family, each as ``ask`` does: one by one.

        Raises:
            Exception: they can't be asked together; each by itself may still be answered.
        """
        replies: list[Reply | Exception] = []
        for turn in turns:
            try:
                replies.append(await turn.question.ask(turn.known, turn.since, turn.touched))
            except Exception as error:  # noqa: BLE001 - what is wrong with one is told to that one
                replies.append(error)
        return replies

    def taken(self, reply: Reply) -> None:  # noqa: B027 - for questions that remember more than rows
        """Take note that a reply is the known answer now; not every one becomes that."""

    @abstractmethod
    def encode(self, rows: Iterable[Any]) -> bytes:
        """Write rows as a JSON array without line breaks."""

    @abstractmethod
    def head(self) -> bytes:
        """Write the members of a snapshot that stand before its position, each with its comma."""

    def arranged(self, rows: Rows) -> Iterable[Any]:
        """Return the rows in the order of a snapshot."""
        return rows.values()

    def concerns(self, touched: Touched) -> bool:  # noqa: ARG002 - for questions with a range
        """Tell whether commits to these slots can change the answer."""
        return True

    def differs(self, old: Any, new: Any) -> bool:
        """Tell whether a client that has ``old`` must be told ``new``."""
        return bool(old != new)

    def lacking(self, rows: Rows, position: int) -> list[RowKey] | None:
        """Return which rows a client lacks that has seen ``position``; None: send it the whole."""
        if self.sent_whole:
            return None
        return [key for key, row in rows.items() if row.version > position]

    def moved_after(self, position: int) -> bool:  # noqa: ARG002 - for questions that are ordered
        """Tell whether rows may have come, left or moved after ``position``."""
        return False

    def begun(self, rows: Rows, now_us: int) -> Rows:  # noqa: ARG002 - for questions with buckets
        """Return the rows that exist from ``now_us`` on, only because time has passed.

        Raises:
            QueryTooLarge: with them there would be too many.
        """
        return {}
