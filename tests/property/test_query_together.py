"""Questions asked as one are answered as each would be alone, whatever the events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from livetally.definitions import Filter, Op, format_filter
from livetally.errors import BadInput
from livetally.query import AnswerRow, MetricQuery, Window, parse_query
from livetally.query.together import joined, parted, relative_of
from livetally.store.events import SLOT_US
from tests.event_store import EventStore, event_store
from tests.property.test_query_exact import TEXTS, parameters_of, questions, told
from tests.query_cases import DEFINITIONS

NOW_US = 1_774_800_000_000_000
SPAN_US = 20 * 60_000_000
WORDS = [*TEXTS, "x", "y", "1", "2", "-0", "0", "007", "5.0", "1e0", ".5", "false", "web", "sale"]
FIELDS = ["s", "i", "b", "adhoc", "subject", "source", "type", "data.type", "address.city"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventStore]:
    """Open one store for all examples; each has its own team."""
    with event_store(tmp_path_factory.mktemp("events"), DEFINITIONS) as opened:
        yield opened


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    """Return events in two commits, and questions that differ in one filter."""
    low, high = NOW_US - SPAN_US, NOW_US
    events = [draw(told(low, high, number)) for number in range(draw(st.integers(6, 25)))]
    cut = draw(st.integers(0, len(events)))
    interval = draw(st.sampled_from(["minute", "hour", None]))
    return {
        "commits": [events[:cut], events[cut:]],
        "question": draw(questions(low, (low + high) // 2, high, interval, "Asia/Kathmandu")),
        "fields": draw(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=2, unique=True)),
        "values": draw(
            st.lists(st.lists(st.sampled_from(WORDS), min_size=2, max_size=2), max_size=6)
        ),
    }


def families(store: EventStore, case: dict[str, Any]) -> Iterator[list[MetricQuery]]:
    """Yield the questions that can be asked together."""
    asked = parameters_of(case["question"])
    texts = {
        name.removesuffix("_"): list(value) if isinstance(value, list) else [value]
        for name, value in asked.items()
    }
    found: dict[str, list[MetricQuery]] = {}
    for values in case["values"]:
        own = [
            format_filter(Filter(field, Op.IN, (value,), negated=False))
            for field, value in zip(case["fields"], values, strict=False)
        ]
        query = parse_query(case["question"]["metric"], texts | {"where": [*texts["where"], *own]})
        try:
            relative = relative_of(query, store.declared)
        except BadInput:
            continue
        if relative is not None:
            found.setdefault(relative.family, []).append(query)
    yield from found.values()


def seen(rows: list[AnswerRow]) -> dict[Any, Any]:
    """Return all that a client could see."""
    return {(row.bucket_us, row.keys, row.other): (row.value, row.version) for row in rows}


@pytest.mark.timeout(300)
@settings(max_examples=10, phases=[Phase.generate])
@given(case=cases())
def test_the_parts_of_one_answer_are_the_answers_of_each(
    store: EventStore, case: dict[str, Any]
) -> None:
    """Rows, values and versions are the same, for every aggregate and type of field."""
    team = next(store.teams)
    since = store.position
    for number, events in enumerate(case["commits"]):
        if events:
            store.commit(team, events)
        if not number:
            since = store.position
    window = Window((NOW_US - SPAN_US) // SLOT_US - 1, NOW_US // SLOT_US + 1, since)
    for queries in families(store, case):
        relatives = [relative_of(query, store.declared) for query in queries]
        own = [one for one in relatives if one is not None]
        together = store.runner.answer_now(joined(queries[0], own), store.declared, team, window)
        parts = parted(together.rows, queries[0], own)
        for query, rows in zip(queries, parts, strict=True):
            alone = store.runner.answer_now(query, store.declared, team, window)
            assert seen(rows) == seen(alone.rows), (case["fields"], query.where)
