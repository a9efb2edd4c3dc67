"""Reads ``[sink.NAME]``: tables in other databases that are kept equal to what is counted here.

In the flow: receives the definition's root ``Table``, the ``Scope``, the statistics and the
entities from ``reading``, hands back sinks.

Guarantee: a sink that came out of a definition without problems has a table, a source for each
column, and no secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from livetally.calendar import Interval, find_zone
from livetally.definitions.entity import Entity
from livetally.definitions.metric import Metric, Ratio, Statistics
from livetally.definitions.paths import data_path
from livetally.definitions.read_metrics import dimensions
from livetally.definitions.scope import Scope
from livetally.definitions.sink import Sink, SinkKind
from livetally.definitions.table import Table
from livetally.errors import BadInput

__all__ = ["read_sinks"]

_PLACES_MAX: Final = 4
_EVENTS_MAX: Final = 50
_COLUMNS_MAX: Final = 100
_VARIABLE: Final = re.compile(r"env:(?!LIVETALLY_)[A-Z_][A-Z0-9_]{0,99}")
_FILE: Final = re.compile(r"sqlite:[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")
_PLACE_RULE: Final = (
    "must be 'env:NAME', a variable of the server's environment that holds a URL, or"
    " 'sqlite:FILE', a file in the data directory; a URL with its password does not belong here"
)
_SQL_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_SQL_NAME_RULE: Final = "has letters, digits and '_', up to 63, the first no digit"
_OF_EVENTS: Final = ("id", "time", "subject", "source", "type")


def read_sinks(
    root: Table,
    application: str,
    scope: Scope,
    statistics: Statistics,
    entities: Mapping[str, Entity],
) -> dict[str, Sink]:
    """Read the sinks by name."""
    sinks: dict[str, Sink] = {}
    tables: dict[tuple[tuple[str, ...], str], str] = {}
    for name, table in root.named("sink"):
        sink = _sink(name, application, table, scope, statistics, entities)
        table.finish()
        if sink is None:
            continue
        other = tables.setdefault((sink.to, sink.table.lower()), name)
        if other != name:
            table.problem(f"sink '{other}' keeps this table already", "table")
        sinks[name] = sink
    return sinks


def _sink(
    name: str,
    application: str,
    table: Table,
    scope: Scope,
    statistics: Statistics,
    entities: Mapping[str, Entity],
) -> Sink | None:
    """Read one sink; None when it can't be told what it keeps."""
    to, target = _to(table), _target(table, name)
    notify = table.text("notify")
    if notify and not _SQL_NAME.fullmatch(notify):
        table.problem(f"the name of a channel {_SQL_NAME_RULE}", "notify")
    given = [kind for kind in SinkKind if kind.value in table]
    if len(given) != 1:
        table.problem("needs one of 'entity', 'metric' and 'event': what is a row?")
        for key in ("columns", "interval", "tz", "by"):
            table.raw(key)
        return None
    kind = given[0]
    interval, tz, by = _buckets(table, scope, statistics) if kind is SinkKind.METRIC else _NONE
    of, offered = _offered(kind, table, scope, statistics, entities, by)
    columns = _columns(table, offered, kind, scope)
    if offered is not None:
        _check_key(table, columns, kind, interval, by)
    return Sink(name, application, to, target, kind, of, columns, interval, tz, by, notify)


_NONE: Final[tuple[Interval | None, str, tuple[str, ...]]] = (None, "UTC", ())


def _to(table: Table) -> tuple[str, ...]:
    """Read where the table is."""
    places = table.texts("to", _PLACES_MAX)
    if not places and not table.raw("to"):
        table.problem(f"'to' is missing: it {_PLACE_RULE}")
    for place in places:
        if not _VARIABLE.fullmatch(place) and not _FILE.fullmatch(place):
            table.problem(_PLACE_RULE, "to")
    return places


