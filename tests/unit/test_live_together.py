"""Relatives: touched questions that differ in one value are asked with one statement."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from livetally.errors import QueryTooLarge, StoreFailed
from livetally.live import Pace, Reply, Touched
from livetally.live.line import Line
from livetally.live.question import Turn
from livetally.live.topic import Topic
from livetally.query import AnswerRow, Declared, MetricQuery, parse_query
from livetally.query.together import joined, parted, relative_of
from tests.declaring import shop
from tests.unit.live_room import Tally, limits, notice, open_client, room, settle
from tests.unit.test_live_metric import Counting, asking

TYPED = Declared(
    [
        shop(
            '[metric.sales]\nevent = "sale"\naggregate = "count"\n'
            '[metric.refunds]\nevent = "refund"\naggregate = "count"\n'
            '[metric.rate]\nratio = ["refunds", "sales"]\n'
        )
    ]
)


class Cousin(Tally):
    """A tally of a family; ``together`` counts how many were asked at once."""

    family = "cousins"
    together: list[int]
    refusal: Exception | None = None

    async def ask_together(self, turns: Sequence[Turn]) -> Sequence[Reply | Exception]:
        """Ask each, in one go."""
        if self.refusal is not None:
            raise self.refusal
        self.together.append(len(turns))
        replies: list[Reply | Exception] = []
        for question, known, since, touched in turns:
            try:
                replies.append(await question.ask(known, since, touched))
            except StoreFailed as error:
                replies.append(error)
        return replies


def cousins(count: int) -> list[Cousin]:
    """Return questions of one family that share a log of how they were asked."""
    log: list[int] = []
    found = [Cousin(f"cousin {number}") for number in range(count)]
    for one in found:
        one.together = log
    return found


def query(**parameters: str) -> MetricQuery:
    """Return a question about sales."""
    return parse_query("sales", {name: value.split(";") for name, value in parameters.items()})


async def test_touched_relatives_are_asked_with_one_statement() -> None:
    """Fifty questions, one evaluation; each client gets its own rows; another is not among them."""
    async with room() as (hub, _):
        family, other = cousins(50), Tally("other")
        clients = [(await open_client(hub, one))[1] for one in (*family, other)]
        assert family[0].together == [], "a first answer is whole, so each is asked by itself"
        for number, one in enumerate((*family, other)):
            one.put(f"n{number}", 1, 1)
        hub.notice(notice(1))
        await settle(100)
        assert family[0].together == [50]
        assert [client.picture() for client in clients] == [{f"n{n}": 1} for n in range(51)]
        assert {client.last_id() for client in clients} == {"e1.1"}


async def test_what_can_not_be_asked_together_is_asked_one_by_one() -> None:
    """When the joint question is too large, every one is still answered."""
    async with room() as (hub, _):
        family = cousins(3)
        clients = [(await open_client(hub, one))[1] for one in family]
        for one in family:
            one.refusal = QueryTooLarge()
            one.put("a", 1, 1)
        hub.notice(notice(1))
        await settle(100)
        assert [client.picture() for client in clients] == [{"a": 1}] * 3


async def test_one_relative_that_fails_holds_up_no_other() -> None:
    """It alone is asked again; the others are told."""
    async with room() as (hub, _):
        family = cousins(3)
        clients = [(await open_client(hub, one))[1] for one in family]
        for one in family:
            one.put("a", 1, 1)
        family[1].error = StoreFailed()
        hub.notice(notice(1))
        await settle(20)
        assert [client.picture() for client in clients] == [{"a": 1}, {}, {"a": 1}]
        family[1].error = None
        await settle(100)
        assert clients[1].picture() == {"a": 1}


async def test_a_relative_that_still_rests_comes_along_and_is_not_asked_twice() -> None:
    """One that was touched while it rested is asked with the first whose turn it is."""
    line = Line()
    topics = [Topic(one) for one in cousins(3)]
    for topic in topics:
        topic.settle()
    tickets = [line.add(topic) for topic in topics]
    line.ready(topics[2], tickets[2])
    assert await line.take() == [topics[2], topics[0], topics[1]]
    line.ready(topics[0], tickets[0])
    assert not line._ready, "its rest ends when it has been asked"
    again = line.add(topics[0])
    line.ready(topics[0], tickets[0])
    assert not line._ready, "a turn from before does not shorten its rest"
    line.ready(topics[0], again)
    assert await line.take() == [topics[0]]
    assert (line._families, line._waiting) == ({}, {})


async def test_relatives_rest_as_long_as_asking_all_of_them_took() -> None:
    """One statement for many is one turn of the machine."""
    async with room(limits()._replace(pace=Pace(5, 9, 0, 2))) as (hub, clock):
        family = cousins(2)
        for one in family:
            await open_client(hub, one)
        hub.notice(notice(1))
        await settle(100)
        rests = {topic.rest_until_s for topic in hub._topics}
        assert len(rests) == 1
        assert rests.pop() >= clock.monotonic_s() + 5


@pytest.mark.parametrize(
    ("one", "two", "related"),
    [
        ("subject:a", "subject:b", True),
        ("subject:a;reason:x", "reason:x;subject:b", True),
        ("subject:a;reason:x", "subject:b;reason:y", True),
        ("subject:a;reason:x", "subject:b", False),
        ("count:1", "count:02", True),
        ("paid:true", "paid:false", True),
        ("value:1.5", "value:2", False),
        ("weight:1", "weight:2", False),
        ("subject:a", "!subject:b", False),
        ("subject:a", "subject:b,c", False),
        ("subject:a", "subject:b*", False),
        ('subject:""', "subject:b", False),
        ("adhoc:5", "adhoc:x", True),
        ("adhoc:5.0", "adhoc:x", False),
        ("adhoc:007", "adhoc:x", False),
    ],
)
def test_questions_that_differ_in_the_values_of_filters_are_relatives(
    one: str,
    two: str,
    related: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Equality of a text, a whole number, a boolean; and nothing that can be written otherwise."""
    found = [relative_of(query(where=text, interval="day"), TYPED) for text in (one, two)]
    families = [relative and relative.family for relative in found]
    assert (families[0] is not None and families[0] == families[1]) is related


