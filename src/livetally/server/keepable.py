"""Whether the store can keep what a definition needs, before the catalog holds it.

In the flow: asked by ``registry`` between checking a definition and storing it.
Guarantee: a definition that the store refuses is refused whole: it is no version, and nobody else's
definitions are held up by it.
"""

from __future__ import annotations

from livetally.definitions import Application
from livetally.errors import DefinitionProblem, InvalidDefinition
from livetally.query import declared_fields, is_too_large, projections
from livetally.store.events import Engine, EngineError, EngineUnreachable, try_out

__all__ = ["require_keepable"]


def require_keepable(engine: Engine, application: Application) -> None:
    """Refuse a definition whose columns or projections the store can't have. Blocks.

    Raises:
        InvalidDefinition: it can't.
        StoreFailed: the store can't be asked.
    """
    try:
        try_out(engine, declared_fields([application]), projections([application]))
    except EngineError as error:
        if isinstance(error, EngineUnreachable) or is_too_large(error.code):
            raise  # busy, or short of memory: that says nothing of the definition
        reason = f"the store can't keep what it declares: {error.told}"
        problem = DefinitionProblem(1, "application", reason)
        raise InvalidDefinition(f"'{application.name}'", (problem,)) from error
