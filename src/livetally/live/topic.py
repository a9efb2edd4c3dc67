"""One distinct open question: its rows, and what changed in them.

In the flow: held by the hub; receives re-evaluated rows, hands encoded changes to streams.
Guarantee: ``rows`` is what a fresh query at ``position`` would say; a row's version never goes back.

The rows are kept in full, because they are what a client that comes back is compared with: resuming
needs the versions of the rows and no history of messages.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from livetally.query import Answer, AnswerRow, Declared, MetricQuery, empty_value

__all__ = ["RowKey", "Topic"]

RowKey = tuple[int | None, tuple[str | int | float | bool | None, ...]]
"""Bucket start and group: what tells one row of a question from another."""

Encode = Callable[[MetricQuery, Iterable[AnswerRow]], bytes]
"""Writes rows as a JSON array."""


class Topic:
    """The state of one question. Used on the event loop's thread only."""

    def __init__(
        self, key: str, query: MetricQuery, declared: Declared, team: int, encode: Encode
    ) -> None:
        """Start without rows; the hub fills them in before anyone sees the topic."""
        self.key = key
        self.query = query
        self.declared = declared
        self.team = team
        self.rows: dict[RowKey, AnswerRow] = {}
        self.position = 0
        self.types = frozenset(_types(query.metric, declared))
        # The range that the first answer covered, for the head of a snapshot.
        self.start_us: int | None = None
        self.end_us: int | None = None
        self.empty = empty_value(declared.metric(query.metric))
        self._encode = encode
        self._snapshot: bytes | None = None

    def fill(self, answer: Answer) -> None:
        """Take the first answer."""
        self.rows = {(row.bucket_us, row.keys): row for row in answer.rows}
        self.position = answer.position
        self.start_us, self.end_us = answer.start_us, answer.end_us
        self._snapshot = None

    def change(self, rows: Iterable[AnswerRow], position: int) -> list[RowKey]:
        """Take re-evaluated rows, true at ``position``; return the keys of those that changed."""
        changed: list[RowKey] = []
        for row in rows:
            key = (row.bucket_us, row.keys)
            if self.rows.get(key) != row:
                self.rows[key] = row
                changed.append(key)
        self.position = max(self.position, position)
        if changed:
            self._snapshot = None
        return changed

    def lacks(self, rows: Iterable[AnswerRow]) -> bool:
        """Tell whether any of ``rows`` is of a bucket or group that has no row yet."""
        return any((row.bucket_us, row.keys) not in self.rows for row in rows)

    def encoded(self, keys: Iterable[RowKey]) -> bytes:
        """Return the present rows of ``keys`` as a JSON array."""
        return self._encode(self.query, [self.rows[key] for key in keys])

    def encoded_all(self) -> bytes:
        """Return all rows as a JSON array, in the order of the buckets; encoded once."""
        if self._snapshot is None:
            ordered = sorted(self.rows, key=lambda key: key[0] or 0)
            self._snapshot = self.encoded(ordered)
        return self._snapshot

    def changed_since(self, position: int) -> list[RowKey]:
        """Return what a client that has seen ``position`` lacks.

        Empty buckets have no version; those after the last bucket with events may have begun
        meanwhile, so they are sent again.
        """
        newest = max((key[0] or 0 for key, row in self.rows.items() if row.version), default=0)
        return [
            key
            for key, row in self.rows.items()
            if row.version > position or (not row.version and (key[0] or 0) >= newest)
        ]


def _types(name: str, declared: Declared) -> set[str]:
    metric = declared.metric(name)
    halves = getattr(metric, "terms", None)
    if halves is not None:
        return {term.event for term in halves}
    return _types(metric.numerator, declared) | _types(metric.denominator, declared)  # type: ignore[union-attr]
