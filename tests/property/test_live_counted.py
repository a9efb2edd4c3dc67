"""What is worked out from commits alone is what the store answers.

In the flow: a real store, and a topic that is told of commits with their events, as the writer
tells it; each row is compared with a fresh answer, its version included.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from livetally.definitions import FieldType
from livetally.ingest.rows import joined_rows
from livetally.live import MetricQuestion, Touched, Wire
from livetally.live.question import Commit
from livetally.live.topic import Topic
from livetally.query import parse_query
from livetally.query.adding import adder_of
from livetally.store.events import SLOT_US
from tests.event_store import EventStore, event_store
from tests.query_model import Told

SHOP = """
application = "shop"
[event.sale]
data.shop = "string"
data.amount = { type = "decimal", scale = 2 }
data.pieces = "integer"
data.card = "boolean"
data.till = "uuid"
data.weight = "number"
[event.refund]
data.shop = "string"
data.back = { type = "decimal", scale = 3 }
[metric.sales]
event = "sale"
aggregate = "count"
by = ["shop"]
[metric.large]
event = "sale"
aggregate = "count"
where = ["pieces:>=3"]
[metric.pieces]
event = "sale"
aggregate = "sum"
value = "pieces"
[metric.turnover]
aggregate = "sum"
of = [
    { event = "sale", value = "amount" },
    { event = "refund", value = "back", sign = -1 },
]
[metric.paid_by_card]
aggregate = "count"
of = [
    { event = "sale", where = ["card:true"] },
    { event = "sale", where = ["shop:a"], sign = -1 },
    { event = "refund" },
]
[metric.weight]
event = "sale"
aggregate = "sum"
value = "weight"
[metric.shops]
event = "sale"
aggregate = "unique"
value = "shop"
"""
TILLS = ("0f8fad5b-d9cb-469f-a165-70867728950e", "7c9e6679-7425-40de-944b-e07fc1f90ae7")
FROM_US = 1_767_571_200_000_000  # 2026-01-05T00:00:00Z
RANGES: tuple[dict[str, list[str]], ...] = (
    {},
    {"from": ["2026-01-05T01:07:00Z"]},
    {"from": ["2026-01-05T01:07:30.5Z"], "to": ["2026-01-05T04:00:01Z"]},
    {"to": ["2026-01-05T03:00:00Z"]},
)
INTERVALS: tuple[dict[str, list[str]], ...] = (
    {},
    {"interval": ["minute"]},
    {"interval": ["hour"], "tz": ["Asia/Kathmandu"]},
    {"interval": ["day"], "tz": ["Australia/Lord_Howe"], "fill": ["zero"]},
    {"interval": ["week"], "order": ["-time"]},
    {"interval": ["hour"], "fill": ["zero"]},
)
GROUPS: tuple[dict[str, list[str]], ...] = ({}, {"by": ["shop"]}, {"by": ["subject", "source"]})
OF_SALES: tuple[dict[str, list[str]], ...] = (
    {"by": ["card", "pieces"]},
    {"by": ["till", "type"]},
    {"where": ["pieces:1,2,-7"]},
    {"where": ["!pieces:>2"]},
    {"where": ["pieces:-3..2"], "by": ["pieces"]},
    {"where": ["card:false"]},
    {"where": ["!card:true"]},
    {"where": [f"till:{TILLS[0]}"]},
)
FILTERS: tuple[dict[str, list[str]], ...] = (
    {},
    {"where": ["shop:a"]},
    {"where": ["!shop:a,ö"]},
    {"where": ["shop:*"], "by": ["shop"]},
    {"where": ["!subject:*"]},
    {"where": ["subject:u*", "source:x"]},
)
METRICS = ("sales", "large", "pieces", "turnover", "paid_by_card")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventStore]:
    """A store with the shop."""
    with event_store(tmp_path_factory.mktemp("store"), SHOP) as opened:
        yield opened


def _event(chance: random.Random, number: int) -> Told:
    """Return an event with some of its members missing, mostly late in the range."""
    data: dict[str, Any] = {
        "shop": chance.choice(["a", "b", "ö", "", "a b"]),
        "amount": Decimal(chance.randrange(-99_999, 99_999)).scaleb(-2),
        "pieces": chance.choice([-7, 0, 1, 2, 3, 2**62]),
        "card": chance.random() < 0.5,
        "till": chance.choice(TILLS),
        "weight": 0.1,
    }
    kept = {name: value for name, value in data.items() if chance.random() < 0.8}
    kind = chance.choice(["sale", "sale", "sale", "refund", "visit"])
    if kind == "refund":
        kept = {"shop": data["shop"], "back": Decimal(chance.randrange(9_999)).scaleb(-3)}
    elif kind == "visit" and chance.random() < 0.99:
        kept = {}
    at_us = FROM_US + chance.choice([-86_400, 0, 4_020, 7_200, 14_400]) * 1_000_000
    at_us += chance.randrange(3_600_000_000)
    subject = chance.choice(["", "u1", "u2", "visitor"])
    return Told(kind, at_us, str(number), subject, chance.choice(["", "x", "y"]), kept)


def _question(store: EventStore, team: int, chance: random.Random) -> MetricQuestion:
    name = chance.choice(METRICS)
    also = OF_SALES if name in ("sales", "large", "pieces") else ()
    parts = (RANGES, INTERVALS, GROUPS, (*FILTERS, *also))
    parameters: dict[str, list[str]] = {}
    for part in parts:
        parameters |= chance.choice(part)
    query = parse_query(name, parameters)
    wire = Wire(lambda _query, rows: repr(list(rows)).encode(), lambda *about: repr(about).encode())
    return MetricQuestion(query, store.declared, team, "e1", store.runner, wire)


def _exactly(topic: Topic) -> list[str]:
    """Return the rows, written so that 1 and True differ; empty ones are of no version."""
    return sorted(map(repr, topic.rows.values()))


def _commit(store: EventStore, team: int, chance: random.Random) -> tuple[Touched, Commit, bool]:
    """Store some events; tell what was touched, and whether any of the shop's types was."""
    many = chance.choice([1, 1, 2, 5, 30])
    numbers = range(store.position * 100, store.position * 100 + many)
    events = [_event(chance, number) for number in numbers]
    position = store.commit(team, events)
    slots = [event.at_us // SLOT_US for event in events]
    touched = Touched(min(slots), max(slots), position - 1, position)
    return touched, Commit(position, store.rows), any(one.type != "visit" for one in events)


@pytest.mark.parametrize("seed", range(40))
async def test_commits_add_up_to_what_the_store_answers(store: EventStore, seed: int) -> None:
    """Whatever the store was asked between: it may be further than what is known of commits."""
    chance = random.Random(seed)
    team = next(store.teams)
    store.clock.jump_to(FROM_US + 18_000_000_000)
    topic = Topic(_question(store, team, chance))
    question = topic.question
    assert isinstance(question, MetricQuestion)
    for _ in range(chance.randrange(3)):
        _commit(store, team, chance)
    topic.take(await question.ask({}, 0, None))
    counted = 0
    for _ in range(12):
        for _ in range(chance.choice([1, 1, 3])):
            touched, commit, counts = _commit(store, team, chance)
            if counts and question.concerns(touched):
                topic.touch(touched, 0, commit)
        if topic.pending is None or topic.commits is None:
            continue
        reply = question.counted(topic.rows, topic.commits, topic.pending)
        if chance.random() < 0.2:  # the store's answer has commits that are told of once more
            topic.take(await question.ask(topic.rows, topic.position, topic.pending))
            continue
        counted += reply is not None
        topic.take(reply or await question.ask(topic.rows, topic.position, topic.pending))
        topic.begin_turn()
        fresh = Topic(_again(question, store, team))
        fresh.take(await fresh.question.ask({}, 0, None))
        assert _exactly(topic) == _exactly(fresh), question.query
        if question.query.fill_zero:
            assert question.head() == fresh.question.head(), "the same range"
    filled = question.query.fill_zero
    assert counted or filled or topic.pending is None, "it is of the kind that adds up"


def _again(question: MetricQuestion, store: EventStore, team: int) -> MetricQuestion:
    return MetricQuestion(question.query, store.declared, team, "e1", store.runner, question._wire)


@pytest.mark.parametrize(
    ("metric", "parameters"),
    [
        ("weight", {}),
        ("shops", {}),
        ("sales", {"where": ["amount:1.50"]}),
        ("sales", {"by": ["amount"]}),
        ("sales", {"where": ["colour:red"]}),
        ("sales", {"by": ["weight"]}),
        ("turnover", {"by": ["card"]}),
    ],
)
def test_what_could_be_read_differently_is_left_to_the_store(
    store: EventStore, metric: str, parameters: dict[str, list[str]]
) -> None:
    """Binary numbers, sets of values, decimals to compare, and what is not declared."""
    assert adder_of(parse_query(metric, parameters), store.declared, 1) is None


def test_a_column_that_only_the_store_can_read_is_left_to_it(store: EventStore) -> None:
    """An event of a type that does not declare the shop has one: the commit has no such column."""
    team = next(store.teams)
    at_us = FROM_US
    store.commit(
        team,
        [
            Told("sale", at_us, "1", "", "", {"shop": "a"}),
            Told("visit", at_us, "2", "", "", {"shop": "b"}),
        ],
    )
    adder = adder_of(parse_query("sales", {"by": ["shop"]}), store.declared, team)
    assert adder is not None
    assert adder.amounts(store.rows) is None
    plain = adder_of(parse_query("sales", {}), store.declared, team)
    assert plain is not None
    assert plain.amounts(store.rows) == {(None, ()): 1}
    other = adder_of(parse_query("sales", {}), store.declared, team + 1)
    assert other is not None
    assert other.amounts(store.rows) == {}


def test_every_type_of_field_is_either_added_or_left(store: EventStore) -> None:
    """A new type of field must be thought of here."""
    kinds = {field.type for field in store.declared.events["sale"].fields.values()}
    assert kinds | {FieldType.TIME} == set(FieldType)
    assert joined_rows([], []).id == []
