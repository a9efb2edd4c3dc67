"""The newest raw events, live.

In the flow: made by ``api``, asked by ``rounds``, asks ``query.raw``.
Guarantee: the rows are those of a fresh first page at the same position; only events of later
commits are read for that, and each is sent once to whoever reads.

Events only come. So one that is on the page now and is not newer than a position was on the page
at that position: the positions alone say what whoever comes back lacks, after a restart too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from livetally.live.question import Question, Reply, RowKey, Rows, Touched
from livetally.query import Declared, Runner
from livetally.query.raw import RawQuery, ask_raw
from livetally.store.events import SLOT_US
from livetally.store.events.pages import StoredEvent

__all__ = ["EncodeEvents", "TailQuestion"]

EncodeEvents: TypeAlias = Callable[[Iterable[StoredEvent]], bytes]


class TailQuestion(Question):
    """A ``RawQuery`` of one team, under one edition of its definitions."""

    overtaken = True

    def __init__(
        self,
        query: RawQuery,
        declared: Declared,
        team: int,
        epoch: str,
        runner: Runner,
        encode: EncodeEvents,
        head: bytes,
    ) -> None:
        """Take the question; ``head`` is written before the position of a snapshot."""
        self.key = f"{team} {epoch} events {query._replace(min_position=0)!r}"
        self.team = team
        self.types = frozenset(query.types) or None
        self._query = query
        self._declared = declared
        self._runner = runner
        self._encode = encode
        self._head = head

    async def ask(self, known: Rows, since: int, touched: Touched | None) -> Reply:
        """Ask for what is newer than ``since``, and keep the newest of all that is known."""
        before = self._runner.position
        if touched is None:
            page = await self._runner.call(ask_raw, self._query, self._declared, self.team)
            return Reply(_keyed(page.events), _true_at(before, page.events), whole=True)
        page = await self._runner.call_live(ask_raw, self._query, self._declared, self.team, since)
        merged = {**known, **_keyed(page.events)}
        newest = sorted(merged.values(), key=_place, reverse=True)[: self._query.limit]
        return Reply(_keyed(newest), _true_at(before, page.events), whole=True)

    def encode(self, rows: Iterable[Any]) -> bytes:
        """Write rows as a page does."""
        return self._encode(rows)

    def head(self) -> bytes:
        """Write which events these are."""
        return self._head

    def concerns(self, touched: Touched) -> bool:
        """Tell whether the slots reach into the asked range."""
        start_us, end_us = self._query.start_us, self._query.end_us
        after = start_us is None or (touched.last_slot + 1) * SLOT_US > start_us
        return after and (end_us is None or touched.first_slot * SLOT_US < end_us)

    def lacking(self, rows: Rows, position: int) -> list[RowKey] | None:
        """Return the newer events; None when there may be others between those and the client's."""
        newer = [key for key, event in rows.items() if event.position > position]
        return None if len(newer) == self._query.limit else newer


def _keyed(events: Iterable[StoredEvent]) -> dict[RowKey, StoredEvent]:
    return {(event.source, event.id): event for event in events}


def _true_at(before: int, events: Iterable[StoredEvent]) -> int:
    """Return the newest position that the rows are true at.

    Commits become visible whole and in their order, and all of the time is asked for: whoever sees
    an event sees all of its commit and of those before, also when nobody was told of it yet.
    """
    return max([before, *(event.position for event in events)])


def _place(event: StoredEvent) -> tuple[int, int, str, str]:
    """Return what the page is sorted by."""
    return event.at_us, event.position, event.id, event.source
