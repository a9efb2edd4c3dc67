"""Checks that statistics equal the raw events, for an operator to run at any time.

In the flow: called by ``api.verify`` on a thread, yields progress and differences.
Guarantee: what is compared is what a client would be answered, against ``recompute``; events that
come meanwhile are no difference: a bucket that they touched is looked at again.

Day by day in UTC, by the metric's own dimensions, in stretches of about 50,000 events, so that the
memory it takes does not grow with history (but for a single day that is larger than that).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, NamedTuple

from livetally.calendar import Interval, find_zone
from livetally.definitions import Metric
from livetally.query.conditions import reference_of
from livetally.query.declared import Declared
from livetally.query.extents import Extents
from livetally.query.plan import measure_of
from livetally.query.recompute import Place, Recomputed, Recount
from livetally.query.run import Runner
from livetally.query.spec import MetricQuery
from livetally.store.events import Engine
from livetally.store.events.recount import count_events, sent_events

__all__ = ["Difference", "Progress", "Skipped", "verify"]

_UTC = find_zone("UTC")
_DAY_US = 86_400_000_000
_EVENTS_PER_STRETCH = 50_000
_LOOKS_AGAIN_MAX = 4
# Binary numbers are added in another order here.
_FLOAT_TOLERANCE = 1e-9


class Progress(NamedTuple):
    """How many of a metric's events have been recounted."""

    metric: str
    done: int
    total: int


class Skipped(NamedTuple):
    """What of a metric can't be recounted: what was sent before an instant is gone."""

    metric: str
    before_us: int


class Difference(NamedTuple):
    """A bucket (its start, microseconds) whose answer is not what the events say.

    ``kept`` and ``recomputed`` are None where there is no such row.
    """

    metric: str
    bucket_us: int
    keys: tuple[Any, ...]
    kept: Any
    recomputed: Any


def verify(
    runner: Runner,
    declared: Declared,
    team: int,
    names: Sequence[str] = (),
    bounds: tuple[int | None, int | None] = (None, None),
) -> Iterator[Progress | Skipped | Difference]:
    """Recompute metrics from raw events and compare. Blocks for each item.

    Args:
        runner: what answers questions, and knows where the raw events are.
        declared: the team's definitions.
        team: whose events.
        names: metrics to check, all of the team's without any; a ratio is its two metrics.
        bounds: first instant and end (exclusive) of the range, widened to whole days of UTC.

    Raises:
        UnknownName: a metric does not exist.
    """
    for metric in _metrics(declared, names):
        types = measure_of(metric).types
        extent = Extents(runner.engine).of(team, types)
        if extent is None:
            yield Progress(metric.name, 0, 0)
            continue
        start_us = max(extent[0], extent[0] if bounds[0] is None else bounds[0])
        whole_us = runner.horizons.whole_from(team, types)
        if whole_us is not None and whole_us > start_us:
            yield Skipped(metric.name, whole_us)
            start_us = whole_us
        low = start_us // _DAY_US
        high = -(min(extent[1], extent[1] if bounds[1] is None else bounds[1]) // -_DAY_US)
        yield from _verify_metric(runner, (declared, team), metric, (low, high))


def _metrics(declared: Declared, names: Sequence[str]) -> list[Metric]:
    found: dict[str, Metric] = {}
    for name in names or declared.metrics:
        metric = declared.metric(name)
        if isinstance(metric, Metric):
            found[metric.name] = metric
        else:
            halves = _metrics(declared, [metric.numerator, metric.denominator])
            found |= {half.name: half for half in halves}
    return list(found.values())


def _verify_metric(
    runner: Runner,
    asker: tuple[Declared, int],
    metric: Metric,
    days: tuple[int, int],
) -> Iterator[Progress | Difference]:
    team = asker[1]
    types = measure_of(metric).types
    whole = (days[0] * _DAY_US, days[1] * _DAY_US)
    total = sum(count_events(runner.engine, team, kind, *whole) for kind in types)
    step = max(1, (days[1] - days[0]) * _EVENTS_PER_STRETCH // max(total, 1))
    done = 0
    yield Progress(metric.name, 0, total)
    for first in range(days[0], days[1], step):
        stretch = (first * _DAY_US, min(first + step, days[1]) * _DAY_US)
        looked = _look(runner, asker, metric, stretch)
        for _ in range(_LOOKS_AGAIN_MAX):
            if not looked.moved:
                break
            looked = _look(runner, asker, metric, stretch)
        done += looked.events
        for place in sorted(looked.differing, key=repr):
            shown = [one.get(place) for one in (looked.kept, looked.recomputed)]
            yield Difference(metric.name, *place, *(one and one.value for one in shown))
        yield Progress(metric.name, done, max(total, done))


class _Look(NamedTuple):
    """What both ways of counting said of the same stretch."""

    events: int
    kept: dict[Place, Recomputed]
    recomputed: dict[Place, Recomputed]

    @property
    def differing(self) -> list[Place]:
        """The buckets and groups on which they don't agree."""
        places = self.kept.keys() | self.recomputed.keys()
        return [
            place
            for place in places
            if not _equal(self.kept.get(place), self.recomputed.get(place))
        ]

    @property
    def moved(self) -> bool:
        """Whether commits between the two may be all that differs."""
        return any(
            _version(self.kept, place) != _version(self.recomputed, place)
            for place in self.differing
        )


def _look(
    runner: Runner,
    asker: tuple[Declared, int],
    metric: Metric,
    stretch: tuple[int, int],
) -> _Look:
    kept = _kept(runner, asker, metric, stretch)
    events, recomputed = _recomputed(runner.engine, asker, metric, stretch)
    return _Look(events, kept, recomputed)


def _kept(
    runner: Runner, asker: tuple[Declared, int], metric: Metric, stretch: tuple[int, int]
) -> dict[Place, Recomputed]:
    """Return what a client is answered."""
    query = MetricQuery(
        metric=metric.name,
        interval=Interval.DAY,
        start_us=stretch[0],
        end_us=stretch[1],
        zone=_UTC,
        by=metric.by,
        where=(),
        fill_zero=False,
        order="time",
        limit=None,
    )
    rows = runner.answer_now(query, *asker).rows
    return {(row.bucket_us or 0, row.keys): Recomputed(row.value, row.version) for row in rows}


def _recomputed(
    engine: Engine, asker: tuple[Declared, int], metric: Metric, stretch: tuple[int, int]
) -> tuple[int, dict[Place, Recomputed]]:
    declared, team = asker
    dimensions = {name: reference_of(name, metric, declared).field for name in metric.by}
    recount = Recount(metric, lambda at_us: at_us // _DAY_US * _DAY_US, dimensions)
    counted = 0
    for kind in measure_of(metric).types:
        for page in sent_events(engine, team, kind, *stretch):
            counted += len(page)
            for event in page:
                recount.add(kind, event)
    return counted, recount.values()


def _version(found: dict[Place, Recomputed], place: Place) -> int:
    return found[place].version if place in found else 0


def _equal(one: Recomputed | None, other: Recomputed | None) -> bool:
    if one is None or other is None or one.version != other.version:
        return False
    if isinstance(one.value, float) and isinstance(other.value, (int, float, Decimal)):
        return math.isclose(one.value, other.value, rel_tol=_FLOAT_TOLERANCE, abs_tol=1e-12)
    return bool(one.value == other.value)
