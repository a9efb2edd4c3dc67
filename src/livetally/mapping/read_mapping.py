"""Reads ``map`` of an inlet, a source or an import.

In the flow: called by ``definitions`` with the table and where mistakes go; hands back an
``EventMapping``.
Guarantee: what is returned has no mistake that can be seen without a payload; every mistake is
reported at its own key.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, Final

from livetally.mapping.casts import Cast
from livetally.mapping.event_mapping import EventMapping
from livetally.mapping.expressions import Expression
from livetally.mapping.lookups import Lookups
from livetally.mapping.report import Path, Report, unread
from livetally.mapping.values import Reading, Value, is_entry, read_expression, read_value

__all__ = ["read_mapping"]

# A name whose value is no text or time can't come out of these.
_MEMBERS: Final = {
    "type": Cast.STRING,
    "id": Cast.STRING,
    "source": Cast.STRING,
    "time": Cast.TIME,
    "subject": Cast.STRING,
}
_KEYS: Final = ("each", "where", *_MEMBERS, "data")
_FIELDS_MAX: Final = 1_000
_DEPTH_MAX: Final = 8


def read_mapping(
    raw: object,
    path: Path,
    report: Report,
    lookups: Lookups,
    params: Collection[str] | None = None,
) -> EventMapping | None:
    """Read a mapping.

    Args:
        raw: the table ``map``, as plain values.
        path: where it stands, for mistakes.
        report: where mistakes go.
        lookups: the look-up tables that there are.
        params: the names in the path, for ``param()``; None when they are not known.

    Returns:
        The mapping; None when a mistake was reported that leaves nothing to use.
    """
    if not isinstance(raw, dict):
        what = "'map' is missing: it says" if raw is None else "must be a table that says"
        report.add(path[:-1] if raw is None else path, f"{what} how a record becomes an event")
        return None
    reading = Reading(report, lookups, None if params is None else tuple(params))
    unread(raw, _KEYS, path, report)
    each = read_expression(raw.get("each", "@"), (*path, "each"), reading)
    where = read_expression(raw["where"], (*path, "where"), reading) if "where" in raw else None
    if "type" not in raw:
        report.add(path, "'type' is missing; a constant stands in single quotes: type = \"'tap'\"")
    members = tuple(_members(raw, path, reading))
    data = _data(raw.get("data", {}), (*path, "data"), reading)
    return EventMapping(each or Expression("@"), where, members, data, lookups)


def _members(raw: Mapping[str, Any], path: Path, reading: Reading) -> Iterator[tuple[str, Value]]:
    for name, kind in _MEMBERS.items():
        if name in raw:
            required = name == "type"
            value = read_value(raw[name], (*path, name), reading, kind, required=required)
            if value is not None:
                yield name, value


def _data(
    raw: object, path: Path, reading: Reading
) -> tuple[tuple[tuple[str, ...], Value], ...] | Value:
    if isinstance(raw, str):
        return read_value(raw, path, reading) or Value(constant={})
    if not isinstance(raw, dict):
        reading.report.add(path, "must be a table of fields, or an expression that is an object")
        return ()
    fields = tuple(_fields(raw, path, (), reading))
    if len(fields) > _FIELDS_MAX:
        reading.report.add(path, f"takes at most {_FIELDS_MAX} fields, not {len(fields)}")
    return fields


def _fields(
    raw: Mapping[str, Any], path: Path, above: tuple[str, ...], reading: Reading
) -> Iterator[tuple[tuple[str, ...], Value]]:
    """Yield the fields of the data; a table that describes no value holds further fields."""
    for name, entry in raw.items():
        at, field = (*path, name), (*above, name)
        if is_entry(entry):
            value = read_value(entry, at, reading)
            if value is not None:
                yield field, value
        elif len(field) >= _DEPTH_MAX:
            reading.report.add(at, f"is over {_DEPTH_MAX} levels deep")
        else:
            yield from _fields(entry, at, field, reading)
