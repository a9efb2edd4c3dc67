"""A live question about a metric: what is asked again, and that a picture equals a fresh answer."""

from __future__ import annotations

import random
from typing import Any

import pytest

from livetally.calendar import edges
from livetally.errors import QueryTooLarge
from livetally.live import MetricQuestion, Rows, Touched, Wire
from livetally.live.question import Reply, Turn
from livetally.query import Answer, AnswerRow, Declared, MetricQuery, Window, parse_query
from livetally.query.answer import with_empty_buckets
from livetally.store.events import SLOT_US
from tests.declaring import shop

MINUTE_US = 60_000_000
DECLARED = Declared(
    [
        shop(
            '[metric.sales]\nevent = "sale"\naggregate = "count"\n'
            '[metric.refunds]\nevent = "refund"\naggregate = "count"\n'
            '[metric.rate]\nratio = ["refunds", "sales"]\n'
        )
    ]
)


class Counting:
    """Answers from a list of ``(occurred_us, group)``; the position is the number of events."""

    def __init__(self, now_us: int = 0) -> None:
        """Start without events, at ``now_us``."""
        self.events: list[tuple[int, str]] = []
        self.now_us = now_us
        self.windows: list[Window | None] = []

    async def answer(
        self, query: MetricQuery, declared: Declared, _team: int, window: Window | None = None
    ) -> Answer:
        """Count, as the store would."""
        self.windows.append(window)
        starts = self._starts(query)
        rows: dict[tuple[int, tuple[str, ...]], AnswerRow] = {}
        for version, (occurred_us, group) in enumerate(self.events, start=1):
            bucket = max((edge for edge in starts if edge <= occurred_us), default=None)
            if bucket is None or bucket == starts[-1]:
                continue
            keys = (group,) if query.by else ()
            old = rows.get((bucket, keys))
            rows[bucket, keys] = AnswerRow(bucket, keys, (old.value if old else 0) + 1, version)  # type: ignore[operator]
        found = [rows[key] for key in sorted(rows)]
        if window is not None:
            reach = range(window.first_slot, window.last_slot + 1)
            found = [r for r in found if r.version > window.since and _meets(r, reach)]
        elif query.fill_zero and starts:
            found = with_empty_buckets(found, starts, declared.metric(query.metric))
        first, last = (starts[0], starts[-1]) if starts else (None, None)
        return Answer(query, len(self.events), first, last, found)

    def _starts(self, query: MetricQuery) -> list[int]:
        assert query.interval is not None
        times = [occurred_us for occurred_us, _ in self.events]
        low = min(times, default=self.now_us)
        high = max([*times, self.now_us] if query.fill_zero else times, default=None)
        if query.start_us is not None:
            low = query.start_us
        if query.end_us is not None:
            high = query.end_us - 1
        return [] if high is None else edges(query.interval, query.zone, low, high + 1, 10_000)


def _meets(row: AnswerRow, slots: range) -> bool:
    assert row.bucket_us is not None
    return any(
        row.bucket_us // SLOT_US - 1 <= slot <= row.bucket_us // SLOT_US + 1 for slot in slots
    )


def asking(runner: Counting, name: str = "sales", **parameters: str) -> MetricQuestion:
    """Return a question about the shop."""
    query = parse_query(name, {key: [value] for key, value in parameters.items()})
    wire = Wire(lambda _query, rows: repr(list(rows)).encode(), lambda *about: repr(about).encode())
    return MetricQuestion(query, DECLARED, 1, "e1", runner, wire)  # type: ignore[arg-type]


async def first_rows(question: MetricQuestion) -> Rows:
    """Return what a topic would have after the first answer."""
    reply = await question.ask({}, 0, None)
    question.taken(reply)
    return reply.rows


def seen(rows: Rows) -> dict[Any, Any]:
    """Return what a client keeps: values by key."""
    return {key: row.value for key, row in rows.items()}


async def test_only_touched_buckets_after_the_known_position_are_asked_for() -> None:
    """A commit leads to a question for its slots and for what is newer than the last answer."""
    runner = Counting()
    question = asking(runner, interval="hour")
    first = await question.ask({}, 0, None)
    await question.ask(first.rows, 4, Touched(8, 9))
    assert runner.windows == [None, Window(8, 9, 4)]


