"""Brings the events table to what the definitions need: columns and projections.

In the flow: run by the server at start and after a definition was applied.
Guarantee: idempotent and resumable; an answer is the same before, during and after. What history
lacks is computed by the engine in the background, part by part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from livetally.definitions import Field
from livetally.store.events import schema
from livetally.store.events.engine import Engine
from livetally.store.events.projection import Projection

__all__ = ["keep", "try_out"]


def keep(engine: Engine, fields: Mapping[str, Field], projections: Iterable[Projection]) -> None:
    """Add the columns of ``fields``, and keep exactly ``projections``. Blocks while DDL runs.

    Columns are never dropped: the raw data they were read from stays, and another definition may
    want them again. A projection that is still computed is dropped by a later call.
    """
    wanted = {projection.name: projection for projection in projections}
    columns = schema.existing_columns(engine)
    new_columns = sorted(fields.keys() - columns)
    for name in new_columns:
        schema.add_column(engine, fields[name])
    present = schema.existing_projections(engine)
    schema.drop_projections(engine, present - wanted.keys())
    new_projections = sorted(wanted.keys() - present)
    for name in new_projections:
        schema.add_projection(engine, wanted[name])
    schema.materialise(engine, new_columns, new_projections)
    engine.projections = tuple(wanted.values())


def try_out(engine: Engine, fields: Mapping[str, Field], projections: Iterable[Projection]) -> None:
    """Ask for what ``keep`` would keep, of no rows: nothing in the store changes. Blocks.

    Raises:
        EngineError: the store can't keep it.
    """
    present = schema.existing_columns(engine)
    new = [fields[name] for name in sorted(fields.keys() - present)]
    for projection in projections:
        schema.try_projection(engine, projection, new)
