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

from tests.event_store import EventStore, event_store
from tests.query_model import EPOCH, US, Told, bucket_of, expected

DEFINITIONS = """
application = "model"
[event.sale]
data.s = "string"
data.i = "integer"
data.n = "number"
data.b = "boolean"
data.t = "time"
data.u = "uuid"
data.d = { type = "decimal", scale = 4 }
data.big = { type = "decimal", scale = 18 }
data.address.city = "string"
data.type = { type = "string" }
[event.refund]
data.s = "string"
data.i = "integer"
data.d = { type = "decimal", scale = 4 }
data.e = { type = "decimal", scale = 2 }

[metric.sales]
event = "sale"
aggregate = "count"
by = ["s", "subject"]
[metric.good_sales]
event = "sale"
aggregate = "count"
where = ["i:>=0", "!s:a"]
by = ["s", "subject"]
[metric.net]
aggregate = "sum"
of = [ { event = "sale", value = "d" }, { event = "refund", value = "-e" } ]
by = ["s"]
[metric.balance]
aggregate = "count"
of = [ { event = "sale" }, { event = "sale", where = ["b:true"], sign = -1 }, { event = "refund" } ]
by = ["s"]
[metric.total]
aggregate = "sum"
event = "sale"
value = "i"
by = ["b"]
[metric.weight]
aggregate = "sum"
event = "sale"
value = "n"
[metric.mean]
aggregate = "avg"
event = "sale"
value = "i"
by = ["s", "subject"]
[metric.mean_paid]
aggregate = "avg"
of = [ { event = "sale", value = "d" }, { event = "refund", value = "d" } ]
by = ["type"]
[metric.least]
aggregate = "min"
of = [ { event = "sale", value = "big" }, { event = "refund", value = "e" } ]
[metric.most]
aggregate = "max"
event = "sale"
value = "i"
by = ["address.city", "data.type"]
[metric.people]
aggregate = "unique"
of = [ { event = "sale" }, { event = "refund" } ]
by = ["s"]
[metric.names]
aggregate = "unique"
of = [ { event = "sale", value = "s", where = ["i:>0"] }, { event = "refund", value = "s" } ]
[metric.last_name]
aggregate = "latest"
event = "sale"
value = "s"
by = ["subject"]
[metric.first_price]
aggregate = "first"
of = [ { event = "sale", value = "d", where = ["b:true"] }, { event = "refund", value = "d" } ]
[metric.last_flag]
aggregate = "latest"
event = "sale"
value = "b"
[metric.median]
aggregate = "p50"
event = "sale"
value = "i"
by = ["s", "subject"]
[metric.p90]
aggregate = "p90"
of = [ { event = "sale", value = "d" }, { event = "sale", value = "big" } ]
[metric.p99]
aggregate = "p99"
of = [ { event = "sale", value = "i" }, { event = "refund", value = "d" } ]
by = ["source"]
"""

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


