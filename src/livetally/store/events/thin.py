"""What is not declared of old events goes; what is declared of them stays, and so do statistics.

In the flow: called by ``server.keeping``; nothing else changes a row.
Guarantee: columns of declared fields are stored beside ``data`` in every part before ``data`` goes,
so that no statistic over them changes; those for which this holds are named.
"""

from __future__ import annotations

from livetally.store.events.engine import Engine
from livetally.store.events.expressions import Binder
from livetally.store.events.literals import literal
from livetally.store.events.schema import existing_columns
from livetally.store.events.scope import of_team, rewritten

__all__ = ["NO_DATA", "columns_in_every_part", "count_with_data", "drop_data"]

NO_DATA = "null"
"""Stands where what was sent has been: JSON, and no event can be sent with it."""

_SLOW = {"max_execution_time": 3600}


def columns_in_every_part(engine: Engine) -> frozenset[str] | None:
    """Return the declared fields' columns, each of which every part holds. Blocks.

    None while some part lacks one: it is still being worked out from ``data``.
    """
    layout = engine.layout
    mutations, parts, columns = (
        f"FROM {layout.everywhere(f'system.{name}')} WHERE {layout.of_local}"
        for name in ("mutations", "parts", "parts_columns")
    )
    changing = engine.read(f"SELECT count() {mutations} AND NOT is_done")
    if changing[0][0]:
        return None
    stored = engine.read(f"SELECT count() {parts} AND active")
    held = engine.read(
        f"SELECT column, count() {columns} AND active AND startsWith(column, 'f_') GROUP BY column"
    )
    everywhere = {str(column) for column, count in held if count >= stored[0][0]}
    declared = {name for name in existing_columns(engine) if name.startswith("f_")}
    return None if declared - everywhere else frozenset(declared)


def count_with_data(engine: Engine, team: int, kind: str, before_us: int) -> int:
    """Return how many of a type's rows from before an instant hold what was sent. Blocks."""
    binder = Binder()
    sql = f"SELECT count() {of_team(team, binder)} AND {_whole(kind, before_us)}"
    return int(engine.read(sql, binder.parameters, _SLOW)[0][0])


def drop_data(engine: Engine, team: int, kind: str, before_us: int) -> None:
    """Take ``data`` and attributes from a type's rows from before an instant. Blocks until done."""
    assignments = f"data = {literal(NO_DATA)}, attributes = ''"
    statement = rewritten(engine.layout, team, assignments, _whole(kind, before_us))
    engine.execute(f"{statement} SETTINGS mutations_sync = 2")


def _whole(kind: str, before_us: int) -> str:
    return (
        f"type = {literal(kind)} AND toUnixTimestamp64Micro(occurred_at) < {before_us:d}"
        f" AND data != {literal(NO_DATA)}"
    )
