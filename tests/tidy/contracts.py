"""The kind of import contract that import-linter does not have: reserved, also before it is used.

In the flow: named in ``pyproject.toml``, loaded by ``lint-imports``.
Guarantee: what is reserved for some rooms is imported by no other; a room or a library that is not
there yet is no error, so that the rule stands before the first line that could break it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from importlinter.contracts.protected import ProtectedContract

if TYPE_CHECKING:
    from grimp import ImportGraph
    from importlinter import ContractCheck

__all__ = ["ReservedContract"]


class ReservedContract(ProtectedContract):
    """``protected_modules`` may be imported by ``allowed_importers`` only, where both exist."""

    type_name = "reserved"

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001 - its base says so
        """Leave out the names that are not in ``graph``, then check as usual."""
        for option in ("protected_modules", "allowed_importers"):
            present = [m for m in getattr(self, option) if m.expression in graph.modules]
            setattr(self, option, present)
        return super().check(graph, verbose)