def test_a_ratio_and_a_cut_answer_have_no_relatives() -> None:
    """The halves of a ratio may read a field differently; a cut answer is asked whole."""
    assert relative_of(parse_query("rate", {"where": ["subject:a"]}), TYPED) is None
    assert asking(Counting(), where="subject:a").family is not None
    assert asking(Counting(), where="subject:a", limit="1").family is None
    assert relative_of(query(interval="day"), TYPED) is None
    by_hour = relative_of(query(where="subject:a", interval="hour"), TYPED)
    by_day = relative_of(query(where="subject:a", interval="day"), TYPED)
    assert by_hour is not None
    assert by_day is not None
    assert by_hour.family != by_day.family


def test_the_joint_question_groups_by_what_tells_them_apart() -> None:
    """Its filters take every value; a dimension that was asked for stays in its place."""
    queries = [query(where=f"subject:{name};reason:{name}", by="reason") for name in "ba"]
    relatives = [one for each in queries if (one := relative_of(each, TYPED)) is not None]
    both = joined(queries[0], relatives)
    assert both.by == ("reason", "subject")
    assert [(one.field, one.values) for one in both.where] == [
        ("reason", ("a", "b")),
        ("subject", ("a", "b")),
    ]
    rows = [AnswerRow(None, keys, 1, 1) for keys in (("a", "a"), ("a", "b"), ("b", "b"))]
    assert [[row.keys for row in part] for part in parted(rows, queries[0], relatives)] == [
        [("b",)],
        [("a",)],
    ]


async def test_metric_questions_are_asked_for_what_any_of_them_was_touched_in() -> None:
    """The window holds all slots, and begins at the oldest position that one of them knows."""
    runner = Counting()
    questions = [asking(runner, where=f"subject:{name}", interval="hour") for name in "ab"]
    turns = [
        Turn(questions[0], {}, 7, Touched(3, 4)),
        Turn(questions[1], {}, 5, Touched(9, 9)),
    ]
    replies = await questions[0].ask_together(turns)
    assert [window and tuple(window) for window in runner.windows] == [(3, 9, 5)]
    assert len(replies) == 2
