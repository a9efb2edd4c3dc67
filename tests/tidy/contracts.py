"""The kinds of import contract that import-linter has not: rules that stand before the rooms do.

In the flow: named in ``pyproject.toml``, loaded by ``lint-imports``.
Guarantee: a room or a library that is not there yet is no error, and is bound by the rule with its
first line; a room under another name is refused by the layers, which name every room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.protected import ProtectedContract

if TYPE_CHECKING:
    from grimp import ImportGraph
    from importlinter import Contract, ContractCheck

__all__ = ["PureContract", "ReservedContract"]


class PureContract(ForbiddenContract):
    """``source_modules``, those that exist, import none of ``forbidden_modules``."""

    type_name = "pure"

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001 - inherited
        """Leave out the rooms that are not in ``graph``, then check as usual."""
        _keep_present(self, "source_modules", graph)
        return super().check(graph, verbose)


class ReservedContract(ProtectedContract):
    """``protected_modules`` may be imported by ``allowed_importers`` only, where both exist."""

    type_name = "reserved"

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001 - inherited
        """Leave out the names that are not in ``graph``, then check as usual."""
        _keep_present(self, "protected_modules", graph)
        _keep_present(self, "allowed_importers", graph)
        return super().check(graph, verbose)


def _keep_present(contract: Contract, option: str, graph: ImportGraph) -> None:
    named = getattr(contract, option)
    setattr(contract, option, [one for one in named if one.expression in graph.modules])
