"""Every answer equals the one worked out in plain Python, whatever the events and the question."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.event_store import KINDS, EventStore, event_store
from tests.query_cases import (
    DEFINITIONS,
    DIMENSIONS,
    FILTERS,
    METRICS,
    SALE_DIMENSIONS,
    SALE_ONLY,
    member,
)
from tests.query_model import EPOCH, US, Told, bucket_of, expected

ZONES = [
    "Europe/Oslo",
    "America/New_York",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "Africa/Cairo",
    "Pacific/Apia",
    "Asia/Tehran",
    "UTC",
]
SPANS_S = {
    "minute": 4_000,
    "hour": 200_000,
    "day": 5_000_000,
    "week": 20_000_000,
    "month": 100_000_000,
    "quarter": 200_000_000,
    "year": 600_000_000,
    None: 40_000_000,
}
# Around these moments clocks of the zones above were changed, or a date had no midnight, or none.
MOMENTS = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2013, 3, 10, 7, tzinfo=UTC),
    datetime(2011, 12, 30, 10, tzinfo=UTC),
    datetime(2018, 2, 18, 2, tzinfo=UTC),
    datetime(2018, 11, 4, 3, tzinfo=UTC),
    datetime(2024, 4, 25, 22, tzinfo=UTC),
    datetime(2021, 9, 21, 19, 30, tzinfo=UTC),
    datetime(2025, 4, 5, 15, tzinfo=UTC),
    datetime(1985, 12, 31, 18, 30, tzinfo=UTC),
    datetime(1970, 1, 1, tzinfo=UTC),
    datetime(1901, 12, 10, tzinfo=UTC),
    datetime(2099, 12, 31, 23, tzinfo=UTC),
]
TEXTS = ["a", "b", "", "it's", "æ😀", 'q"\\', "a\tb\n", "5", "true", "{x:String}", "%", "\\N"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventStore]:
    """Open one store for all examples; each has its own team."""
    with event_store(tmp_path_factory.mktemp("events"), DEFINITIONS) as opened:
        yield opened


@pytest.fixture(scope="module", params=KINDS[1:])
def remote(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EventStore]:
    """Open one of each other kind of store."""
    directory = tmp_path_factory.mktemp("events")
    with event_store(directory, DEFINITIONS, kind=request.param) as opened:
        yield opened


def decimals(scale: int, whole: int) -> st.SearchStrategy[Decimal]:
    """Return decimals of up to ``whole`` digits before the point and ``scale`` after it."""
    return st.builds(
        lambda number: Decimal(number).scaleb(-scale),
        st.integers(-(10 ** min(27, whole + scale)), 10 ** min(27, whole + scale)),
    )


INTEGERS = st.one_of(st.integers(-5, 5), st.integers(-(2**63), 2**63 - 1))
MIXED = st.one_of(
    st.sampled_from(TEXTS),
    st.integers(-3, 7),
    st.booleans(),
    st.none(),
    st.sampled_from([0.5, 2.0, -1.25, 5.0]),
    st.just([1]),
    st.just({"x": 1}),
)


@st.composite
def data_of(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """Return the data of one event; any member may be missing."""
    members: dict[str, st.SearchStrategy[Any]] = {
        "s": st.sampled_from(TEXTS),
        "i": INTEGERS,
        "d": decimals(4, 8),
        "adhoc": MIXED,
        "odd key": st.sampled_from(["x", 1]),
    }
    if kind == "sale":
        members |= {
            "n": st.integers(-40, 40).map(lambda n: n / 4),
            "b": st.booleans(),
            "big": decimals(18, 9),
            "address": st.fixed_dictionaries({}, optional={"city": st.sampled_from(TEXTS)}),
            "type": st.sampled_from(["x", "y"]),
        }
    else:
        members["e"] = decimals(2, 8)
    return draw(st.fixed_dictionaries({}, optional=members))


@st.composite
def told(draw: st.DrawFn, low_us: int, high_us: int, number: int) -> Told:
    """Return one event between two instants, often on a round one."""
    at = draw(st.integers(low_us, high_us))
    unit = draw(st.sampled_from([1, 1_000_000, 60_000_000, 900_000_000, 86_400_000_000]))
    kind = draw(st.sampled_from(["sale", "sale", "refund"]))
    people = [None, "ada", "bob", "it's"]
    return Told(
        kind,
        at // unit * unit,
        f"id-{number:04}",
        draw(st.sampled_from(people)),
        draw(st.sampled_from([None, "web", "app"])),
        draw(data_of(kind)),
    )


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    """Return events in commits, and questions about them."""
    interval = draw(st.sampled_from(list(SPANS_S)))
    span_us = SPANS_S[interval] * 1_000_000
    year = st.integers(1970, 2100).map(lambda y: datetime(y, 1, 1, tzinfo=UTC))
    middle = (draw(st.one_of(st.sampled_from(MOMENTS), year)) - EPOCH) // US
    floor = (datetime(1901, 1, 1, tzinfo=UTC) - EPOCH) // US
    low, high = max(floor, middle - span_us // 2), middle + span_us // 2
    count = draw(st.integers(8, 25))
    events = [draw(told(low, high, number)) for number in range(count)]
    cut = draw(st.integers(0, count))
    zone = draw(st.sampled_from(ZONES))
    asked = questions(low, middle, high, interval, zone)
    return {
        "commits": [events[:cut], events[cut:]],
        "questions": draw(st.lists(asked, min_size=8, max_size=8)),
        "merge": draw(st.integers(0, 9)) == 0,
    }


@st.composite
def questions(
    draw: st.DrawFn, low: int, middle: int, high: int, interval: str | None, zone: str
) -> dict[str, Any]:
    """Return a question about events between ``low`` and ``high``; half of them in whole slots."""
    metric = draw(st.sampled_from(list(METRICS)))
    dimensions = DIMENSIONS + (SALE_DIMENSIONS if metric in SALE_ONLY else [])
    start = draw(st.none() | st.none() | st.integers(low, middle))
    end = draw(st.none() | st.none() | st.integers(middle + 1, high))
    unit = draw(st.sampled_from([1, 900_000_000]))
    return {
        "metric": metric,
        "interval": draw(st.sampled_from([interval, None])),
        "zone": zone,
        "start": None if start is None else start // unit * unit,
        "end": None if end is None else (end // unit + 1) * unit,
        "by": draw(st.lists(st.sampled_from(dimensions), max_size=2, unique=True)),
        "filters": draw(st.lists(st.sampled_from(FILTERS), max_size=2)),
    }


def parameters_of(case: dict[str, Any]) -> dict[str, Any]:
    """Return the request's parameters."""
    asked: dict[str, Any] = {"tz": case["zone"], "by": ",".join(case["by"])}
    if case["interval"]:
        asked["interval"] = case["interval"]
    for name, key in (("from_", "start"), ("to", "end")):
        if case[key] is not None:
            asked[name] = (EPOCH + case[key] * US).isoformat().replace("+00:00", "Z")
    asked["where"] = [text for text, _ in case["filters"]]
    return asked


