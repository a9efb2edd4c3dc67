"""Asks the store what a question needs and puts the answer together. Blocks; knows no threads.

In the flow: called by ``run`` on one of its threads, hands an ``Answer`` back.
Guarantee: an answer includes every commit up to its ``position``, and no event outside its range;
it is exact, or it says by how much it may be off.
"""

from __future__ import annotations

from typing import NamedTuple

from livetally.calendar import Interval, previous
from livetally.clock import Clock
from livetally.definitions import Aggregate, Metric, Ratio
from livetally.errors import QueryTooLarge
from livetally.query.answer import (
    ROWS_MAX,
    Answer,
    AnswerRow,
    compared,
    divided,
    ordered,
    rows_of,
    until_now,
    with_empty_buckets,
)
from livetally.query.declared import Declared
from livetally.query.extents import Extents
from livetally.query.limits import NARROW, QueryLimits, is_too_large
from livetally.query.plan import Plan, Window, keys_of, plan, sortable
from livetally.query.spec import MetricQuery
from livetally.query.values import Key, key_of, values_of
from livetally.store.events import Engine, EngineError, Found, Group, Question, Reference, ask

__all__ = ["Asked", "Evaluator"]

# Relative standard error of the sketch that counts different values beyond the memory limit:
# 1.04 / sqrt(2 ** 17).
_SKETCH_ERROR = 0.0029
_OUT_OF_MEMORY = 241


class Asked(NamedTuple):
    """For whom a question is asked, and what is known about the store at that moment.

    ``noted`` is the last commit that the extents are known to include.
    """

    declared: Declared
    team: int
    position: int
    noted: int
    window: Window | None = None


class _Rows(NamedTuple):
    """Rows of one metric; ``groups`` leads from a shown key back to the store's."""

    rows: list[AnswerRow]
    edges: tuple[int, ...]
    groups: dict[Key, Group]
    error: float = 0.0
    cut: bool = False


class _Pair(NamedTuple):
    """What both halves of a ratio share: how far their events reach, and their groups."""

    extent: tuple[int, int] | None
    keys: tuple[Reference, ...]