def _target(table: Table, name: str) -> str:
    """Read the table's name; the sink's unless given."""
    target = table.text("table") or name.replace("-", "_")
    if not _SQL_NAME.fullmatch(target):
        table.problem(f"the name of a table {_SQL_NAME_RULE}", "table")
    elif target.lower().startswith("livetally_"):
        table.problem("names that begin with 'livetally_' are Livetally's own", "table")
    return target


def _buckets(
    table: Table, scope: Scope, statistics: Statistics
) -> tuple[Interval | None, str, tuple[str, ...]]:
    """Read a metric's interval, zone and dimensions."""
    tz = table.text("tz") or "UTC"
    try:
        find_zone(tz)
    except BadInput as error:
        table.problem(error.reason, "tz")
    by = dimensions(table, "by", _events(statistics.get(table.text("metric")), statistics), scope)
    return table.choice("interval", Interval, required=False), tz, by


def _offered(
    kind: SinkKind,
    table: Table,
    scope: Scope,
    statistics: Statistics,
    entities: Mapping[str, Entity],
    by: tuple[str, ...],
) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """Read what a row is; also return what its columns can hold, None when that is not known."""
    if kind is SinkKind.EVENT:
        types = table.texts("event", _EVENTS_MAX)
        paths: dict[str, None] = {}
        for name in types:
            scope.event((*table.path, "event"), name)
            for path in scope.fields(name) or {}:
                paths[f"data.{path}" if path in _OF_EVENTS else path] = None
        return types, (*_OF_EVENTS, *paths)
    name = table.text(kind.value)
    if kind is SinkKind.METRIC:
        if name not in statistics:
            scope.problems.unknown((*table.path, "metric"), "metric", name, statistics)
        times = ("time",) if "interval" in table else ()
        return (name,), (*times, *by, "value")
    if name not in entities:
        scope.problems.unknown((*table.path, "entity"), "entity", name, entities)
        return (name,), None
    return (name,), ("key", *entities[name].fields)


def _columns(
    table: Table, offered: tuple[str, ...] | None, kind: SinkKind, scope: Scope
) -> dict[str, str]:
    """Read the columns; without any, one for each thing that they can hold."""
    if "columns" not in table:
        wanted = offered or ()
        return {_column_name(source): source for source in wanted}
    below = table.table("columns")
    columns: dict[str, str] = {}
    for name in below.given():
        source = below.text(name)
        columns[name] = source
        if not _SQL_NAME.fullmatch(name) or name.lower().startswith("livetally_"):
            below.problem(f"the name of a column {_SQL_NAME_RULE}", name)
        if offered is not None and source not in offered:
            remedy = "" if kind is not SinkKind.EVENT else "declare it as a field of the event"
            path = (*below.path, name)
            scope.problems.unknown(path, f"part of this {kind.value}", source, offered, remedy)
    if len({name.lower() for name in columns}) < len(columns):
        below.problem("two columns differ in capitals only")
    if len(columns) > _COLUMNS_MAX:
        below.problem(f"takes at most {_COLUMNS_MAX} columns, not {len(columns)}")
    return columns


def _column_name(source: str) -> str:
    return re.sub(r"\W", "_", data_path(source) or source, flags=re.ASCII)[:63]


def _check_key(
    table: Table,
    columns: dict[str, str],
    kind: SinkKind,
    interval: Interval | None,
    by: tuple[str, ...],
) -> None:
    """Report what tells one row from another and has no column."""
    needed: tuple[str, ...] = ("key",) if kind is SinkKind.ENTITY else ("id",)
    if kind is SinkKind.METRIC:
        needed = (*(("time",) if interval else ()), *by)
    for source in needed:
        if source not in columns.values():
            table.problem(f"no column holds '{source}', which tells its rows apart", "columns")


def _events(statistic: Metric | Ratio | None, statistics: Statistics) -> tuple[str, ...]:
    """Return the event types that a metric counts."""
    if isinstance(statistic, Ratio):
        both = (statistics.get(statistic.numerator), statistics.get(statistic.denominator))
        return tuple(dict.fromkeys(name for one in both for name in _events(one, statistics)))
    if statistic is None:
        return ()
    return tuple(dict.fromkeys(term.event for term in statistic.terms))