def told_to_expect(case: dict[str, Any], placed: list[tuple[int, Told]]) -> dict[Any, Any]:
    """Return the model's answer: value by bucket and keys."""
    aggregate, terms, scale = METRICS[case["metric"]]
    kept = [
        (position, event)
        for position, event in placed
        if (case["start"] is None or event.at_us >= case["start"])
        and (case["end"] is None or event.at_us < case["end"])
        and all(test(event) for _, test in case["filters"])
    ]

    def place(event: Told) -> Any:
        bucket = (
            bucket_of(case["interval"], case["zone"], event.at_us) if case["interval"] else None
        )
        return bucket, tuple(member(event, name) for name in case["by"])

    return expected(kept, place, aggregate, terms, scale)


def same(answer: Any, model: dict[Any, Any]) -> None:
    """Compare exactly: the same places, the same values, no binary number for a decimal."""
    found = {(row.bucket_us, row.keys): row.value for row in answer.rows}
    assert len(found) == len(answer.rows), "a bucket and group appears once"
    assert found.keys() == model.keys()
    for place, value in model.items():
        assert found[place] == value, (place, found[place], value)
        if isinstance(value, Decimal):
            assert isinstance(found[place], (Decimal, int))
        if isinstance(value, Fraction) and answer.query.metric != "weight":
            assert isinstance(found[place], int)


@pytest.mark.timeout(300)
@settings(max_examples=20)
@given(case=cases())
def test_an_answer_equals_the_model(store: EventStore, case: dict[str, Any]) -> None:
    """Events, range, zone, interval, filters and dimensions at random: the model says the same.

    The same with and without projections, before and after parts are merged.
    """
    compare(store, case)


@pytest.mark.timeout(300)
@settings(max_examples=6)
@given(case=cases())
def test_a_server_answers_as_the_model(remote: EventStore, case: dict[str, Any]) -> None:
    """The same of a ClickHouse server, and through a cluster's table."""
    compare(remote, case)


def compare(store: EventStore, case: dict[str, Any]) -> None:
    """Commit the case's events to a team of its own, and ask all its questions."""
    team = next(store.teams)
    placed = []
    for events in case["commits"]:
        if events:
            position = store.commit(team, events)
            placed += [(position, event) for event in events]
    models = [told_to_expect(question, placed) for question in case["questions"]]
    for question, model in zip(case["questions"], models, strict=True):
        asked = parameters_of(question)
        same(store.ask(team, question["metric"], **asked), model)
        same(store.ask(team, question["metric"], raw=True, **asked), model)
    if case["merge"]:
        store.merge()
        for question, model in zip(case["questions"], models, strict=True):
            same(store.ask(team, question["metric"], **parameters_of(question)), model)
