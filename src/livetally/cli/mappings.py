"""The mappings of a definition file, by kind and name.

In the flow: asked by ``import`` and ``map`` for the mapping that their options name.
Guarantee: a name leads to one mapping, or to an error that says which there are.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from livetally.definitions import Application
    from livetally.mapping import EventMapping

__all__ = ["choose", "find", "mappings_of"]


def mappings_of(application: Application) -> dict[tuple[str, str], EventMapping]:
    """Return the mappings of a definition by kind (``inlet``, ``import``) and name."""
    inlets = {("inlet", name): one.mapping for name, one in application.inlets.items()}
    return inlets | {("import", name): one.mapping for name, one in application.imports.items()}


def choose(application: Application, kind: str | None, name: str | None) -> EventMapping:
    """Return the mapping of this kind and name; either may be left out where one is left.

    Raises:
        WrongUsage: there is none, or more than one.
    """
    from livetally.cli.codes import WrongUsage

    there = mappings_of(application)
    left = [
        one
        for one in there
        if (kind is None or one[0] == kind) and (name is None or one[1] == name)
    ]
    if len(left) == 1:
        return there[left[0]]
    shown = ", ".join(f"{of} {called}" for of, called in there) or "none"
    what = " ".join(filter(None, (kind or "mapping", name and f"'{name}'")))
    lead = "say which" if left else f"it has no {what}"
    raise WrongUsage(f"{application.name}: {lead}; its mappings are: {shown}.")


def find(text: str) -> tuple[str, EventMapping]:
    """Read ``DEFINITION:NAME``; return what names the mapping in an id, and the mapping.

    Raises:
        WrongUsage: it is not written so, or there is no such mapping.
        InvalidDefinition: the definition has mistakes.
    """
    from livetally.cli.check import read_file
    from livetally.cli.codes import WrongUsage

    file, _, name = text.rpartition(":")
    if not file or not name:
        raise WrongUsage("--map: write DEFINITION:NAME, for example livetally.toml:taps.")
    application = read_file(Path(file))
    return f"{application.name}:{name}", choose(application, None, name)
