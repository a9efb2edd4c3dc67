"""Which bucket a time falls into, as integer arithmetic for the engine.

In the flow: receives edges from ``aggregate``, hands it an expression.
Guarantee: for every time within the edges the expression is the last edge that is not after it.

Edges that are equally far apart, but for a few shorter gaps where a clock was changed, are
computed; only irregular ones (days of a zone with summer time, months) are looked up in a bound
list. A month of minutes would otherwise bind 43,200 numbers, which takes the engine longer than the
question.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import sub
from typing import NamedTuple

from livetally.store.events.expressions import Binder
from livetally.store.events.schema import SLOT_US

__all__ = ["Grid", "bucket_sql", "grid_of"]

# Runs of equal steps are worth it only when they are much shorter than the list of edges.
_EDGES_PER_RUN_MIN = 8


class Grid(NamedTuple):
    """Bucket starts and the last end, in units of ``unit_us``: slots, or microseconds."""

    by_slot: bool
    unit_us: int
    edges: tuple[int, ...]


def grid_of(edges: Sequence[int], start_us: int | None, end_us: int | None) -> Grid:
    """Count in slots when every bound is a whole quarter of an hour, else in microseconds."""
    bounds = (*edges, start_us or 0, end_us or 0)
    if any(bound % SLOT_US for bound in bounds):
        return Grid(by_slot=False, unit_us=1, edges=tuple(edges))
    return Grid(by_slot=True, unit_us=SLOT_US, edges=tuple(edge // SLOT_US for edge in edges))


def bucket_sql(grid: Grid, binder: Binder) -> str:
    """Return the expression for the start of the bucket, in the grid's units."""
    at = "slot" if grid.by_slot else "toUnixTimestamp64Micro(occurred_at)"
    kind = "Int32" if grid.by_slot else "Int64"
    gaps = list(map(sub, grid.edges[1:], grid.edges))
    step = max(gaps)
    runs = [grid.edges[0]]
    if min(gaps[:-1], default=step) != step:
        # A run begins after every gap that is shorter than the step; none is longer.
        starts = zip(gaps, grid.edges[1:-1], strict=False)
        runs += [start for gap, start in starts if gap != step]
    if len(runs) * _EDGES_PER_RUN_MIN > len(grid.edges):
        return f"roundDown({at}, {binder.bind(list(grid.edges[:-1]), f'Array({kind})')})"
    begin = binder.bind(runs[0], kind)
    if len(runs) > 1:
        begin = f"roundDown({at}, {binder.bind(runs, f'Array({kind})')})"
    width = binder.bind(step, "Int64")
    return f"{begin} + intDiv({at} - {begin}, {width}) * {width}"
