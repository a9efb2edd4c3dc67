"""A page of raw events costs as much however many events there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from livetally.store.events.pages import EventPage, ask_events
from tests.event_store import KINDS, EventStore, event_store
from tests.query_model import Told

SHOP = 'application = "shop"\n[event.sale]\ndata.shop = "string"\n'


@pytest.fixture(scope="module", params=KINDS)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EventStore]:
    """A store of each kind with the shop."""
    with event_store(tmp_path_factory.mktemp("store"), SHOP, kind=request.param) as opened:
        yield opened


def test_a_page_is_read_from_the_end_of_the_order(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some engines would rather look at every row for the newest: half a second at 100 million."""
    team = next(store.teams)
    store.commit(team, [Told("sale", at_us, str(at_us), "", "", {}) for at_us in (3, 1, 2)])
    asked: list[tuple[str, Any]] = []
    query = store.engine._query

    def remembered(sql: str, output_format: str, parameters: Any) -> bytes:
        asked.append((sql, parameters))
        return query(sql, output_format, parameters)

    monkeypatch.setattr(store.engine, "_query", remembered)
    page = EventPage(team, ("sale",), (), None, None, None, None, 2)
    assert [event.id for event in ask_events(store.engine, page)] == ["3", "2", "1"]
    sql, parameters = asked[-1]
    plan = query(f"EXPLAIN indexes = 1 {sql}", "TSVRaw", parameters).decode()
    assert "topK" not in plan, plan
    assert store.engine.layout.cluster or "InReverseOrder" in plan, plan


def test_an_engine_says_which_settings_it_has(store: EventStore) -> None:
    """So that none is told what it does not know, which it would refuse."""
    assert store.engine.knows("max_threads")
    assert not store.engine.knows("use_magic")
