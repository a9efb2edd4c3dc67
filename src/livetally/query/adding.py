"""What the events of one commit add to the rows of an answer, without asking the store.

In the flow: used by ``live``, which is told of small commits with their events, and otherwise would
ask the store for every bucket that they touched.
Guarantee: exact, or not at all. Counts and sums of whole numbers and of decimals add up: the row of
an answer and what is added here make the row that the store would answer. Whatever could be read
differently here than there is left to the store: binary numbers, whose sum depends on the order,
undeclared data, comparisons of decimals and times.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from livetally.calendar import current_bucket
from livetally.definitions import Aggregate, FieldType, Metric, Term
from livetally.query.conditions import conditions_of, reference_of
from livetally.query.declared import Declared
from livetally.query.spec import MetricQuery
from livetally.query.values import EXACT, Key, Value, added, plain
from livetally.store.events import Condition, EventRows, Reference

__all__ = ["Adder", "Amounts", "adder_of"]

Amounts = dict[tuple[int | None, Key], Value]
"""What is added to the row of a bucket (its start, None in a total) and a group."""

# Of these, what ingest keeps and what the store answers are the same values.
_ALIKE = frozenset({FieldType.STRING, FieldType.INTEGER, FieldType.BOOLEAN, FieldType.UUID})
_SUMMED = frozenset({FieldType.INTEGER, FieldType.DECIMAL})
# These are "" where the sender gave none, and missing in an answer.
_MAY_BE_EMPTY = frozenset({"subject", "source"})

_Test = Callable[[Any], bool]


class _Tested(NamedTuple):
    """A condition: the place of the member's column, and the test of its values."""

    column: int
    passes: _Test


class _Addend(NamedTuple):
    """A term: the place of the value's column, None for a count, and its conditions."""

    column: int | None
    tests: tuple[_Tested, ...]
    sign: int


class _Unknown(Exception):
    """The store has to be asked."""


def adder_of(query: MetricQuery, declared: Declared, team: int) -> Adder | None:
    """Return what adds commits to a question's answer; None for one that the store is asked.

    Raises:
        UnknownName: there is no such metric.
        BadInput: a filter does not fit its field.
    """
    metric = declared.metric(query.metric)
    if not isinstance(metric, Metric):
        return None
    if metric.aggregate not in (Aggregate.COUNT, Aggregate.SUM):
        return None
    try:
        return Adder(query, metric, declared, team)
    except _Unknown:
        return None


