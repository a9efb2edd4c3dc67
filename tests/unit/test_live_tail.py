"""A live page of the newest events, put together from what was known and what has come."""

from __future__ import annotations

from typing import Any

from livetally.live import TailQuestion, Touched
from livetally.query import Declared
from livetally.query.raw import EventsPage, parse_raw
from livetally.store.events.pages import StoredEvent

TWINS = [StoredEvent("sale", 5, 1, "e", "a", till, 0, "{}", "") for till in ("2", "3", "1")]


class Store:
    """Answers with the newer events of those above."""

    position = 1

    async def call_live(self, *_asked: Any) -> EventsPage:
        """Answer as the threads for live views do."""
        return EventsPage(TWINS[1:], "")


async def test_a_tail_orders_one_id_of_several_sources_as_the_page_does() -> None:
    """An id is of its source only: which of them are on the page is no chance."""
    query = parse_raw({"limit": ["2"]})
    store: Any = Store()
    question = TailQuestion(query, Declared([]), 1, "e1", store, lambda _rows: b"", b"")
    known: Any = {(twin.source, twin.id): twin for twin in TWINS[:1]}
    reply = await question.ask(known, 0, Touched(0, 0))
    assert list(reply.rows) == [("3", "e"), ("2", "e")]
