"""Reads what inlets, sources and imports share: ``map``, look-up tables and templates.

In the flow: called by ``reading`` and by the readers of those tables; ``mapping`` does the work.

Guarantee: a mapping whose event type is known before gives only fields which that type declares,
and all that it requires.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from livetally.definitions.inlet import Import
from livetally.definitions.scope import Scope
from livetally.definitions.table import Table
from livetally.mapping import (
    BadTemplate,
    EventMapping,
    Lookup,
    Lookups,
    Reading,
    Template,
    check_calls,
    read_lookup,
    read_mapping,
)

__all__ = ["read_imports", "read_lookups", "read_map", "read_template"]

_LOOKUPS_MAX: Final = 50


def read_lookups(root: Table) -> dict[str, Lookup]:
    """Read ``[lookup.NAME]``, whose rows are there once a file was read; see ``embedding``."""
    lookups: dict[str, Lookup] = {}
    for name, table in root.named("lookup"):
        for key in ("file", "key", "value"):
            table.text(key)
        rows = table.raw("rows")
        if rows is None and "file" in table:
            table.problem(
                "the rows of this file are not here: apply the definition from where the file is,"
                " with 'livetally apply', or give them as rows",
                "file",
            )
        elif rows is None:
            table.problem("'file' or 'rows' is missing: what does it hold?")
        lookups[name] = read_lookup(name, rows or {}, (*table.path, "rows"), root.problems)
        table.finish()
    if len(lookups) > _LOOKUPS_MAX:
        root.problem(f"takes at most {_LOOKUPS_MAX} look-up tables", "lookup")
    return lookups


def read_imports(
    root: Table, application: str, scope: Scope, lookups: Lookups
) -> dict[str, Import]:
    """Read ``[import.NAME]``: mappings for ``livetally import --map``."""
    imports: dict[str, Import] = {}
    for name, table in root.named("import"):
        for key in ("title", "description"):
            table.text(key)
        mapping = read_map(table, scope, lookups, ())
        table.finish()
        if mapping is not None:
            imports[name] = Import(name, application, root.table("import").raw(name), mapping)
    return imports


def read_map(
    table: Table, scope: Scope, lookups: Lookups, params: Collection[str] | None = None
) -> EventMapping | None:
    """Read ``map`` of a table and check it against the declared event types.

    Args:
        table: of the inlet, source or import.
        scope: the event types.
        lookups: the look-up tables.
        params: the names in the path; None when they are not known.
    """
    path = (*table.path, "map")
    raw = table.raw("map")
    mapping = read_mapping(raw, path, table.problems, lookups, params)
    if mapping is None:
        return None
    event = mapping.constant_type
    if event is None:
        written = raw.get("type") if isinstance(raw, dict) else None
        if isinstance(written, str) and scope.fields(written) is not None:
            table.problem(
                f"is the record's member '{written}'; the event type is written \"'{written}'\"",
                *("map", "type"),
            )
        return mapping
    scope.event((*path, "type"), event)
    if mapping.fields is not None:
        _check_fields(table, mapping.fields, event, scope)
    return mapping


def read_template(
    raw: Any, table: Table, key: str, values: Mapping[str, Collection[str] | None], lookups: Lookups
) -> Template | None:
    """Read a template that stands at ``key``; None after a mistake was reported.

    Args:
        raw: what stands there.
        table: where ``key`` is.
        key: for mistakes.
        values: the names that its expressions may begin with, and what each has, if known.
        lookups: the look-up tables.
    """
    path = (*table.path, key)
    try:
        template = Template(raw)
    except BadTemplate as error:
        table.problems.add((*path, *error.path), str(error))
        return None
    params = values.get("param")
    reading = Reading(table.problems, lookups, None if params is None else tuple(params))
    for place, expression in template.expressions():
        check_calls(expression, (*path, *place), reading)
        match expression.path:
            case (first, *_) if first not in values:
                table.problems.unknown((*path, *place), "value here", first, values)
            case (first, name, *_) if (known := values[first]) is not None and name not in known:
                table.problems.unknown((*path, *place), f"'{first}'", name, known)
    return template


def _check_fields(table: Table, given: list[str], event: str, scope: Scope) -> None:
    declared = scope.fields(event)
    if declared is None:
        return
    for name in given:
        if name not in declared:
            remedy = f"declare it: [event.{event}] data.{name} = ..."
            path = (*table.path, "map", "data", *name.split("."))
            table.problems.unknown(path, "field", name, declared, remedy)
    for name, field in declared.items():
        if field.required and name not in given:
            table.problem(f"event type '{event}' requires 'data.{name}'", "map")
