"""Runs questions: waits for the asked position, asks the store on a thread of its own, answers.

In the flow: receives a ``MetricQuery`` and an identity's team from ``api`` and ``live``, hands an
``Answer`` back.
Guarantee: an answer includes every commit up to its ``position``; a question never runs on the event
loop and never takes more than the threads set aside for questions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from livetally.clock import Clock
from livetally.definitions import Metric
from livetally.errors import QueryTooLarge
from livetally.query.answer import (
    ROWS_MAX,
    Answer,
    AnswerRow,
    divided,
    finished,
    ordered,
    with_empty_buckets,
)
from livetally.query.declared import Declared
from livetally.query.extents import Extents
from livetally.query.plan import Window, plan
from livetally.query.spec import MetricQuery
from livetally.store.events import Engine, EngineError, ask

__all__ = ["Runner"]

# The engine's numbers for: too many rows, too slow, timed out, out of memory for one query.
_TOO_LARGE = frozenset({158, 159, 160, 241, 307, 396})


class Runner:
    """Answers questions about metrics, on a few threads of its own."""

    def __init__(
        self,
        engine: Engine,
        extents: Extents,
        clock: Clock,
        position: Callable[[], int],
        threads: int = 4,
    ) -> None:
        """Ask ``engine`` from ``threads`` threads; ``position`` tells the last durable commit."""
        self._engine = engine
        self._extents = extents
        self._clock = clock
        self._position = position
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="query")

    async def answer(
        self, query: MetricQuery, declared: Declared, team: int, window: Window | None = None
    ) -> Answer:
        """Answer a question, or only what changed in a ``window`` of it.

        Raises:
            UnknownName: no such metric.
            BadInput: a filter does not fit its field.
            QueryTooLarge: a limit of the query was reached.
        """
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(
            self._threads, self.answer_now, query, declared, team, window
        )

    def answer_now(
        self, query: MetricQuery, declared: Declared, team: int, window: Window | None = None
    ) -> Answer:
        """Do what ``answer`` does, on the caller's thread. Blocks."""
        metric = declared.metric(query.metric)
        position = self._position()
        if isinstance(metric, Metric):
            rows, edges = self._ask(query, metric, declared, team, window)
        else:
            # A half that did not change still divides: only the window narrows, not the position.
            since = window and window._replace(since=0)
            upper, edges = self._half(query, metric.numerator, declared, team, since)
            lower, _ = self._half(query, metric.denominator, declared, team, since)
            rows = divided(upper, lower)
            rows = [row for row in rows if window is None or row.version > window.since]
        if query.fill_zero and edges and window is None:
            rows = with_empty_buckets(rows, edges, metric)
        rows = ordered(rows, query.order)
        start_us = query.start_us if query.start_us is not None or not edges else edges[0]
        end_us = query.end_us if query.end_us is not None or not edges else edges[-1]
        limit = ROWS_MAX if query.limit is None else query.limit
        cut = len(rows) > limit
        return Answer(query, position, start_us, end_us, rows[:limit], cut)

    def close(self) -> None:
        """Wait for running questions and let the threads go."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _half(
        self,
        query: MetricQuery,
        name: str,
        declared: Declared,
        team: int,
        window: Window | None,
    ) -> tuple[list[AnswerRow], tuple[int, ...]]:
        half = declared.metric(name)
        assert isinstance(half, Metric), "checked when the definition was read"
        return self._ask(query, half, declared, team, window)

    def _ask(
        self,
        query: MetricQuery,
        metric: Metric,
        declared: Declared,
        team: int,
        window: Window | None,
    ) -> tuple[list[AnswerRow], tuple[int, ...]]:
        types = sorted({term.event for term in metric.terms})
        extent = self._extents.of(team, types)
        planned = plan(query, metric, declared, team, extent, self._clock.now_us(), window)
        if planned is None:
            return [], ()
        try:
            rows = ask(self._engine, planned.question)
        except EngineError as error:
            if error.code in _TOO_LARGE:
                raise QueryTooLarge(_NARROW) from None
            raise
        if len(rows) > planned.question.rows_max:
            raise QueryTooLarge(_NARROW)
        return finished(metric, rows), planned.edges


_NARROW = (
    "The answer is larger, or takes longer, than one query may: ask for a longer interval, a shorter"
    " range or fewer dimensions, or filter with where."
)
