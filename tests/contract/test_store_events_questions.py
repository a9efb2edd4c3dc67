"""What a question can ask for beyond a value for each bucket, on a real store."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from livetally.errors import BadInput, QueryTooLarge, UnknownName
from livetally.query import MetricQuery, QueryLimits, Runner, parse_query
from livetally.query.evaluate import Asked, Evaluator
from livetally.query.extents import Extents
from livetally.query.plan import Window
from livetally.store.events import SLOT_US
from tests.event_store import KINDS, EventStore, event_store
from tests.query_model import Told

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
T0 = 1_767_225_600_000_000  # 2026-01-01T00:00Z

SHOP = """
application = "shop"
[event.sale]
data.price = { type = "decimal", scale = 2 }
data.shop = "string"
data.value = "integer"
[event.visit]
[metric.sales]
event = "sale"
aggregate = "count"
by = ["shop"]
[metric.visits]
event = "visit"
aggregate = "count"
[metric.revenue]
event = "sale"
aggregate = "sum"
value = "price"
[metric.mean]
event = "sale"
aggregate = "avg"
value = "price"
[metric.people]
event = "sale"
aggregate = "unique"
[metric.rate]
ratio = ["sales", "visits"]
"""


@pytest.fixture(scope="module", params=KINDS)
def store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EventStore]:
    """Open one store of each kind; each test has its own team."""
    with event_store(tmp_path_factory.mktemp("events"), SHOP, kind=request.param) as opened:
        yield opened


def sales(shops: str, at_us: int = T0) -> list[Told]:
    """Return a sale for each letter, in the shop of that name, an hour apart; "-" in none."""
    return [
        Told(
            "sale",
            at_us + i * HOUR_US,
            f"{at_us}-{i}",
            shop,
            None,
            {} if shop == "-" else {"shop": shop},
        )
        for i, shop in enumerate(shops)
    ]


def test_top_joins_all_other_groups_into_one_row(store: EventStore) -> None:
    """The largest over the whole range are kept in each bucket; a missing value is a group too."""
    team = next(store.teams)
    events = sales("aaabbc-d" * 6)
    store.commit(team, events)
    rows = store.ask(team, "sales", interval="day", by="shop", top=2).rows
    expected: Counter[Any] = Counter()
    for event in events:
        shop = event.data.get("shop")
        kept = shop in ("a", "b")
        expected[event.at_us // DAY_US * DAY_US, shop if kept else None, not kept] += 1
    assert {(row.bucket_us, row.keys[0], row.other): row.value for row in rows} == expected
    assert len(rows) == len(expected)
    everyone = store.ask(team, "people", by="shop", top=1).rows
    assert [(row.keys, row.other, row.value) for row in everyone] == [
        (("a",), False, 1),
        ((None,), True, 4),
    ]


def test_the_missing_group_can_be_at_the_top(store: EventStore) -> None:
    """Events without the dimension are told apart from the row of all others."""
    team = next(store.teams)
    store.commit(team, sales("--ab"))
    rows = store.ask(team, "sales", by="shop", top=1).rows
    assert [(row.keys, row.other, row.value) for row in rows] == [
        ((None,), False, 2),
        ((None,), True, 2),
    ]


def test_compare_adds_the_bucket_of_the_period_before(store: EventStore) -> None:
    """Bucket by bucket; nothing is 0 where it counts, and a day that was not there has no value."""
    team = next(store.teams)
    store.commit(team, sales("ab") + sales("a", T0 + 31 * DAY_US) + sales("a", T0 + 32 * DAY_US))
    asked: dict[str, Any] = {
        "interval": "day",
        "from_": "2026-02-01",
        "to": "2026-03-01",
        "compare": "previous",
    }
    answer = store.ask(team, "sales", **asked)
    assert answer.previous == (T0, T0 + 31 * DAY_US)
    assert [(row.bucket_us, row.value, row.previous) for row in answer.rows] == [
        (T0 + 31 * DAY_US, 1, 2),
        (T0 + 32 * DAY_US, 1, 0),
    ]
    longer = store.ask(
        team,
        "sales",
        interval="day",
        from_="2026-03-01",
        to="2026-04-01",
        compare="previous",
        fill="zero",
    )
    assert [row.previous for row in longer.rows] == [1, 1] + [0] * 26 + [None] * 3


def test_compare_shows_what_is_gone(store: EventStore) -> None:
    """A group that only the period before has is worth nothing now."""
    team = next(store.teams)
    store.commit(team, sales("aab") + sales("b", T0 + DAY_US))
    rows = store.ask(
        team, "sales", by="shop", from_="2026-01-02", to="2026-01-03", compare="previous"
    ).rows
    assert [(row.keys[0], row.value, row.previous) for row in rows] == [("a", 0, 2), ("b", 1, 1)]


def test_a_ratio_counts_what_did_not_happen(store: EventStore) -> None:
    """A bucket with visits and no sale has the rate 0; one without visits has none."""
    team = next(store.teams)
    visits = [
        Told("visit", T0 + day * DAY_US, f"v{number}", None, None, {})
        for number, day in enumerate((0, 0, 1))
    ]
    store.commit(team, visits + sales("a") + sales("a", T0 + 2 * DAY_US))
    rows = store.ask(team, "rate", interval="day").rows
    assert [(row.bucket_us, row.value) for row in rows] == [
        (T0, 0.5),
        (T0 + DAY_US, 0.0),
        (T0 + 2 * DAY_US, None),
    ]


@pytest.mark.parametrize("order", ["value", "-value"])
@pytest.mark.parametrize("interval", [None, "day"])
def test_the_store_cuts_as_sorting_here_would(
    store: EventStore, order: str, interval: str | None
) -> None:
    """With order and limit the store sorts; the rows are the first of the whole answer."""
    team = next(store.teams)
    store.commit(team, sales("abacabadabacabae" * 5))
    parameters: dict[str, Any] = {"by": "shop"} | ({"interval": interval} if interval else {})
    whole = store.ask(team, "sales", order=order, **parameters)
    cut = store.ask(team, "sales", order=order, limit=3, **parameters)
    assert cut.truncated
    assert not whole.truncated
    assert cut.rows == whole.rows[:3]


def test_a_field_called_like_a_column_of_the_answer_can_be_asked_for(store: EventStore) -> None:
    """The dimension "value" is shown as "data.value"."""
    team = next(store.teams)
    store.commit(team, [Told("sale", T0, "1", None, None, {"value": 5})])
    answer = store.ask(team, "sales", by="value")
    assert answer.query.columns == ("data.value",)
    assert answer.rows[0].keys == (5,)


def test_sums_keep_every_digit(store: EventStore) -> None:
    """Sums of more digits than decimal's usual 28, and an average rounded half to even."""
    team = next(store.teams)
    price = Decimal("99999999999999999999999999.99")
    events = [Told("sale", T0, str(i), None, None, {"price": price}) for i in range(101)]
    store.commit(team, events)
    assert store.ask(team, "revenue").rows[0].value == Decimal("10099999999999999999999999998.99")
    store.commit(team, [Told("sale", T0 + DAY_US, "x", None, None, {"price": Decimal("0.01")})])
    assert store.ask(team, "mean", from_="2026-01-02").rows[0].value == Decimal("0.01")


