"""Runs questions: a kept answer at once, all others on threads set aside for them.

In the flow: receives a ``MetricQuery`` and an identity's team from ``api`` and ``live``, hands an
``Answer`` back; told of every commit by the writer.
Guarantee: an answer includes every commit up to its ``position``; a question never runs on the
event loop; questions that take long can't hold up live views, which have threads of their own, nor
pile up without bound.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, TypeVar

from livetally.clock import Clock
from livetally.definitions import Metric
from livetally.errors import Overloaded, QueryTooLarge
from livetally.query.answer import Answer
from livetally.query.cache import AnswerCache, Scope, slot_of
from livetally.query.declared import Declared
from livetally.query.evaluate import Asked, Evaluator
from livetally.query.extents import Extents
from livetally.query.horizons import Horizons
from livetally.query.limits import NARROW, QueryLimits, is_too_large
from livetally.query.needs import needs_of
from livetally.query.plan import Window
from livetally.query.spec import MetricQuery
from livetally.store.events import Engine, EngineError
from livetally.telemetry import QUERY_ANSWERS, QUERY_SECONDS
from livetally.tracing import span

__all__ = ["Runner"]

_Result = TypeVar("_Result")
_LIVE_THREADS = 2


class Runner:
    """Answers questions about metrics, on a few threads of its own."""

    def __init__(
        self,
        engine: Engine,
        extents: Extents,
        clock: Clock,
        position: Callable[[], int],
        threads: int = 4,
        limits: QueryLimits | None = None,
    ) -> None:
        """Ask ``engine`` from ``threads`` threads; ``position`` tells the last durable commit."""
        self.engine = engine
        self._extents = extents
        self._clock = clock
        self._position = position
        self._limits = limits or QueryLimits()
        self._evaluator = Evaluator(engine, extents, clock, self._limits)
        self.cache = AnswerCache(position())
        self.horizons = Horizons()
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="query")
        self._live_threads = ThreadPoolExecutor(_LIVE_THREADS, thread_name_prefix="live")
        self._waiting = 0

    @property
    def position(self) -> int:
        """The last durable commit: an answer to what is asked from now on includes it."""
        return self._position()

    @property
    def waiting(self) -> int:
        """How many questions wait or run."""
        return self._waiting

    def note(self, position: int, touched: Mapping[tuple[int, str], frozenset[int]]) -> None:
        """Take note of a commit, from the writer's thread, before it is acknowledged."""
        self._extents.widen(touched)
        self.cache.note(position, touched)

    async def answer(
        self, query: MetricQuery, declared: Declared, team: int, window: Window | None = None
    ) -> Answer:
        """Answer a question, or only what changed in a ``window`` of it.

        Raises:
            UnknownName: no such metric.
            BadInput: a filter does not fit its field.
            QueryTooLarge: a limit of the query was reached.
            Overloaded: too many questions wait.
        """
        loop = asyncio.get_running_loop()
        if window is not None:
            return await loop.run_in_executor(
                self._live_threads, self.answer_now, query, declared, team, window
            )
        kept = self.kept(query, declared, team)
        if kept is not None:
            QUERY_ANSWERS.labels("cache").inc()
            return kept
        return await self._threaded(self.answer_now, query, declared, team)

    def kept(self, query: MetricQuery, declared: Declared, team: int) -> Answer | None:
        """Return the answer if it is known already and no commit has touched it since."""
        kept = self.cache.get(_key(query, declared, team), self._clock.now_us())
        return None if kept is None else kept._replace(query=query)

    async def call(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """Run ``function(engine, *arguments)`` on one of the threads for questions.

        Raises:
            QueryTooLarge: a limit of the query was reached.
            Overloaded: too many questions wait.
        """
        with _narrowed():
            return await self._threaded(function, self.engine, *arguments)

    async def call_live(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        """Run ``function(engine, *arguments)`` on one of the threads for live views.

        Raises:
            QueryTooLarge: a limit of the query was reached.
        """
        loop = asyncio.get_running_loop()
        with _narrowed():
            return await loop.run_in_executor(self._live_threads, function, self.engine, *arguments)

    def answer_now(
        self, query: MetricQuery, declared: Declared, team: int, window: Window | None = None
    ) -> Answer:
        """Ask the store, on the caller's thread. Blocks."""
        started_s = self._clock.monotonic_s()
        mark = self.cache.mark()
        # Not the last commit: the extents may not reach as far as its events yet.
        asked = Asked(declared, team, mark[0], mark[0], window)
        answer = self._evaluator.answer(query, asked)
        start_us = answer.previous[0] if answer.previous else query.start_us
        needs = needs_of(query, declared) if self.horizons.thinned else None
        types = _types(query.metric, declared)
        gone = self.horizons.gone_before(team, types, start_us, needs)
        answer = answer._replace(gone_before_us=gone)
        if window is None:
            scope = _scope(query, declared, team, answer)
            self.cache.put(_key(query, declared, team), answer, scope, mark)
            QUERY_ANSWERS.labels("store").inc()
        QUERY_SECONDS.observe(self._clock.monotonic_s() - started_s)
        return answer

    def close(self) -> None:
        """Wait for running questions and let the threads go."""
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._live_threads.shutdown(wait=True, cancel_futures=True)

    async def _threaded(self, function: Callable[..., _Result], *arguments: Any) -> _Result:
        if self._waiting >= self._limits.waiting_max:
            raise Overloaded(f"{self._waiting} questions wait already; nothing was asked.")
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            run = copy_context().run  # so that its span is part of the request's
            return await loop.run_in_executor(self._threads, run, _spanned, function, *arguments)
        finally:
            self._waiting -= 1


def _spanned(function: Callable[..., _Result], *arguments: Any) -> _Result:
    with span("question"):
        return function(*arguments)


@contextlib.contextmanager
def _narrowed() -> Iterator[None]:
    """Say of a question that was too large what would make it smaller."""
    try:
        yield
    except EngineError as error:
        if is_too_large(error.code):
            raise QueryTooLarge(NARROW) from None
        raise


def _key(query: MetricQuery, declared: Declared, team: int) -> tuple[int, Declared, str]:
    """Name an answer; another edition of the definitions is another ``Declared``."""
    return team, declared, query.key


def _types(name: str, declared: Declared) -> set[str]:
    metric = declared.metric(name)
    if isinstance(metric, Metric):
        return {term.event for term in metric.terms}
    return _types(metric.numerator, declared) | _types(metric.denominator, declared)


def _scope(query: MetricQuery, declared: Declared, team: int, answer: Answer) -> Scope:
    start_us = answer.previous[0] if answer.previous else query.start_us
    last = slot_of(None if query.end_us is None else query.end_us - 1)
    # The last bucket of an open range that is filled is the one that contains now.
    grows = query.fill_zero and query.interval is not None and query.end_us is None
    types = frozenset(_types(query.metric, declared))
    return Scope(team, types, slot_of(start_us), last, answer.end_us if grows else None)