class Evaluator:
    """Answers questions. Safe for any thread."""

    def __init__(self, engine: Engine, extents: Extents, clock: Clock, limits: QueryLimits) -> None:
        """Ask ``engine`` within ``limits``; ``clock`` ends open ranges that are filled."""
        self._engine = engine
        self._extents = extents
        self._clock = clock
        self._settings = limits.settings

    def answer(self, query: MetricQuery, asked: Asked) -> Answer:
        """Answer a question, or only what changed in the asked window of it.

        Raises:
            UnknownName: no such metric.
            BadInput: a filter does not fit its field.
            QueryTooLarge: a limit of the query was reached.
        """
        metric = asked.declared.metric(query.metric)
        now_us = self._clock.now_us()
        chosen = self._top(query, metric, asked) if query.top is not None else None
        found = self._found(query, metric, asked, chosen)
        rows = found.rows
        before, then = self._before(query, metric, asked, chosen)
        if query.fill_zero and found.edges and asked.window is None:
            if query.end_us is None:
                found = found._replace(edges=until_now(found.edges, rows, now_us))
            rows = with_empty_buckets(rows, found.edges, metric, len(query.by), then.rows)
        if before is not None:
            rows = compared(rows, then.rows, (found.edges, then.edges), metric)
        rows = rows if found.cut else ordered(rows, query.order)
        start_us, end_us = query.start_us, query.end_us
        if found.edges:
            start_us = found.edges[0] if start_us is None else start_us
            end_us = found.edges[-1] if end_us is None else end_us
        limit = ROWS_MAX if query.limit is None else query.limit
        cut = len(rows) > limit
        return Answer(
            query, asked.position, start_us, end_us, rows[:limit], cut, before, found.error
        )

    def _before(
        self,
        query: MetricQuery,
        metric: Metric | Ratio,
        asked: Asked,
        chosen: tuple[Group, ...] | None,
    ) -> tuple[tuple[int, int] | None, _Rows]:
        """Return the period before and its rows; None and no rows where it was not asked for."""
        if not query.compare:
            return None, _Rows([], (), {})
        assert query.start_us is not None
        assert query.end_us is not None
        unit = query.interval or Interval.DAY
        before = previous(unit, query.zone, query.start_us, query.end_us)
        earlier = query._replace(start_us=before[0], end_us=before[1])
        return before, self._found(earlier, metric, asked, chosen)

    def _top(self, query: MetricQuery, metric: Metric | Ratio, asked: Asked) -> tuple[Group, ...]:
        """Return the groups with the largest values over the whole range."""
        ranking = query._replace(
            interval=None, order="-value", limit=query.top, top=None, fill_zero=False, compare=False
        )
        found = self._found(ranking, metric, asked, None)
        rows = ordered(found.rows, "-value")[: query.top]
        return tuple(found.groups[row.keys] for row in rows)

    def _found(
        self,
        query: MetricQuery,
        metric: Metric | Ratio,
        asked: Asked,
        chosen: tuple[Group, ...] | None,
    ) -> _Rows:
        if isinstance(metric, Metric):
            return self._metric(query, metric, asked, chosen)
        halves = [asked.declared.metric(n) for n in (metric.numerator, metric.denominator)]
        upper, lower = halves
        assert isinstance(upper, Metric), "checked when the definition was read"
        assert isinstance(lower, Metric), "checked when the definition was read"
        # Both halves have the same buckets, and one that did not change still divides: the window
        # narrows the range, not the position.
        window = asked.window
        whole = asked._replace(window=window and window._replace(since=0))
        extent = self._extents.of(asked.team, _types(upper) + _types(lower))
        # Groups are ordered by their quotient, so each half needs all of them.
        query = query._replace(order="time", limit=None)
        pair = _Pair(extent, keys_of(query, [upper, lower], asked.declared))
        over = self._metric(query, upper, whole, chosen, pair)
        under = self._metric(query, lower, whole, chosen, pair)
        rows = divided(over.rows, under.rows, upper)
        if window is not None:
            rows = [row for row in rows if row.version > window.since]
        error = over.error + under.error
        return _Rows(rows, over.edges or under.edges, under.groups | over.groups, error)

    def _metric(
        self,
        query: MetricQuery,
        metric: Metric,
        asked: Asked,
        chosen: tuple[Group, ...] | None,
        pair: _Pair | None = None,
    ) -> _Rows:
        if pair is None:
            extent = self._extents.of(asked.team, _types(metric))
            pair = _Pair(extent, keys_of(query, [metric], asked.declared))
        now_us = self._clock.now_us()
        planned = plan(
            query,
            metric,
            asked.declared,
            asked.team,
            pair.extent,
            pair.keys,
            now_us,
            asked.window,
        )
        if planned is None:
            return _Rows([], (), {})
        by_value = _cut_by_store(query, metric, asked, chosen)
        question = planned.question._replace(chosen=chosen)
        if by_value:
            question = question._replace(
                descending=query.order == "-value", rows_max=query.limit or ROWS_MAX
            )
        found, error = self._asked(planned._replace(question=question), asked.noted)
        if len(found.versions) > question.rows_max and not by_value:
            raise QueryTooLarge(NARROW)
        return _shown(query, planned, found, error, cut=by_value)

    def _asked(self, planned: Plan, noted: int) -> tuple[Found, float]:
        """Ask; the second result is the standard error, 0 when the values are exact."""
        question = planned.question
        error = 0.0
        try:
            found = self._ask(question)
        except EngineError as failure:
            if failure.code != _OUT_OF_MEMORY or planned.metric.aggregate is not Aggregate.UNIQUE:
                raise
            error = _SKETCH_ERROR
            question = question._replace(measure=question.measure._replace(approximate=True))
            found = self._ask(question)
        if planned.strict != (question.start_us, question.end_us) and (
            question.descending is not None or max(found.versions, default=0) > noted
        ):
            # An event that the extents did not include may lie beyond the asked range.
            start_us, end_us = planned.strict
            found = self._ask(question._replace(start_us=start_us, end_us=end_us))
        return found, error

    def _ask(self, question: Question) -> Found:
        try:
            return ask(self._engine, question, self._settings)
        except EngineError as error:
            can_sketch = question.measure.aggregate is Aggregate.UNIQUE
            if error.code == _OUT_OF_MEMORY and can_sketch and not question.measure.approximate:
                raise
            if is_too_large(error.code):
                raise QueryTooLarge(NARROW) from None
            raise


def _types(metric: Metric) -> list[str]:
    return sorted({term.event for term in metric.terms})


def _cut_by_store(
    query: MetricQuery, metric: Metric, asked: Asked, chosen: tuple[Group, ...] | None
) -> bool:
    """Tell whether the store can order by value and cut, so that a million groups are no matter."""
    return (
        query.limit is not None
        and query.order in ("value", "-value")
        and sortable(metric)
        and not query.fill_zero
        and not query.compare
        and asked.window is None
        and chosen is None
    )


def _shown(query: MetricQuery, planned: Plan, found: Found, error: float, *, cut: bool) -> _Rows:
    """Compute each row's value and keys."""
    references = planned.question.keys
    shown = {keys: key_of(references, keys, query.zone) for keys in set(found.keys)}
    groups = {
        shown[keys]: keys for keys, other in zip(found.keys, found.others, strict=True) if not other
    }
    values = values_of(planned.metric, found.parts, query.zone)
    keys = [shown[one] for one in found.keys] if references else found.keys
    rows = rows_of(found.buckets_us, keys, values, found.versions, found.others)
    return _Rows(rows, planned.edges, groups, error, cut)
