"""A question and the definitions become what the store is asked.

In the flow: receives a ``MetricQuery`` and a team's ``Declared``, hands a ``Plan`` to ``evaluate``.
Guarantee: pure; names are resolved here and nowhere else, so that the store sees only columns and
paths; the same question gives the same plan.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from livetally.calendar import edges
from livetally.definitions import Aggregate, Metric
from livetally.query.conditions import conditions_of, reference_of
from livetally.query.declared import Declared
from livetally.query.spec import MetricQuery
from livetally.store.events import SLOT_US, Measure, MeasureTerm, Question, Reference

__all__ = ["BUCKETS_MAX", "Plan", "Window", "keys_of", "measure_of", "plan", "sortable"]

BUCKETS_MAX = 50_000
# For these the engine's order of values is the order of the exact answer.
_SORTABLE = frozenset({Aggregate.COUNT, Aggregate.SUM, Aggregate.UNIQUE})


class Plan(NamedTuple):
    """What to ask the store for one metric.

    ``edges`` are bucket starts and the end of the last, microseconds; empty for one total.
    ``strict`` are the bounds to ask again with when an event has come that ``extent`` did not
    include.
    """

    metric: Metric
    question: Question
    edges: tuple[int, ...]
    strict: tuple[int | None, int | None]


class Window(NamedTuple):
    """The part of a question that commits touched: quarter-hour slots, and a position.

    Only buckets that some slot falls into and that changed after ``since`` are asked for.
    """

    first_slot: int
    last_slot: int
    since: int


def plan(
    query: MetricQuery,
    metric: Metric,
    declared: Declared,
    team: int,
    extent: tuple[int, int] | None,
    keys: tuple[Reference, ...],
    now_us: int,
    window: Window | None = None,
) -> Plan | None:
    """Plan one metric's question; None when the range holds nothing.

    Args:
        query: the question; its own metric may be a ratio that ``metric`` is one half of.
        metric: what to ask.
        declared: the team's definitions.
        team: whose events.
        extent: start and end of the stored events of the metric's types, None without any.
        keys: what to group by, as ``keys_of`` says.
        now_us: ends an open range that is to be filled.
        window: asks only for what changed; whole buckets all the same.

    Raises:
        BadInput: a filter's value does not fit its field.
        QueryTooLarge: there would be more than ``BUCKETS_MAX`` buckets.
    """
    start_us, end_us = query.start_us, query.end_us
    starts: tuple[int, ...] = ()
    if query.interval is not None:
        span = _span(query, extent, now_us, window)
        if span is None:
            return None
        starts = tuple(edges(query.interval, query.zone, *span, BUCKETS_MAX))
        start_us, end_us = _latest(starts[0], start_us), _earliest(starts[-1], end_us)
    bounds = _unless_beyond(start_us, end_us, extent, starts)
    question = Question(
        team=team,
        measure=measure_of(metric),
        keys=keys,
        where=conditions_of(query.where, metric, declared),
        edges=starts,
        start_us=bounds[0],
        end_us=bounds[1],
        since=window.since if window else None,
    )
    return Plan(metric, question, starts, (start_us, end_us))


def sortable(metric: Metric) -> bool:
    """Tell whether the store can order groups by this metric's value."""
    return metric.aggregate in _SORTABLE


def _span(
    query: MetricQuery, extent: tuple[int, int] | None, now_us: int, window: Window | None
) -> tuple[int, int] | None:
    """Return start and end of the buckets to ask for, None when there are none."""
    start_us, end_us = query.start_us, query.end_us
    if window is not None:
        start_us = _latest(window.first_slot * SLOT_US, start_us)
        end_us = _earliest((window.last_slot + 1) * SLOT_US, end_us)
    elif start_us is None or end_us is None:
        if extent is None and (start_us is None or not query.fill_zero):
            return None
        oldest, newest = extent or (now_us, now_us + 1)
        start_us = oldest if start_us is None else start_us
        if end_us is None:
            end_us = max(newest, now_us + 1) if query.fill_zero else newest
    return (start_us, end_us) if start_us < end_us else None


def _unless_beyond(
    start_us: int | None,
    end_us: int | None,
    extent: tuple[int, int] | None,
    starts: tuple[int, ...],
) -> tuple[int | None, int | None]:
    """Move a bound that has no event beyond it to the nearest bucket or nowhere.

    "Until now" is not a whole quarter of an hour, so no projection could answer it; but mostly
    nothing lies between now and the end of its bucket.
    """
    if extent is None:
        return start_us, end_us
    if start_us is not None and start_us <= extent[0]:
        start_us = starts[0] if starts else None
    if end_us is not None and end_us >= extent[1]:
        end_us = starts[-1] if starts else None
    return start_us, end_us


def _latest(bound: int, other: int | None) -> int:
    return bound if other is None else max(bound, other)


def _earliest(bound: int, other: int | None) -> int:
    return bound if other is None else min(bound, other)


def keys_of(
    query: MetricQuery, metrics: Sequence[Metric], declared: Declared
) -> tuple[Reference, ...]:
    """Return what to group by so that the groups of these metrics are the same groups.

    As everywhere, a member is read from its column where every term has the same one, else as text.
    """
    terms = tuple(term for metric in metrics for term in metric.terms)
    every = msgspec.structs.replace(metrics[0], terms=terms)
    return tuple(reference_of(name, every, declared) for name in query.by)


def measure_of(metric: Metric) -> Measure:
    """Return what a metric computes, in the store's terms."""
    terms = []
    for term in metric.terms:
        value = None
        if term.value is not None:
            value = reference_of(term.value, metric, None, term)
        where = conditions_of(term.where, metric, None, term)
        terms.append(MeasureTerm(term.event, value, where, term.sign))
    return Measure(metric.aggregate, tuple(terms))