async def test_an_answer_for_some_slots_is_true_up_to_the_commits_that_touched_them() -> None:
    """A commit that the store has, and nobody noted yet, may have changed others: it is asked for.

    When its notice comes the known position must not be beyond it.
    """
    runner = Counting()
    runner.events = [(0, "a")] * 9
    question = asking(runner, interval="hour")
    first = await question.ask({}, 0, None)
    second = await question.ask(first.rows, 6, Touched(8, 9, after=6, upto=7))
    assert second.position == 7
    await question.ask(first.rows, 9, Touched(2, 2, after=7, upto=8))
    assert runner.windows == [None, Window(8, 9, 6), Window(2, 2, 7)]
    one = asking(runner, where="subject:a", interval="hour")
    [third] = await one.ask_together([Turn(one, {}, 9, Touched(3, 4, after=7, upto=8))])
    assert isinstance(third, Reply)
    assert third.position == 8
    assert runner.windows[-1] == Window(3, 4, 7)
    joined = Touched(3, 4, 7, 8).joined(Touched(1, 2, 5, 6))
    assert joined == Touched(1, 4, 5, 8)


async def test_a_ratio_is_touched_by_the_events_of_both_halves() -> None:
    """A rate changes with what is counted and with what it is divided by."""
    assert asking(Counting(), "rate").types == frozenset({"refund", "sale"})
    assert asking(Counting()).types == frozenset({"sale"})


async def test_the_same_question_has_the_same_key_whatever_its_order() -> None:
    """Filters in another order are the same question; another team or epoch is another."""
    runner = Counting()
    one = asking(runner, interval="day", by="subject")
    two = asking(runner, by="subject", interval="day")
    other = asking(runner, by="subject", interval="hour")
    assert one.key == two.key != other.key


@pytest.mark.parametrize(
    "parameters",
    [
        {"limit": "3"},
        {"order": "-value"},
        {"order": "value"},
        {"top": "2", "by": "subject"},
        {"compare": "previous", "from": "2026-01-02", "to": "2026-01-03"},
    ],
    ids=["limit", "highest", "lowest", "top", "compare"],
)
async def test_what_one_row_can_do_to_others_is_sent_whole(parameters: dict[str, str]) -> None:
    """An answer that is cut, ordered by value or compared is asked whole at every change."""
    runner = Counting()
    question = asking(runner, interval="hour", **parameters)
    assert question.sent_whole
    await question.ask({}, 3, Touched(1, 1))
    assert runner.windows == [None]


async def test_commits_outside_of_the_asked_range_concern_nobody() -> None:
    """A question about one day is not asked again for the events of another."""
    question = asking(Counting(), interval="hour", **{"from": "1970-01-02", "to": "1970-01-03"})
    assert [question.concerns(Touched(slot, slot)) for slot in (95, 96, 191, 192)] == [
        False,
        True,
        True,
        False,
    ]
    assert question.concerns(Touched(0, 1000))


async def test_a_new_group_brings_all_its_buckets() -> None:
    """With fill=zero a group's first event adds its empty buckets as well."""
    runner = Counting(now_us=5 * MINUTE_US)
    runner.events = [(0, "a"), (3 * MINUTE_US, "a")]
    question = asking(runner, interval="minute", fill="zero", by="subject")
    first = await question.ask({}, 0, None)
    runner.events.append((2 * MINUTE_US, "b"))
    second = await question.ask(first.rows, first.position, Touched(0, 0))
    assert second.whole
    assert len(second.rows) == 2 * len(first.rows)


async def test_buckets_that_begin_are_added_once_for_each_group() -> None:
    """Time alone adds empty buckets, all that began since the last look."""
    runner = Counting(now_us=90 * 1_000_000)
    runner.events = [(0, "a"), (1, "b")]
    question = asking(runner, interval="minute", fill="zero", by="subject")
    rows = await first_rows(question)
    assert question.begun(rows, 2 * MINUTE_US - 1) == {}
    fresh = question.begun(rows, 4 * MINUTE_US)
    assert {(row.bucket_us, row.keys, row.value) for row in fresh.values()} == {
        (minute * MINUTE_US, (group,), 0) for minute in (2, 3, 4) for group in "ab"
    }
    assert question.begun({**rows, **fresh}, 4 * MINUTE_US) == {}


async def test_buckets_of_an_answer_that_did_not_count_begin_all_the_same() -> None:
    """Relatives are asked together; when one can't be answered, nobody's answer counts."""
    runner = Counting(now_us=90 * 1_000_000)
    runner.events = [(0, "a")]
    question = asking(runner, interval="minute", fill="zero")
    rows = await first_rows(question)
    runner.now_us = 200 * 1_000_000
    discarded = await question.ask({}, 0, None)
    assert len(discarded.rows) == 4
    fresh = question.begun(rows, runner.now_us)
    assert [row.bucket_us for row in fresh.values()] == [2 * MINUTE_US, 3 * MINUTE_US]


