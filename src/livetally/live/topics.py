"""All open questions, by what they ask and by what touches them.

In the flow: receives questions from ``hub`` and commits from the writer, hands touched topics to
``rounds``.
Guarantee: a topic is here before its question is first asked, so that no commit falls between the
two; it is here only as long as somebody follows it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from livetally.ingest import Notice
from livetally.live.question import Commit, Question, Touched
from livetally.live.topic import Topic

__all__ = ["Topics"]


class Topics:
    """The register. Used on the event loop's thread only."""

    def __init__(self) -> None:
        """Start without any."""
        self._by_key: dict[str, Topic] = {}
        # By team and event type; None for those that every type touches.
        self._by_type: dict[tuple[int, str | None], set[Topic]] = {}

    def __len__(self) -> int:
        return len(self._by_key)

    def __iter__(self) -> Iterator[Topic]:
        return iter(tuple(self._by_key.values()))

    def find(self, key: str) -> Topic | None:
        """Return the topic of a question that is open already."""
        return self._by_key.get(key)

    def add(self, question: Question) -> Topic:
        """Open a question."""
        topic = self._by_key[question.key] = Topic(question)
        for kind in _kinds(question):
            self._by_type.setdefault((question.team, kind), set()).add(topic)
        return topic

    def remove(self, topic: Topic) -> None:
        """Close a question: it is not touched any more, and the next who asks it asks anew."""
        if topic.ended:
            return
        topic.ended = True
        del self._by_key[topic.question.key]
        for kind in _kinds(topic.question):
            key = (topic.question.team, kind)
            self._by_type[key].discard(topic)
            if not self._by_type[key]:
                del self._by_type[key]

    def touched_by(self, notice: Notice) -> Iterator[Topic]:
        """Let the topics that a commit can change take note of it; yield each of them once or more.

        A team may be told of a commit that changes nothing it sees; it never misses one.
        """
        commit = None if notice.rows is None else Commit(notice.position, notice.rows)
        for (team, kind), slots in notice.touched.items():
            topics = [*self._by_type.get((team, kind), ()), *self._by_type.get((team, None), ())]
            if not topics or not slots:
                continue
            touched = Touched(min(slots), max(slots), notice.position - 1, notice.position)
            for topic in topics:
                if topic.question.concerns(touched):
                    topic.touch(touched, notice.committed_us, commit)
                    yield topic


def _kinds(question: Question) -> Iterable[str | None]:
    return (None,) if question.types is None else question.types