def test_more_than_one_query_may_take_is_refused(store: EventStore) -> None:
    """Too many buckets, too many groups, too much memory: each says what to narrow."""
    team = next(store.teams)
    store.commit(team, sales("abcdefgh"))
    with pytest.raises(QueryTooLarge, match="day"):
        store.ask(team, "sales", interval="minute", from_="2020-01-01", to="2026-01-02")
    limits = QueryLimits(memory_bytes_max=100_000)
    evaluator = Evaluator(store.engine, Extents(store.engine), store.clock, limits)
    asked = Asked(store.declared, team, store.position, store.position)
    with pytest.raises(QueryTooLarge, match="shorter range"):
        evaluator.answer(parse_query("sales", {"by": ["shop"], "where": ["x:1"]}), asked)


def test_unique_says_when_it_is_approximate(
    store: EventStore,
) -> None:
    """Beyond the memory of a query the sketch answers, within its error, and says so."""
    team = next(store.teams)
    count = 20_000
    events = [Told("sale", T0, f"u{i}", f"person-{i}", None, {}) for i in range(count)]
    store.commit(team, events)
    exact = store.ask(team, "people")
    assert (exact.rows[0].value, exact.error) == (count, 0.0)
    limits = QueryLimits(memory_bytes_max=5_000_000, threads_max=1)
    runner = Runner(store.engine, Extents(store.engine), store.clock, lambda: 0, 1, limits)
    answer = runner.answer_now(parse_query("people", {"interval": ["day"]}), store.declared, team)
    runner.close()
    value = answer.rows[0].value
    assert isinstance(value, int)
    if answer.error:
        assert abs(value - count) <= 5 * answer.error * count
    else:
        assert value == count


