"""What an answer says of itself while commits go on."""

from __future__ import annotations

from contextlib import closing
from typing import Any

import pytest

from livetally.query import Answer, Declared, Extents, Runner, parse_query
from livetally.query.evaluate import Asked
from livetally.testing.clock import ManualClock
from tests.declaring import shop


class FakeEvaluator:
    """Answers with the position that it was asked at."""

    def answer(self, query: Any, asked: Asked) -> Answer:
        """Return no rows."""
        return Answer(query, asked.position, None, None, [])


def test_an_answer_is_true_up_to_the_commits_that_were_noted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One that is stored and not noted yet may lie beyond the extents that the answer is cut to."""
    stored = [7]
    engine: Any = None
    declared = Declared([shop('[metric.sales]\nevent = "sale"\naggregate = "count"\n')])
    query = parse_query(next(iter(declared.metrics)), {})
    with closing(Runner(engine, Extents(engine), ManualClock(), lambda: stored[0])) as runner:
        monkeypatch.setattr(runner, "_evaluator", FakeEvaluator())
        stored[0] = 8
        assert runner.answer_now(query, declared, 1).position == 7
        runner.note(8, {})
        assert runner.answer_now(query, declared, 1).position == 8