async def test_too_many_begun_buckets_are_refused_as_a_fresh_question_would_be() -> None:
    """A filled question that has grown beyond the rows of one answer ends with the reason."""
    runner = Counting()
    runner.events = [(0, str(number)) for number in range(60)]
    question = asking(runner, interval="minute", fill="zero", by="subject")
    rows = await first_rows(question)
    with pytest.raises(QueryTooLarge, match="longer interval"):
        question.begun(rows, 2_000 * MINUTE_US)


async def test_a_question_with_an_end_gets_no_buckets_by_time() -> None:
    """Neither an asked range nor a question without filling grows because time passes."""
    runner = Counting()
    runner.events = [(0, "a")]
    for parameters in (
        {"fill": "none"},
        {"fill": "zero", "from": "1970-01-01", "to": "1970-01-02"},
    ):
        question = asking(runner, interval="minute", **parameters)
        rows = await first_rows(question)
        assert question.begun(rows, 10 * 86_400_000_000) == {}


@pytest.mark.parametrize("fill", ["zero", "none"])
@pytest.mark.parametrize("by", ["subject", ""])
@pytest.mark.parametrize("seed", range(25))
async def test_a_picture_of_any_age_and_what_it_lacks_make_a_fresh_answer(
    fill: str, by: str, seed: int
) -> None:
    """Whatever was committed meanwhile, late or early: old picture + what is lacking = fresh."""
    chance = random.Random(seed)
    parameters = {"interval": "minute", "fill": fill} | ({"by": by} if by else {})
    runner = Counting(now_us=20 * MINUTE_US)
    for _ in range(chance.randrange(4)):
        runner.events.append((chance.randrange(60) * MINUTE_US // 2, chance.choice("ab")))
    old = await asking(runner, **parameters).ask({}, 0, None)
    runner.now_us += chance.randrange(20) * MINUTE_US
    for _ in range(chance.randrange(5)):
        runner.events.append((chance.randrange(80) * MINUTE_US // 2, chance.choice("abc")))
    question = asking(runner, **parameters)
    fresh = await question.ask({}, 0, None)
    keys = question.lacking(fresh.rows, old.position)
    picture = (
        seen(fresh.rows)
        if keys is None
        else seen(old.rows) | {key: fresh.rows[key].value for key in keys}
    )
    assert picture == seen(fresh.rows)


async def test_of_a_total_whoever_comes_back_lacks_the_groups_that_changed() -> None:
    """It has no buckets between which others could be empty: one that had any group had all."""
    question = asking(Counting(), fill="zero", by="subject")
    rows: Rows = {
        (None, (group,), False): AnswerRow(None, (group,), 1, version)
        for version, group in enumerate("abc", start=1)
    }
    assert question.lacking(rows, 3) == []
    assert question.lacking(rows, 2) == [(None, ("c",), False)]
    assert question.lacking(rows, 0) is None
    alone = asking(Counting(), fill="zero")
    assert alone.lacking({(None, (), False): AnswerRow(None, (), 0, 0)}, 3) is None
    assert alone.lacking({(None, (), False): AnswerRow(None, (), 7, 3)}, 3) == []


@pytest.mark.parametrize("seed", range(25))
async def test_rows_kept_by_windows_stay_a_fresh_answer(seed: int) -> None:
    """Commit after commit, with time passing: the rows kept equal those of a new question."""
    chance = random.Random(seed)
    runner = Counting(now_us=5 * MINUTE_US)
    runner.events = [(MINUTE_US, "a")]
    question = asking(runner, interval="minute", fill="zero", by="subject")
    reply = await question.ask({}, 0, None)
    question.taken(reply)
    rows, position = dict(reply.rows), reply.position
    for _ in range(12):
        runner.now_us += chance.randrange(3) * MINUTE_US
        rows |= question.begun(rows, runner.now_us)
        occurred_us = max(0, runner.now_us - chance.choice([0, 0, 0, 7, 40]) * MINUTE_US)
        runner.events.append((occurred_us, chance.choice("aabc")))
        slot = occurred_us // SLOT_US
        reply = await question.ask(rows, position, Touched(slot, slot))
        question.taken(reply)
        rows = dict(reply.rows) if reply.whole else rows | dict(reply.rows)
        position = reply.position
        fresh = await asking(runner, interval="minute", fill="zero", by="subject").ask({}, 0, None)
        assert seen(rows) == seen(fresh.rows)
    assert any(window is not None for window in runner.windows)
