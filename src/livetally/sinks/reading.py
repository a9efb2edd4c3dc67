"""The rows that changed since a position, of an entity, a metric or events.

In the flow: asked by ``keeper`` in each round; asks ``query`` and ``store.events``. Blocks.
Guarantee: every row that a commit after ``since`` up to ``upto`` has changed is among those
returned, each once, as it is at ``upto`` or later; with ``since`` 0 these are all rows there are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

from livetally.calendar import Interval, find_zone
from livetally.definitions import FieldType, Metric, Sink, SinkKind
from livetally.errors import QueryTooLarge
from livetally.query import Declared, MetricQuery, Runner, Window
from livetally.query.entities import EntityQuery, ask_entity_page
from livetally.sinks.columns import event_references
from livetally.store.events import Added, Reference, added_events, commits_of, slots_of
from livetally.store.tables import ColumnKind, Row, TableShape

__all__ = ["Changed", "Subject", "changed_rows", "types_of"]

Changed = Iterator[list[Row]]

_ENTITIES_AT_ONCE = 10_000
_EVENTS_AT_ONCE = 10_000
# One question has at most so many slots, so that its buckets are few enough.
_SLOTS_AT_ONCE = 100_000
_SLOTS_AT_ONCE_BY_MINUTE = 2_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Subject(NamedTuple):
    """What is kept: a team's sink, under these definitions, in a table of this shape."""

    sink: Sink
    declared: Declared
    team: int
    shape: TableShape


def types_of(sink: Sink, declared: Declared) -> tuple[str, ...]:
    """Return the event types whose commits can change a row.

    Raises:
        UnknownName: what it keeps is not declared any more.
    """
    match sink.kind:
        case SinkKind.EVENT:
            return sink.of
        case SinkKind.ENTITY:
            return declared.entity(sink.of[0]).events
        case SinkKind.METRIC:
            return tuple(sorted(_metric_types(sink.of[0], declared)))


def changed_rows(runner: Runner, subject: Subject, since: int, upto: int) -> Changed:
    """Yield the rows that changed after ``since``, some at a time."""
    readers: dict[SinkKind, Callable[[Runner, Subject, int, int], Changed]] = {
        SinkKind.ENTITY: _entities,
        SinkKind.METRIC: _buckets,
        SinkKind.EVENT: _events,
    }
    return readers[subject.sink.kind](runner, subject, since, upto)


def _metric_types(name: str, declared: Declared) -> set[str]:
    metric = declared.metric(name)
    if isinstance(metric, Metric):
        return {term.event for term in metric.terms}
    halves = (metric.numerator, metric.denominator)
    return {kind for half in halves for kind in _metric_types(half, declared)}


def _entities(runner: Runner, subject: Subject, since: int, _upto: int) -> Changed:
    sink = subject.sink
    times = _times(subject.shape)
    cursor = ""
    while True:
        query = EntityQuery(
            sink.of[0], (), "key", descending=False, limit=_ENTITIES_AT_ONCE, cursor=cursor
        )
        page = ask_entity_page(runner.engine, query, subject.declared, subject.team, since or None)
        rows = []
        for state in page.states:
            held = {**state.fields, "key": state.key}
            rows.append(_row(sink, (held[source] for source in sink.columns.values()), times))
        yield rows
        cursor = page.next
        if not cursor:
            return


def _buckets(runner: Runner, subject: Subject, since: int, upto: int) -> Changed:
    sink = subject.sink
    types = types_of(sink, subject.declared)
    slots = slots_of(runner.engine, Added(subject.team, types, since, upto))
    if not slots:
        return
    at_once = _SLOTS_AT_ONCE_BY_MINUTE if sink.interval is Interval.MINUTE else _SLOTS_AT_ONCE
    if sink.interval is None:
        at_once = slots[-1] - slots[0] + 1
    # Two windows can meet inside of one bucket, which both then answer whole.
    seen: set[int | None] = set()
    for first, last in _windows(slots, at_once):
        yield from _answered(runner, subject, Window(first, last, since), seen)


def _windows(slots: Sequence[int], at_once: int) -> Iterator[tuple[int, int]]:
    """Yield ranges that hold all slots, none of them longer than ``at_once``."""
    first = last = slots[0]
    for slot in slots[1:]:
        if slot - first >= at_once:
            yield first, last
            first = slot
        last = slot
    yield first, last


def _answered(runner: Runner, subject: Subject, window: Window, seen: set[int | None]) -> Changed:
    """Yield a window's rows; in halves when they are too many for one question."""
    sink = subject.sink
    query = MetricQuery(
        metric=sink.of[0],
        interval=sink.interval,
        start_us=None,
        end_us=None,
        zone=find_zone(sink.tz),
        by=sink.by,
        where=(),
        fill_zero=False,
        order="time",
        limit=None,
    )
    try:
        answer = runner.answer_now(query, subject.declared, subject.team, window)
    except QueryTooLarge:
        middle = (window.first_slot + window.last_slot) // 2
        if window.first_slot == window.last_slot or sink.interval is None:
            raise
        yield from _answered(runner, subject, window._replace(last_slot=middle), seen)
        yield from _answered(runner, subject, window._replace(first_slot=middle + 1), seen)
        return
    times = _times(subject.shape)
    rows = []
    for row in answer.rows:
        if row.bucket_us in seen:
            continue
        held = dict(zip(sink.by, row.keys, strict=True))
        held |= {"time": row.bucket_us, "value": row.value}
        rows.append(_row(sink, (held[source] for source in sink.columns.values()), times))
    seen |= {row.bucket_us for row in answer.rows}
    yield rows


def _events(runner: Runner, subject: Subject, since: int, upto: int) -> Changed:
    sink = subject.sink
    references = event_references(sink, subject.declared)
    times = _times(subject.shape)
    whole = Added(subject.team, sink.of, since, upto)
    while commits := commits_of(runner.engine, whole):
        for first, last in _portions(commits):
            some = whole._replace(since=first - 1, upto=last)
            found = added_events(runner.engine, some, references)
            yield [_row(sink, map(_typed, values, references), times) for values in found]
        whole = whole._replace(since=commits[-1][0])


def _portions(commits: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield first and last position of commits that together have not too many events."""
    first, events = commits[0][0], 0
    last = first
    for position, count in commits:
        if events and events + count > _EVENTS_AT_ONCE:
            yield first, last
            first, events = position, 0
        events += count
        last = position
    yield first, last


def _typed(value: Any, reference: Reference) -> Any:
    """Read a value as the engine wrote it: decimals come as text, so that no digit is lost."""
    field = reference.field
    if field is not None and field.type is FieldType.DECIMAL and isinstance(value, str):
        return Decimal(value)
    return value


def _times(shape: TableShape) -> frozenset[str]:
    return frozenset(one.name for one in shape.columns if one.kind is ColumnKind.TIME)


def _row(sink: Sink, values: Iterator[Any], times: frozenset[str]) -> Row:
    """Return a row by column, with times as such."""
    row = dict(zip(sink.columns, values, strict=True))
    for name in times:
        row[name] = _instant(row[name])
    return row


def _instant(value: int | str | None) -> datetime | None:
    """Read a time that is microseconds since 1970 UTC, or RFC 3339."""
    if value is None:
        return None
    if isinstance(value, str):
        return datetime.fromisoformat(value)
    return _EPOCH + timedelta(microseconds=value)