def test_an_event_after_the_range_is_never_counted(store: EventStore) -> None:
    """A bound is left out where nothing lies beyond it, unless a commit comes meanwhile."""
    team = next(store.teams)
    store.commit(team, sales("a"))
    extents = Extents(store.engine)
    evaluator = Evaluator(store.engine, extents, store.clock, QueryLimits())
    query = parse_query("sales", {"interval": ["day"], "to": ["2026-01-01T05:00:00.000001Z"]})
    asked = Asked(store.declared, team, store.position, store.position)
    assert [row.value for row in evaluator.answer(query, asked).rows] == [1]
    # These extents are not told of the commit, as if it came after they were read.
    store.commit(team, sales("aaaaaaaa", T0 + 3 * HOUR_US))
    assert [row.value for row in evaluator.answer(query, asked).rows] == [4]


def test_a_window_asks_for_whole_buckets_that_changed(store: EventStore) -> None:
    """Only touched buckets with a later position, with the values of a fresh answer."""
    team = next(store.teams)
    store.commit(team, sales("a") + sales("a", T0 + DAY_US))
    since = store.position
    store.commit(team, sales("b", T0 + DAY_US + HOUR_US))
    slot = (T0 + DAY_US + HOUR_US) // SLOT_US
    query = parse_query("sales", {"interval": ["day"]})
    fresh = store.runner.answer_now(query, store.declared, team)
    changed = store.runner.answer_now(query, store.declared, team, Window(slot, slot, since))
    assert changed.rows == [row for row in fresh.rows if row.bucket_us == T0 + DAY_US]


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"by": "time"}, "by"),
        ({"top": "2"}, "top"),
        ({"top": "0", "by": "shop"}, "top"),
        ({"compare": "previous"}, "compare"),
        ({"compare": "later"}, "compare"),
        ({"where": "price:abc"}, "where"),
        ({"where": "price:0.001"}, "where"),
        ({"where": "value:1.5"}, "where"),
        ({"where": "unknown:>nan"}, "where"),
        ({"where": "value:1*"}, "where"),
        ({"limit": "-1"}, "limit"),
        ({"order": "random"}, "order"),
        ({"fil": "zero"}, "fil"),
        ({"tz": "Mars/Olympus"}, "tz"),
        ({"interval": "fortnight"}, "interval"),
        ({"from_": "2026-01-02", "to": "2026-01-01"}, "to"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(
    store: EventStore, parameters: dict[str, Any], field: str
) -> None:
    """The error names the parameter."""
    with pytest.raises(BadInput) as caught:
        store.ask(1, "sales", **parameters)
    assert caught.value.field == field


def test_an_unknown_metric_is_named_with_the_nearest(store: EventStore) -> None:
    """A misspelt name is answered with the one that was meant."""
    with pytest.raises(UnknownName) as caught:
        store.ask(1, "salse")
    assert caught.value.nearest == "sales"


HOSTILE = [
    "'",
    "\\",
    "\\'",
    "') OR 1=1 --",
    "{v0:String}",
    "%s",
    "\0",
    "\n",
    "`",
    "名",
    "😀",
    "\\x00",
    "$(x)",
    "/*",
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_texts_are_only_texts(store: EventStore, text: str) -> None:
    """In a key, a value, a subject and a dimension: found by itself and by nothing else."""
    team = next(store.teams)
    store.commit(
        team,
        [
            Told("sale", T0, "1", text, None, {"shop": text, text: text}),
            Told("sale", T0, "2", "other", None, {"shop": "other", "plain": text}),
        ],
    )
    quoted = _quoted(text)
    for where in (f"shop:{quoted}", f"subject:{quoted}", f"{quoted}:{quoted}", f"{quoted}:*"):
        assert store.ask(team, "sales", where=where).rows[0].value == 1, where
        assert store.ask(team, "sales", where=f"!{where}").rows[0].value == 1, where
    rows = store.ask(team, "sales", by=[quoted]).rows
    assert {row.keys[0] for row in rows} == {text, None}
    rows = store.ask(team, "sales", by="shop", top=1, where=f"shop:{quoted}").rows
    assert [row.keys for row in rows] == [(text,)]


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def test_a_question_has_one_key_whatever_the_order_of_its_filters() -> None:
    """Equal questions are equal texts; top and compare make another one."""

    def key(**parameters: str | list[str]) -> str:
        texts = {n: v if isinstance(v, list) else [v] for n, v in parameters.items()}
        query: MetricQuery = parse_query("sales", texts)
        return query.key

    assert key(where=["a:1", "b:2"]) == key(where=["b:2", "a:1"])
    assert key(by="a") != key(by="a", top="3")
    assert key(**{"from": "2026", "to": "2027"}) != key(
        **{"from": "2026", "to": "2027", "compare": "previous"}
    )
