"""What commits have added since a position: which commits, which slots, which events.

In the flow: asked by ``sinks``, which was told of some commits and has missed others.
Guarantee: every event of a commit after ``since`` up to ``upto`` is found, whatever its time, and
none of another commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from livetally.store.events.engine import Engine
from livetally.store.events.expressions import Binder, Reference
from livetally.store.events.scope import of_team

__all__ = ["Added", "added_events", "commits_of", "slots_of"]

_COMMITS_AT_ONCE = 10_000


class Added(NamedTuple):
    """Events of a team's types in the commits after ``since`` up to ``upto``."""

    team: int
    types: tuple[str, ...]
    since: int
    upto: int


def commits_of(engine: Engine, added: Added) -> list[tuple[int, int]]:
    """Return ``(position, events)``, oldest first, of up to 10,000 commits. Blocks."""
    binder = Binder()
    rows = engine.read(
        f"SELECT position, count() {_where(added, binder)}"
        f" GROUP BY position ORDER BY position LIMIT {_COMMITS_AT_ONCE}",
        binder.parameters,
    )
    return [(position, count) for position, count in rows]


def slots_of(engine: Engine, added: Added) -> list[int]:
    """Return the quarter-hour slots, in order, that the events are in. Blocks."""
    binder = Binder()
    rows = engine.read(
        f"SELECT DISTINCT slot {_where(added, binder)} ORDER BY slot",
        binder.parameters,
    )
    return [slot for (slot,) in rows]


def added_events(engine: Engine, added: Added, columns: Sequence[Reference]) -> list[list[Any]]:
    """Return the events in the order of (position, time, id). Blocks.

    A row has the values of ``columns``; the reference ``time`` is the time of the event, in
    microseconds since 1970 UTC.
    """
    binder = Binder()
    selected = ", ".join(_selected(column, binder) for column in columns)
    return engine.read(
        f"SELECT {selected} {_where(added, binder)} ORDER BY position, occurred_at, id",
        binder.parameters,
    )


def _selected(column: Reference, binder: Binder) -> str:
    if column.name == "time" and column.field is None:
        return "toUnixTimestamp64Micro(occurred_at)"
    return column.expression(binder)


def _where(added: Added, binder: Binder) -> str:
    types = ", ".join(binder.bind(kind, "String") for kind in added.types)
    since, upto = (binder.bind(bound, "UInt64") for bound in (added.since, added.upto))
    rows = of_team(added.team, binder)
    return f"{rows} AND type IN ({types}) AND position > {since} AND position <= {upto}"
