"""Undeclared data is found however its sender has written it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import msgspec
import pytest

from tests.event_store import KINDS, EventStore, event_store
from tests.query_model import Told

T0 = 1_767_225_600_000_000  # 2026-01-01T00:00Z
SHOP = """
application = "shop"
[event.sale]
[metric.sales]
event = "sale"
aggregate = "count"
"""
# The same member and the same value, and beside them what only looks like it.
SPELLINGS = [
    b'{"colour":"red"}',
    b'{ "colour" : "red" }',
    rb'{"colour":"\u0072ed"}',
    rb'{"col\u006fur":"red"}',
    rb'{"\u0063olour":"\u0072\u0065\u0064"}',
]
OTHERS = [
    b'{"colour":"reddish"}',
    b'{"colour":["red"]}',
    b'{"colour":{"colour":"red"}}',
    b'{"colour":null,"note":"red"}',
    b'{"note":"colour","value":"red"}',
    rb'{"colour":"\\u0072ed"}',
    b"{}",
]


@pytest.fixture(scope="module", params=KINDS)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EventStore]:
    """Open one store of each kind; each test has its own team."""
    with event_store(tmp_path_factory.mktemp("events"), SHOP, kind=request.param) as opened:
        yield opened


def sent(store: EventStore, texts: list[bytes]) -> int:
    """Store one event for each text, as it is; return the team."""
    team = next(store.teams)
    events = [
        Told("sale", T0, f"e{i}", None, None, cast("dict[str, Any]", msgspec.Raw(text)))
        for i, text in enumerate(texts)
    ]
    store.commit(team, events)
    return team


@pytest.mark.parametrize(
    ("where", "count"),
    [
        ("colour:red", len(SPELLINGS)),
        ("colour:red,blue", len(SPELLINGS)),
        ("!colour:red", len(OTHERS)),
        ("colour:red*", len(SPELLINGS) + 1),
        ("colour:*", len(SPELLINGS) + 2),
        ("!colour:*", len(OTHERS) - 2),
        ("colour.colour:red", 1),
    ],
)
def test_a_filter_finds_every_spelling_and_nothing_else(
    store: EventStore, where: str, count: int
) -> None:
    """Escapes in the name, in the value, in both; objects, arrays and null are missing."""
    team = sent(store, SPELLINGS + OTHERS)
    assert [row.value for row in store.ask(team, "sales", where=where).rows] == [count]


def test_numbers_are_compared_as_numbers_however_they_are_written(store: EventStore) -> None:
    """A number has many spellings that share no text."""
    texts = [b'{"n":1000}', b'{"n":1e3}', b'{"n":1000.0}', b'{"n":"1000"}', b'{"n":10}']
    team = sent(store, texts)
    assert store.ask(team, "sales", where="n:1000").rows[0].value == 4
    assert store.ask(team, "sales", where="n:>=1000").rows[0].value == 4
    assert store.ask(team, "sales", where="n:1e3").rows[0].value == 4


def test_groups_are_the_values_and_not_their_spelling(store: EventStore) -> None:
    """What is an object, an array, null or not there is one group, without a value."""
    team = sent(store, SPELLINGS + OTHERS)
    rows = {row.keys[0]: row.value for row in store.ask(team, "sales", by="colour").rows}
    assert rows == {"red": len(SPELLINGS), "reddish": 1, "\\u0072ed": 1, None: len(OTHERS) - 2}
    team = sent(store, [b'{"colour":"[red]"}', b'{"colour":"{x"}', b'{"colour":[1]}'])
    found = {row.keys[0] for row in store.ask(team, "sales", by="colour").rows}
    assert found == {"[red]", "{x", None}
