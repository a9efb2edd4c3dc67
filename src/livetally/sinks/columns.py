"""What a sink's table looks like, from what its columns hold.

In the flow: called by ``sinks`` for each declared sink, hands a ``TableShape`` to ``keeper``.
Guarantee: pure; the shape follows from the definitions alone, so that the same definitions never
change a table.
"""

from __future__ import annotations

from livetally.definitions import (
    Aggregate,
    Field,
    FieldType,
    Metric,
    Ratio,
    Sink,
    SinkKind,
    Term,
)
from livetally.query import Declared
from livetally.query.conditions import reference_of
from livetally.query.entities import entity_shapes
from livetally.store.events import Reference
from livetally.store.tables import ColumnKind, ColumnShape, TableShape

__all__ = ["counted", "event_references", "shape_of"]

_KINDS = {
    FieldType.STRING: ColumnKind.TEXT,
    FieldType.UUID: ColumnKind.TEXT,
    FieldType.INTEGER: ColumnKind.INTEGER,
    FieldType.NUMBER: ColumnKind.NUMBER,
    FieldType.DECIMAL: ColumnKind.DECIMAL,
    FieldType.BOOLEAN: ColumnKind.BOOLEAN,
    FieldType.TIME: ColumnKind.TIME,
}
_COUNTS = frozenset({Aggregate.COUNT, Aggregate.UNIQUE})
# As many digits more than its field has an average, and so many has a ratio; see query.values.
_AVERAGE_DIGITS = 6
_RATIO_DIGITS = 12


def shape_of(sink: Sink, declared: Declared) -> TableShape:
    """Return what the table of a sink is to look like.

    Raises:
        UnknownName: what it keeps is not declared any more.
    """
    match sink.kind:
        case SinkKind.ENTITY:
            return _entity_shape(sink, declared)
        case SinkKind.METRIC:
            return _metric_shape(sink, declared)
        case SinkKind.EVENT:
            return _event_shape(sink, declared)


def counted(types: tuple[str, ...]) -> Metric:
    """Return a count of these types, so that names resolve in their events as in a metric."""
    return Metric("", "", Aggregate.COUNT, tuple(Term(kind) for kind in types))


def event_references(sink: Sink, declared: Declared) -> tuple[Reference, ...]:
    """Return what each column of a sink of events holds, in order."""
    asked = counted(sink.of)
    return tuple(
        Reference("time") if source == "time" else reference_of(source, asked, declared)
        for source in sink.columns.values()
    )


def _entity_shape(sink: Sink, declared: Declared) -> TableShape:
    fields = entity_shapes(declared.entity(sink.of[0]), declared)
    columns = [
        ColumnShape(name, ColumnKind.TEXT) if source == "key" else _column(name, fields[source])
        for name, source in sink.columns.items()
    ]
    return TableShape(sink.table, tuple(columns), (_first(sink, "key"),))


def _metric_shape(sink: Sink, declared: Declared) -> TableShape:
    metric = declared.metric(sink.of[0])
    columns = []
    for name, source in sink.columns.items():
        if source == "value":
            columns.append(_value_column(name, metric, declared))
        elif source == "time":
            columns.append(ColumnShape(name, ColumnKind.TIME))
        else:
            columns.append(_column(name, _reference(source, metric, declared).field))
    times = ("time",) if sink.interval else ()
    key = tuple(_first(sink, source) for source in (*times, *sink.by))
    return TableShape(sink.table, tuple(columns), key, hashed=bool(sink.by) or not key)


def _event_shape(sink: Sink, declared: Declared) -> TableShape:
    columns = [
        ColumnShape(name, ColumnKind.TIME)
        if reference.name == "time" and reference.field is None
        else _column(name, reference.field)
        for name, reference in zip(sink.columns, event_references(sink, declared), strict=True)
    ]
    # Ids are unique for a source. Where no column holds it, they have to be unique without.
    sources = [source for source in ("source", "id") if source in sink.columns.values()]
    key = tuple(_first(sink, source) for source in sources)
    return TableShape(sink.table, tuple(columns), key, hashed="source" in sources)


def _first(sink: Sink, source: str) -> str:
    """Return the first column that holds ``source``; that there is one was checked."""
    return next(name for name, held in sink.columns.items() if held == source)


def _reference(name: str, metric: Metric | Ratio, declared: Declared) -> Reference:
    while isinstance(metric, Ratio):
        metric = declared.metric(metric.numerator)
    return reference_of(name, metric, declared)


def _column(name: str, field: Field | None) -> ColumnShape:
    if field is None:
        return ColumnShape(name, ColumnKind.TEXT)
    return ColumnShape(name, _KINDS[field.type], field.scale or 0)


def _value_column(name: str, metric: Metric | Ratio, declared: Declared) -> ColumnShape:
    if isinstance(metric, Ratio):
        halves = [declared.metric(one) for one in (metric.numerator, metric.denominator)]
        exact = any(
            _value_column(name, half, declared).kind is ColumnKind.DECIMAL for half in halves
        )
        return ColumnShape(name, *(_EXACT_RATIO if exact else (ColumnKind.NUMBER, 0)))
    if metric.aggregate in _COUNTS:
        return ColumnShape(name, ColumnKind.INTEGER)
    fields = [term.fields.get(term.value) if term.value else None for term in metric.terms]
    if any(field is None for field in fields):
        return ColumnShape(name, ColumnKind.TEXT)  # the last or first of an attribute
    known = [field for field in fields if field is not None]
    kinds = {field.type for field in known}
    scale = max(field.scale or 0 for field in known)
    average = metric.aggregate is Aggregate.AVG
    if FieldType.NUMBER in kinds or (average and FieldType.DECIMAL not in kinds):
        return ColumnShape(name, ColumnKind.NUMBER)
    if FieldType.DECIMAL in kinds:
        return ColumnShape(name, ColumnKind.DECIMAL, scale + (_AVERAGE_DIGITS if average else 0))
    return _column(name, known[0])


_EXACT_RATIO = (ColumnKind.DECIMAL, _RATIO_DIGITS)
