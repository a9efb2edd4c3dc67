"""The pictures of pages: what updates of entities and events add up to, without a server."""

from __future__ import annotations

from typing import Any

import pytest

from livetally.client.pictures import EntitiesPicture, EventsPicture
from livetally.client.question import entities_question, events_question
from livetally.errors import BadInput


def entity(key: str, value: int) -> dict[str, Any]:
    """Return a row of a list."""
    return {"key": key, "fields": {"value": value}}


def event(name: str, minute: int, position: int, source: str = "s") -> dict[str, Any]:
    """Return a row of a tail."""
    return {
        "source": source,
        "id": name,
        "time": f"2026-01-01T00:{minute:02}:00+00:00",
        "position": position,
    }


def test_a_list_changes_rows_in_place_and_follows_the_keys() -> None:
    """Without keys the order stays; with them rows move, come and are forgotten."""
    picture = EntitiesPicture()
    picture.changed("snapshot", {"position": 1, "rows": [entity("a", 1), entity("b", 1)]})
    told = picture.changed("update", {"position": 2, "rows": [entity("b", 2)]})
    assert told.page == [entity("a", 1), entity("b", 2)]
    told = picture.changed("update", {"position": 3, "rows": [], "keys": ["b", "a"]})
    assert told.page == [entity("b", 2), entity("a", 1)]
    told = picture.changed("update", {"position": 4, "rows": [entity("c", 9)], "keys": ["c", "b"]})
    assert (told.rows, told.page) == ([entity("c", 9)], [entity("c", 9), entity("b", 2)])
    again = picture.changed("update", {"position": 4, "rows": [entity("c", 9)], "keys": ["c", "b"]})
    assert again.page == told.page, "an update that arrives twice changes nothing"
    told = picture.changed("snapshot", {"position": 5, "rows": []})
    assert (told.kind, told.position, told.page) == ("snapshot", 5, [])


def test_a_tail_is_sorted_and_cut_as_the_page_is() -> None:
    """Newest first by time, position, id and source; a late event stands where its time says."""
    picture = EventsPicture()
    picture.changed(
        "snapshot", {"position": 2, "limit": 3, "rows": [event("b", 20, 2), event("a", 10, 1)]}
    )
    told = picture.changed("update", {"position": 3, "rows": [event("late", 15, 3)]})
    assert [row["id"] for row in told.page] == ["b", "late", "a"]
    told = picture.changed("update", {"position": 4, "rows": [event("c", 20, 4)]})
    assert [row["id"] for row in told.page] == ["c", "b", "late"]
    assert [row["id"] for row in told.rows] == ["c"]
    twins = [event("c", 20, 5, source) for source in ("s", "z", "t")]
    told = picture.changed("update", {"position": 5, "rows": twins})
    assert [row["source"] for row in told.page] == ["z", "t", "s"]


def test_questions_about_entities_and_events_are_written_as_the_server_reads_them() -> None:
    """Keys and values mean themselves, whatever characters they have."""
    call = entities_question("user", where={"status": 'a,"b"'}, sort="-last", limit=5)
    assert call.path == "/v1/entities/user"
    assert call.params == (("sort", "-last"), ("limit", "5"), ("where", 'status:"a,\\"b\\""'))
    assert entities_question("user", key="a/b?").path == "/v1/entities/user/a%2Fb%3F"
    call = events_question(type=["tap", "sale"], subject="x", start="2026")
    assert call.params == (("type", "tap,sale"), ("subject", "x"), ("from", "2026"))
    with pytest.raises(BadInput):
        events_question(where={"a": object()})
