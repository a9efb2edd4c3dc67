"""A dimension that event types declare differently, or only some of them: groups are texts."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from livetally.query import Difference, verify
from livetally.query.adhoc import parse_adhoc
from tests.event_store import KINDS, EventStore, event_store
from tests.query_model import Told

T0 = 1_767_225_600_000_000  # 2026-01-01T00:00Z
SHOP = """
application = "shop"
[event.sale]
data.size = "integer"
data.colour = "string"
[event.offer]
data.size = "string"
[event.visit]
[metric.by_size]
event = ["sale", "offer"]
aggregate = "count"
by = ["size"]
[metric.by_colour]
event = ["sale", "visit"]
aggregate = "count"
by = ["colour"]
"""
TILL = """
application = "till"
[event.sale]
data.till = "integer"
"""
# What stands in JSON, and the text that it is grouped by.
VALUES: list[tuple[Any, str | None]] = [
    ("5", "5"),
    ("", ""),
    (5, "5"),
    (-(2**63), str(-(2**63))),
    (2**64 - 1, str(2**64 - 1)),
    (Decimal(10**25 + 1), str(10**25 + 1)),
    (Decimal("1.50"), "1.5"),
    (Decimal("1e3"), "1000"),
    (Decimal("1e20"), "100000000000000000000"),
    (Decimal("1.25e22"), "1.25e22"),
    (Decimal("0.000001"), "0.000001"),
    (Decimal("1.5e-7"), "1.5e-7"),
    (True, "true"),
    (None, None),
    ([5], None),
    ({"a": 5}, None),
]


@pytest.fixture(scope="module", params=KINDS)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EventStore]:
    """Open one store of each kind; each test has its own team."""
    with event_store(tmp_path_factory.mktemp("events"), SHOP, TILL, kind=request.param) as opened:
        yield opened


def test_groups_are_texts_and_verify_agrees(store: EventStore) -> None:
    """However a number is written, the answer and the recount write it alike."""
    team = next(store.teams)
    told = [
        Told("visit", T0, f"v{place}", None, None, {"colour": value})
        for place, (value, _) in enumerate(VALUES)
    ]
    told += [Told("sale", T0, "s1", None, None, {"size": 5, "colour": "red"})]
    told += [Told("offer", T0, "o1", None, None, {"size": "5"})]
    store.commit(team, told)
    expected: dict[str | None, int] = {"red": 1}
    for _, text in VALUES:
        expected[text] = expected.get(text, 0) + 1
    found = store.ask(team, "by_colour", by="colour").rows
    assert {row.keys[0]: row.value for row in found} == expected
    assert [(row.keys, row.value) for row in store.ask(team, "by_size", by="size").rows] == [
        (("5",), 2)
    ]
    items = verify(store.runner, store.declared, team)
    assert not [one for one in items if isinstance(one, Difference)]


def test_a_question_of_its_own_knows_the_fields_of_every_application(store: EventStore) -> None:
    """What an event type has is what all of them declare, as numbers."""
    team = next(store.teams)
    data = [{"size": 2, "till": 40}, {"size": 3, "till": 2}]
    store.commit(team, [Told("sale", T0, f"s{i}", None, None, one) for i, one in enumerate(data)])
    for value, total in (("size", 5), ("till", 42)):
        asked = parse_adhoc({"event": ["sale"], "aggregate": ["sum"], "value": [value]})
        answer = store.runner.answer_now(asked.query, asked.declared(store.declared), team)
        assert [row.value for row in answer.rows] == [total]
