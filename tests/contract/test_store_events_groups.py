"""Which groups an answer has: of both halves of a ratio, and of buckets that nothing fell into."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.event_store import KINDS, EventStore, event_store
from tests.query_model import Told

DAY_US = 86_400_000_000
T0 = 1_767_225_600_000_000  # 2026-01-01T00:00Z

GATES = """
application = "gates"
[event.sale]
data.shop = "string"
[metric.sales]
event = "sale"
aggregate = "count"
by = ["shop"]
[event.entry]
data.gate = "integer"
[event.exit]
data.gate = "string"
[event.look]
[metric.entries]
event = "entry"
aggregate = "count"
[metric.exits]
event = "exit"
aggregate = "count"
[metric.looks]
event = "look"
aggregate = "count"
[metric.in_per_out]
ratio = ["entries", "exits"]
[metric.in_per_look]
ratio = ["entries", "looks"]
[event.whole]
data.amount = { type = "decimal", scale = 2 }
[event.fine]
data.amount = { type = "decimal", scale = 18 }
[metric.amounts]
aggregate = "sum"
of = [{ event = "whole", value = "amount" }, { event = "fine", value = "amount" }]
"""


@pytest.fixture(scope="module", params=KINDS)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EventStore]:
    """Open one store of each kind; each test has its own team."""
    with event_store(tmp_path_factory.mktemp("events"), GATES, kind=request.param) as opened:
        yield opened


@pytest.mark.parametrize(("ratio", "other"), [("in_per_out", "exit"), ("in_per_look", "look")])
def test_both_halves_of_a_ratio_have_the_same_groups(
    store: EventStore, ratio: str, other: str
) -> None:
    """Also where one declares the dimension otherwise, or not: then it is a text in both."""
    team = next(store.teams)
    gates: list[tuple[str, Any]] = [("entry", 1), ("entry", 1), ("entry", 2), (other, "1")]
    store.commit(
        team,
        [
            Told(kind, T0 + n, f"g{n}", None, None, {"gate": gate})
            for n, (kind, gate) in enumerate(gates)
        ],
    )
    rows = store.ask(team, ratio, by="gate").rows
    assert [(row.keys, row.value) for row in rows] == [(("1",), 2.0), (("2",), None)]
    top = store.ask(team, ratio, by="gate", top=1).rows
    assert [(row.keys[0], row.other, row.value) for row in top] == [
        ("1", False, 2.0),
        (None, True, None),
    ]


def test_filled_rows_have_their_dimensions_and_the_groups_of_the_period_before(
    store: EventStore,
) -> None:
    """Without any event the one group is that of events without the dimension."""
    team = next(store.teams)
    asked: dict[str, Any] = {
        "interval": "day",
        "by": "shop",
        "fill": "zero",
        "from_": "2026-01-03",
        "to": "2026-01-05",
    }
    days = (T0 + 2 * DAY_US, T0 + 3 * DAY_US)
    rows = store.ask(team, "sales", **asked).rows
    assert [(row.bucket_us, row.keys, row.value) for row in rows] == [
        (day, (None,), 0) for day in days
    ]
    store.commit(
        team,
        [
            Told("sale", T0, "1", None, None, {"shop": "a"}),
            Told("sale", T0 + 3 * DAY_US, "2", None, None, {"shop": "b"}),
        ],
    )
    rows = store.ask(team, "sales", **asked, compare="previous").rows
    assert [(row.bucket_us, row.keys[0], row.value, row.previous) for row in rows] == [
        (days[0], "a", 0, 1),
        (days[0], "b", 0, 0),
        (days[1], "a", 0, 0),
        (days[1], "b", 1, 0),
    ]


def test_sums_of_different_scales_are_ordered_as_they_are(store: EventStore) -> None:
    """Added at the larger scale in 128 bits, the largest would overflow and be the least."""
    team = next(store.teams)
    amounts = [("whole", "a", 10**21), ("fine", "a", 1), ("fine", "b", 2), ("whole", "c", -3)]
    store.commit(
        team,
        [
            Told(kind, T0 + n, f"a{n}", subject, None, {"amount": amount})
            for n, (kind, subject, amount) in enumerate(amounts)
        ],
    )
    rows = store.ask(team, "amounts", by="subject", order="-value").rows
    assert [(row.keys[0], row.value) for row in rows] == [("a", 10**21 + 1), ("b", 2), ("c", -3)]