def text_of(value: Any) -> str | None:
    """Return what an undeclared member is compared and grouped as."""
    if value is None or isinstance(value, (list, dict)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value == int(value) else str(value)
    return str(value)


def member(event: Told, name: str) -> Any:
    """Return a member of an event as a filter or a dimension sees it, None where it lacks it."""
    match name:
        case "subject" | "source":
            return getattr(event, name) or None
        case "type":
            return event.type
        case "address.city":
            return event.data.get("address", {}).get("city")
        case "data.type":
            return event.data.get("type")
        case "adhoc" | '"odd key"':
            return text_of(event.data.get(name.strip('"')))
    return event.data.get(name)


# Each filter with what it means, for members that both event types declare alike or not at all.
FILTERS: list[tuple[str, Any]] = [
    ("s:a", lambda e: member(e, "s") == "a"),
    ("!s:a,b", lambda e: member(e, "s") not in ("a", "b")),
    (
        's:"it\'s","q\\"\\\\","a\\tb\\n",""',
        lambda e: member(e, "s") in ("it's", 'q"\\', "a\tb\n", ""),
    ),
    ("s:{x:String}", lambda e: member(e, "s") == "{x:String}"),
    ('s:"\\\\N"', lambda e: member(e, "s") == "\\N"),
    ("s:æ*", lambda e: (member(e, "s") or "").startswith("æ")),
    ("!s:*", lambda e: member(e, "s") is None),
    ("s:b..it", lambda e: member(e, "s") is not None and "b" <= member(e, "s") <= "it"),
    ("i:>0", lambda e: member(e, "i") is not None and member(e, "i") > 0),
    ("!i:-2..2", lambda e: not (member(e, "i") is not None and -2 <= member(e, "i") <= 2)),
    ("i:1,2,9223372036854775807", lambda e: member(e, "i") in (1, 2, 2**63 - 1)),
    ("d:<=-0.0001", lambda e: member(e, "d") is not None and member(e, "d") <= Decimal("-0.0001")),
    ("!d:0", lambda e: member(e, "d") != 0),
    ("subject:ada", lambda e: member(e, "subject") == "ada"),
    ("!subject:ada", lambda e: member(e, "subject") != "ada"),
    ("subject:*", lambda e: member(e, "subject") is not None),
    ("subject:<b", lambda e: member(e, "subject") is not None and member(e, "subject") < "b"),
    ("!source:*", lambda e: member(e, "source") is None),
    ("type:refund", lambda e: e.type == "refund"),
    ("adhoc:5", lambda e: member(e, "adhoc") == "5"),
    ("adhoc:5.0", lambda e: member(e, "adhoc") in ("5", "5.0")),
    ("adhoc:0.5,true", lambda e: member(e, "adhoc") in ("0.5", "true")),
    ("!adhoc:*", lambda e: member(e, "adhoc") is None),
    ("adhoc:>=1", lambda e: _number(member(e, "adhoc")) >= 1),
    ("!adhoc:..1", lambda e: not _number(member(e, "adhoc"), 10**9) <= 1),
    ('adhoc:"it\'s"', lambda e: member(e, "adhoc") == "it's"),
    ('"odd key":x', lambda e: member(e, '"odd key"') == "x"),
    ('"no\'; DROP TABLE livetally.events --":x', lambda _: False),
]


def _number(text: str | None, otherwise: float = -(10**9)) -> float:
    try:
        return float(text or "")
    except ValueError:
        return otherwise


def is_sale(event: Told) -> bool:
    """Tell a sale."""
    return event.type == "sale"


def is_refund(event: Told) -> bool:
    """Tell a refund."""
    return event.type == "refund"


def of(name: str) -> Any:
    """Return what reads a member."""
    return lambda event: member(event, name)


def both(*tests: Any) -> Any:
    """Return the test that all of these hold."""
    return lambda event: all(test(event) for test in tests)


BOOKED = both(is_sale, lambda e: member(e, "b") is True)
# name -> aggregate, terms, scale of its decimals
METRICS: dict[str, tuple[str, list[Any], int | None]] = {
    "sales": ("count", [(is_sale, None, 1)], None),
    "good_sales": (
        "count",
        [
            (
                both(
                    is_sale,
                    lambda e: (member(e, "i") or 0) >= 0 and member(e, "i") is not None,
                    lambda e: member(e, "s") != "a",
                ),
                None,
                1,
            )
        ],
        None,
    ),
    "net": ("sum", [(is_sale, of("d"), 1), (is_refund, of("e"), -1)], 4),
    "balance": ("count", [(is_sale, None, 1), (BOOKED, None, -1), (is_refund, None, 1)], None),
    "total": ("sum", [(is_sale, of("i"), 1)], None),
    "weight": ("sum", [(is_sale, of("n"), 1)], None),
    "mean": ("avg", [(is_sale, of("i"), 1)], None),
    "mean_paid": ("avg", [(is_sale, of("d"), 1), (is_refund, of("d"), 1)], 4),
    "least": ("min", [(is_sale, of("big"), 1), (is_refund, of("e"), 1)], 18),
    "most": ("max", [(is_sale, of("i"), 1)], None),
    "people": ("unique", [(is_sale, of("subject"), 1), (is_refund, of("subject"), 1)], None),
    "names": (
        "unique",
        [(both(is_sale, lambda e: (member(e, "i") or 0) > 0), of("s"), 1), (is_refund, of("s"), 1)],
        None,
    ),
    "last_name": ("latest", [(is_sale, of("s"), 1)], None),
    "first_price": ("first", [(BOOKED, of("d"), 1), (is_refund, of("d"), 1)], None),
    "last_flag": ("latest", [(is_sale, of("b"), 1)], None),
    "median": ("p50", [(is_sale, of("i"), 1)], None),
    "p90": ("p90", [(is_sale, of("d"), 1), (is_sale, of("big"), 1)], None),
    "p99": ("p99", [(is_sale, of("i"), 1), (is_refund, of("d"), 1)], None),
}
# Of these both event types have the same; "b" is declared for sales only.
DIMENSIONS = ["s", "subject", "source", "type", "i", "d", "adhoc", '"odd key"']
SALE_DIMENSIONS = ["address.city", "data.type", "b"]
SALE_ONLY = {
    "sales",
    "good_sales",
    "total",
    "weight",
    "mean",
    "most",
    "last_name",
    "last_flag",
    "median",
    "p90",
}


@st.composite
def cases(draw: st.DrawFn) -> dict[str, Any]:
    """Return events in commits, and a question."""
    interval = draw(st.sampled_from(list(SPANS_S)))
    span_us = SPANS_S[interval] * 1_000_000
    year = st.integers(1970, 2100).map(lambda y: datetime(y, 1, 1, tzinfo=UTC))
    middle = (draw(st.one_of(st.sampled_from(MOMENTS), year)) - EPOCH) // US
    floor = (datetime(1901, 1, 1, tzinfo=UTC) - EPOCH) // US
    low, high = max(floor, middle - span_us // 2), middle + span_us // 2
    count = draw(st.integers(0, 25))
    events = [draw(told(low, high, number)) for number in range(count)]
    cut = draw(st.integers(0, count))
    metric = draw(st.sampled_from(list(METRICS)))
    dimensions = DIMENSIONS + (SALE_DIMENSIONS if metric in SALE_ONLY else [])
    start = draw(st.one_of(st.none(), st.integers(low, middle)))
    end = draw(st.one_of(st.none(), st.integers(middle + 1, high)))
    unit = draw(st.sampled_from([1, 900_000_000]))
    return {
        "commits": [events[:cut], events[cut:]],
        "metric": metric,
        "interval": interval,
        "zone": draw(st.sampled_from(ZONES)),
        "start": None if start is None else start // unit * unit,
        "end": None if end is None else (end // unit + 1) * unit,
        "by": draw(st.lists(st.sampled_from(dimensions), max_size=2, unique=True)),
        "filters": draw(st.lists(st.sampled_from(FILTERS), max_size=2)),
        "merge": draw(st.integers(0, 9)) == 0,
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


@settings(max_examples=150)
@given(case=cases())
def test_an_answer_equals_the_model(store: EventStore, case: dict[str, Any]) -> None:
    """Events, range, zone, interval, filters and dimensions at random: the model says the same.

    The same with and without projections, before and after parts are merged.
    """
    team = next(store.teams)
    placed = []
    for events in case["commits"]:
        if events:
            position = store.commit(team, events)
            placed += [(position, event) for event in events]
    model = told_to_expect(case, placed)
    asked = parameters_of(case)
    same(store.ask(team, case["metric"], **asked), model)
    same(store.ask(team, case["metric"], raw=True, **asked), model)
    if case["merge"]:
        store.merge()
        same(store.ask(team, case["metric"], **asked), model)
