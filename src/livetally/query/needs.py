"""What an answer is made of: which declared fields, or more than those.

In the flow: asked by ``run`` and ``api.entities``, to tell whether old events still hold it.
Guarantee: pure; whatever is read from what the sender wrote, and not from a column, is noticed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from livetally.definitions import Metric
from livetally.query.conditions import conditions_of
from livetally.query.declared import Declared
from livetally.query.horizons import Needs
from livetally.query.plan import keys_of, measure_of
from livetally.query.spec import MetricQuery
from livetally.store.events import Reference

__all__ = ["columns_of", "needs_of"]


def needs_of(query: MetricQuery, declared: Declared) -> Needs:
    """Return what a question about a metric, or a ratio of two, needs of an event."""
    return columns_of(_references(query, query.metric, declared))


def columns_of(references: Iterable[Reference]) -> Needs:
    """Return the columns behind members; None when one of them has none."""
    found: set[str] = set()
    for reference in references:
        if not reference.is_declared:
            return None
        if reference.field is not None:
            found.add(reference.field.column)
    return frozenset(found)


def _references(query: MetricQuery, name: str, declared: Declared) -> Iterator[Reference]:
    metric = declared.metric(name)
    if not isinstance(metric, Metric):
        halves = [declared.metric(half) for half in (metric.numerator, metric.denominator)]
        yield from keys_of(query, [one for one in halves if isinstance(one, Metric)], declared)
        yield from _references(query._replace(by=()), metric.numerator, declared)
        yield from _references(query._replace(by=()), metric.denominator, declared)
        return
    yield from keys_of(query, [metric], declared)
    for condition in conditions_of(query.where, metric, declared):
        yield condition.reference
    for term in measure_of(metric).terms:
        if term.value is not None:
            yield term.value
        for condition in term.where:
            yield condition.reference
