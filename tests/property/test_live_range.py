"""What is told of a filled answer as time passes is what a fresh question answers.

In the flow: a real store on a clock set by hand; a topic that is touched by commits, and by time.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from livetally.live import MetricQuestion, Touched, Wire
from livetally.live.topic import Topic
from livetally.query import Answer, parse_query
from livetally.store.events import SLOT_US
from tests.event_store import EventStore, event_store
from tests.query_model import Told

MINUTE_US = 60_000_000
SHOP = """
application = "shop"
[event.sale]
data.shop = "string"
[metric.sales]
event = "sale"
aggregate = "count"
by = ["shop"]
"""
QUESTIONS: tuple[dict[str, list[str]], ...] = (
    {"interval": ["minute"]},
    {"interval": ["minute"], "by": ["shop"]},
    {"interval": ["minute"], "where": ["shop:a"]},
    {"interval": ["minute"], "where": ["shop:nobody"]},
    {"interval": ["hour"], "tz": ["Asia/Kathmandu"]},
    {"interval": ["minute"], "from": ["2026-01-05T10:00:00Z"]},
    {"interval": ["minute"], "where": ["shop:b"], "from": ["2026-01-05T10:00:00Z"]},
)
START_US = 1_767_608_040_000_000  # 2026-01-05T10:14:00Z


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EventStore]:
    """A store with the shop."""
    with event_store(tmp_path_factory.mktemp("store"), SHOP) as opened:
        yield opened


def _question(store: EventStore, team: int, parameters: dict[str, list[str]]) -> MetricQuestion:
    query = parse_query("sales", {"fill": ["zero"], **parameters})
    wire = Wire(lambda _query, rows: repr(list(rows)).encode(), lambda *about: repr(about).encode())
    return MetricQuestion(query, store.declared, team, "e1", store.runner, wire)


def _shown(answer: Answer) -> tuple[Any, ...]:
    rows = {(row.bucket_us, row.keys): row.value for row in answer.rows}
    return answer.start_us, answer.end_us, rows


def _held(topic: Topic) -> tuple[Any, ...]:
    question = topic.question
    assert isinstance(question, MetricQuestion)
    rows = {(row.bucket_us, row.keys): row.value for row in question.arranged(topic.rows)}
    return question._start_us, question._end_us, rows


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("parameters", QUESTIONS, ids=str)
async def test_time_and_commits_lead_to_what_a_fresh_question_answers(
    store: EventStore, seed: int, parameters: dict[str, list[str]]
) -> None:
    """Quarters of an hour begin, events are late and early, of groups that are asked for or not."""
    chance = random.Random(seed)
    team = next(store.teams)
    store.clock.jump_to(START_US)
    topic = Topic(_question(store, team, parameters))
    if chance.random() < 0.7:
        store.commit(team, [Told("sale", START_US, "first", "", "", {"shop": "a"})])
    topic.take(await topic.question.ask({}, 0, None))
    for number in range(12):
        store.clock.advance(s=chance.choice([1, 20, 60, 900]))
        now_us = store.clock.now_us()
        topic.begin(now_us)
        assert _held(topic) == _shown(await _fresh(store, team, topic)), "as time passed"
        late_us = chance.choice([0, 0, 0, 2, 50, -3]) * MINUTE_US
        event = Told("sale", now_us - late_us, str(number), "", "", {"shop": chance.choice("abc")})
        position = store.commit(team, [event])
        slot = event.at_us // SLOT_US
        touched = Touched(slot, slot, position - 1, position)
        topic.take(await topic.question.ask(topic.rows, topic.position, touched))
        assert _held(topic) == _shown(await _fresh(store, team, topic)), "after a commit"


async def _fresh(store: EventStore, team: int, topic: Topic) -> Answer:
    assert isinstance(topic.question, MetricQuestion)
    return await store.runner.answer(topic.question.query, store.declared, team)
