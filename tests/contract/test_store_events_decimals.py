"""A text is a decimal to the store's history exactly if it is one to ingest, and to ``verify``."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import pytest

from livetally.query import Difference, verify
from tests.event_store import KINDS, EventStore, event_store
from tests.query_model import Told

T0 = 1_767_225_600_000_000  # 2026-01-01T00:00Z
BARE = """
application = "shop"
[event.visit]
"""
# Each test has a column of its own: a name that it has not been given before.
FULL = """
application = "shop"
[event.visit]
[event.sale]
data.NAME = { type = "decimal", scale = 2 }
[metric.revenue]
event = "sale"
aggregate = "sum"
value = "NAME"
[metric.priced]
event = "sale"
aggregate = "count"
where = ["NAME:*"]
"""
TAKEN = [
    *("1", "-1", "+1", "007", "1.50", ".5", "5.", "1e2", "1E-2", "12e+1", "1.5e1"),
    *("1_000", "_1", "1__0_", " 1", "1  ", "0", "-0.00", "0e400", "0.0e-99999"),
]
UNFIT = [
    *("\u0663", "\uff11\uff12", "1\uff12", "1.\u0665", "1e\u0661", "\U0001d7cf", "\u00b2"),
    *("\t1", "1\n", "1\u00a0", "\u30001", "1\u2003", "1\x85", "1 0", "1 e2", "+ 1", "- 1"),
    *("", " ", "_", "-", "+", ".", "-.", "e5", ".e5", "1e", "1e+", "++1", "1.2.3", "0x1", "1,5"),
    *("Infinity", "-inf", "NaN", "sNaN", "\u22121", "1.005", "1e-3", "1e27", "1e-9999999"),
]


@pytest.fixture(scope="module", params=KINDS)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EventStore]:
    """Open one store of each kind; each test has its own team."""
    with event_store(tmp_path_factory.mktemp("events"), BARE, kind=request.param) as opened:
        yield opened


def sales(name: str, texts: list[str]) -> list[Told]:
    """Return a sale with each text."""
    return [
        Told("sale", T0 + number, f"s{number}", None, None, {name: text})
        for number, text in enumerate(texts)
    ]


def answers(store: EventStore, team: int) -> tuple[int, Decimal]:
    """Return how many sales have a price, and the sum of these; what ``verify`` says is the same.

    Read from the columns and from what is kept.
    """
    items = verify(store.runner, store.declared, team)
    assert not [item for item in items if isinstance(item, Difference)]
    found = []
    for raw in (True, False):
        (priced,) = store.ask(team, "priced", raw=raw, fill="zero").rows
        (revenue,) = store.ask(team, "revenue", raw=raw, fill="zero").rows
        found.append((int(priced.value), Decimal(revenue.value)))  # type: ignore[arg-type]
    assert found[0] == found[1]
    return found[0]


def test_texts_that_ingest_takes_are_the_same_numbers_in_history(store: EventStore) -> None:
    """Sent before the field was declared, and after."""
    before, after = next(store.teams), next(store.teams)
    store.define(BARE)
    store.commit(before, sales("taken", TAKEN))
    store.define(FULL.replace("NAME", "taken"))
    store.commit(after, sales("taken", TAKEN))
    assert answers(store, before) == answers(store, after)
    assert answers(store, after)[0] == len(TAKEN)


def test_texts_that_ingest_refuses_are_missing_in_history(store: EventStore) -> None:
    """None is taken for zero, or for a part of it that is a number."""
    team = next(store.teams)
    store.define(BARE)
    store.commit(team, sales("unfit", [*UNFIT, "1.25"]))
    store.define(FULL.replace("NAME", "unfit"))
    assert answers(store, team) == (1, Decimal("1.25"))
    for one in sales("unfit", UNFIT):
        with pytest.raises(AssertionError, match=r"data\.unfit"):
            store.commit(team, [one])