class Adder:
    """The reading of one question, compiled. For one thread at a time."""

    def __init__(self, query: MetricQuery, metric: Metric, declared: Declared, team: int) -> None:
        """Find the columns that are needed."""
        self._team = team
        self._interval = query.interval
        self._zone = query.zone
        self._start_us = query.start_us
        self._end_us = query.end_us
        self._bucket: tuple[int, int] = (0, 0)
        self._columns: list[Reference] = []
        self._by = [self._place(reference_of(name, metric, declared), _ALIKE) for name in query.by]
        self._where = self._tests(conditions_of(query.where, metric, declared))
        self._terms: dict[str, list[_Addend]] = {}
        for term in metric.terms:
            self._terms.setdefault(term.event, []).append(self._addend(term, metric))

    def amounts(self, rows: EventRows) -> Amounts | None:
        """Return what a commit adds, by bucket and group; None when the store has to be asked.

        A row is named when an event counts in it, even if that adds nothing.
        """
        kinds = self._terms
        each = enumerate(zip(rows.team, rows.type, strict=True))
        places = [i for i, (team, kind) in each if team == self._team and kind in kinds]
        try:
            columns = [_column(reference, rows) for reference in self._columns] if places else []
        except _Unknown:
            return None
        found: Amounts = {}
        for i in places:
            at_us = rows.occurred_us[i]
            if not self._covers(at_us) or not _pass(self._where, columns, i):
                continue
            amount = _amount(kinds[rows.type[i]], columns, i)
            if amount is not None:
                key = self._bucket_of(at_us), tuple(columns[column][i] for column in self._by)
                found[key] = added(found.get(key, 0), amount, 1)
        return found

    def _covers(self, at_us: int) -> bool:
        begun = self._start_us is None or at_us >= self._start_us
        return begun and (self._end_us is None or at_us < self._end_us)

    def _bucket_of(self, at_us: int) -> int | None:
        """Return the start of an event's bucket; mostly it is the last event's."""
        if self._interval is None:
            return None
        if not self._bucket[0] <= at_us < self._bucket[1]:
            self._bucket = current_bucket(self._interval, self._zone, at_us)
        return self._bucket[0]

    def _addend(self, term: Term, metric: Metric) -> _Addend:
        column = None
        if metric.aggregate is Aggregate.SUM:
            assert term.value is not None, "checked when the definition was read"
            column = self._place(reference_of(term.value, metric, None, term), _SUMMED)
        tests = self._tests(conditions_of(term.where, metric, None, term))
        return _Addend(column, tests, term.sign)

    def _tests(self, conditions: Sequence[Condition]) -> tuple[_Tested, ...]:
        return tuple(
            _Tested(self._place(condition.reference, _ALIKE), _test(condition))
            for condition in conditions
        )

    def _place(self, reference: Reference, types: frozenset[FieldType]) -> int:
        """Return the place of a member's column among those that are read."""
        field = reference.field
        if not reference.is_declared or (field is not None and field.type not in types):
            raise _Unknown
        if reference not in self._columns:
            self._columns.append(reference)
        return self._columns.index(reference)


def _column(reference: Reference, rows: EventRows) -> Sequence[Any]:
    """Return a member's values, None where an event lacks it, decimals as such."""
    field = reference.field
    if field is None:
        values: Sequence[Any] = getattr(rows, reference.name)
        if reference.name == "id":
            return [value.decode() for value in values]
        return [value or None for value in values] if reference.name in _MAY_BE_EMPTY else values
    if field.column not in rows.fields:
        raise _Unknown  # the store reads it from the data
    _, values = rows.fields[field.column]
    if field.type is FieldType.DECIMAL:
        digits = field.scale or 0
        return [None if value is None else EXACT.scaleb(value, -digits) for value in values]
    return values


def _amount(terms: Sequence[_Addend], columns: Sequence[Sequence[Any]], place: int) -> Value:
    """Return what an event adds, None when it meets no term."""
    amount: Any = None
    for term in terms:
        if _pass(term.tests, columns, place):
            value = 1 if term.column is None else columns[term.column][place]
            amount = added(amount or 0, 0 if value is None else value, term.sign)
    return None if amount is None else plain(amount)


def _pass(tests: Sequence[_Tested], columns: Sequence[Sequence[Any]], place: int) -> bool:
    return all(test.passes(columns[test.column][place]) for test in tests)


def _test(condition: Condition) -> _Test:
    """Return the test of a member's value that ``condition_sql`` writes; a missing one is None."""
    positive = _positive(condition)
    return (lambda value: not positive(value)) if condition.negated else positive


def _positive(condition: Condition) -> _Test:
    values = condition.values
    match condition.op:
        case "exists":
            return lambda value: value is not None
        case "in":
            return frozenset(value for value in values if value is not None).__contains__
        case "prefix":
            return partial(_begins, str(values[0]))
        case "range" if _is_whole(condition.reference):
            return partial(_between, values)
    raise _Unknown


def _is_whole(reference: Reference) -> bool:
    return reference.field is not None and reference.field.type is FieldType.INTEGER


def _begins(prefix: str, value: str | None) -> bool:
    return value is not None and value.startswith(prefix)


def _between(bounds: tuple[Any, ...], value: int | None) -> bool:
    low, low_open, high, high_open = bounds
    if value is None:
        return False
    above = low is None or (value > low if low_open else value >= low)
    return above and (high is None or (value < high if high_open else value <= high))
