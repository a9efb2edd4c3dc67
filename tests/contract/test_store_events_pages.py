"""A page of raw events costs as much however many events there are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from livetally.errors import BadInput
from livetally.query.raw import ask_raw, parse_raw
from livetally.store.events import Engine, pages
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
    plans = [
        query(f"EXPLAIN indexes = 1 {sql}", "TSVRaw", parameters).decode()
        for sql, parameters in asked[-2:]
    ]
    for plan in plans:
        assert "topK" not in plan, plan
    if not store.engine.layout.cluster:
        assert "InReverseOrder" in plans[0], plans[0]
        assert "occurred_at in 3-element set" in plans[1], plans[1]


def test_a_page_takes_no_more_memory_when_there_are_many_parts(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of which each has columns that are wide: none but those of the page's events are read."""
    team = next(store.teams)
    store.engine.execute(f"SYSTEM STOP MERGES {store.engine.layout.local}")
    try:
        for first in range(0, 160_000, 10_000):
            sent = [
                Told("sale", n, str(n), f"{n} {'x' * 200}", "", {})
                for n in range(first, first + 10_000)
            ]
            store.commit(team, sent)
        monkeypatch.setitem(store.engine.bounds, "max_memory_usage", 4 * 1024 * 1024)
        page = EventPage(team, ("sale",), (), None, None, None, None, 1)
        assert [event.id for event in ask_events(store.engine, page)] == ["159999", "159998"]
    finally:
        store.engine.execute(f"SYSTEM START MERGES {store.engine.layout.local}")


def test_a_page_is_whole_though_events_go_while_it_is_read(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A page that is too short would be taken for the last one."""
    team = next(store.teams)
    store.commit(team, [Told("sale", n, str(n), "", "", {}) for n in range(5)])
    newest = pages._newest
    gone = [[9, 8, 7], [9, 4, 3]]

    def changed(engine: Engine, page: EventPage) -> list[pages._Place]:
        places = newest(engine, page)
        last = places[0].position
        return [pages._Place(at_us, last) for at_us in gone.pop()] if gone else places

    monkeypatch.setattr(pages, "_newest", changed)
    page = EventPage(team, ("sale",), (), None, None, None, None, 2)
    assert [event.id for event in ask_events(store.engine, page)] == ["4", "3", "2"]
    assert not gone
    monkeypatch.setattr(pages, "_newest", lambda _engine, _page: [pages._Place(9, 1)] * 3)
    assert [event.id for event in ask_events(store.engine, page)] == ["4", "3", "2"]


def test_a_page_has_all_events_of_a_commit_or_none(
    store: EventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that comes while it is read counts later: who asks for what is new goes on from it."""
    team = next(store.teams)
    store.commit(team, [Told("sale", n * 10, str(n), "", "", {}) for n in range(5)])
    newest = pages._newest

    def overtaken(engine: Engine, page: EventPage) -> list[pages._Place]:
        places = newest(engine, page)
        monkeypatch.setattr(pages, "_newest", newest)
        new = [Told("sale", at_us, f"new {at_us}", "", "", {}) for at_us in (30, 35, 50)]
        store.commit(team, new)
        return places

    monkeypatch.setattr(pages, "_newest", overtaken)
    page = EventPage(team, ("sale",), (), None, None, None, None, 2)
    found = ask_events(store.engine, page)
    assert [event.id for event in found] == ["4", "3", "2"]
    later = ask_events(store.engine, page._replace(since=max(one.position for one in found)))
    assert [event.id for event in later] == ["new 50", "new 35", "new 30"]


def test_an_engine_says_which_settings_it_has(store: EventStore) -> None:
    """So that none is told what it does not know, which it would refuse."""
    assert store.engine.knows("max_threads")
    assert not store.engine.knows("use_magic")


def read_all(store: EventStore, team: int, **parameters: str) -> list[tuple[str, str]]:
    """Return source and id of every event, page by page."""
    found: list[tuple[str, str]] = []
    cursor = ""
    while True:
        asked = parameters | ({"cursor": cursor} if cursor else {})
        query = parse_raw({name: [text] for name, text in asked.items()})
        page = ask_raw(store.engine, query, store.declared, team)
        found += [(event.source, event.id) for event in page.events]
        cursor = page.next
        if not cursor:
            return found


@pytest.mark.parametrize("kinds", [("sale",), ("sale", "visit")])
def test_pages_miss_no_event_that_shares_its_id_with_another_source(
    store: EventStore, kinds: tuple[str, ...]
) -> None:
    """An id is of its source only: two tills may count alike, and send in one commit."""
    team = next(store.teams)
    tills = {"till-1": kinds[0], "till-2": kinds[-1]}
    sent = [
        Told(kind, n // 10, str(n), "", till, {}) for n in range(30) for till, kind in tills.items()
    ]
    store.commit(team, sent)
    wanted = sorted(((t.at_us, t.id, t.source) for t in sent), reverse=True)
    for limit in ("1", "7", "25", "60"):
        found = read_all(store, team, limit=limit)
        assert found == [(source, name) for _, name, source in wanted]


def test_events_of_more_types_than_a_statement_names_are_all_found(store: EventStore) -> None:
    """Nothing is missing silently, whether the types are named or not, and none is of another."""
    team = next(store.teams)
    sent = [Told(f"kind-{n:03}", n * 10, str(n), "", "", {}) for n in range(230)]
    store.commit(team, [*sent, Told("other", 5, "other", "", "", {})])
    names = [str(n) for n in reversed(range(230))]
    assert [name for _, name in read_all(store, team, limit="50")] == [*names[:-1], "other", "0"]
    named = ",".join(told.type for told in sent)
    assert [name for _, name in read_all(store, team, limit="50", type=named)] == names


def test_a_cursor_of_another_order_is_refused(store: EventStore) -> None:
    """Such as one of a list of entities, or of a version that ordered otherwise."""
    for cursor in ("kwEBojEx", "bm90IG91cnM", "AAAA"):
        with pytest.raises(BadInput, match="cursor"):
            parse_raw({"cursor": [cursor]})
