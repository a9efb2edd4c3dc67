"""The mappings of a definition file, by kind and name.

In the flow: asked by ``import`` and ``map`` for the mapping that their options name.
Guarantee: a name leads to one mapping, or to an error that says which there are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from livetally.definitions import Application
    from livetally.mapping import Context, EventMapping, Mapped


__all__ = ["EventsOf", "choose", "find", "mappings_of", "text_of"]


EventsOf: TypeAlias = "Callable[[Any, Context], Mapped]"
"""Makes events of a payload, as it came."""


def mappings_of(application: Application) -> dict[tuple[str, str], EventMapping]:
    """Return the mappings of a definition by kind (``inlet``, ``import``, ``source``) and name."""
    tables = (
        ("inlet", application.inlets),
        ("import", application.imports),
        ("source", application.sources),
    )
    return {(kind, name): one.mapping for kind, table in tables for name, one in table.items()}


def choose(
    application: Application, kind: str | None = None, name: str | None = None
) -> tuple[str, EventsOf]:
    """Return the kind of a mapping and what it makes events with.

    Those of a source get their ids as it gives them.

    Args:
        application: the definition.
        kind: ``inlet``, ``import`` or ``source``; may be left out where one mapping is left.
        name: as above.

    Raises:
        WrongUsage: there is none, or more than one.
    """
    there = mappings_of(application)
    found, called = _chosen(application, there, kind, name)
    if found != "source":
        return found, there[found, called].events
    from livetally.sources import mapped_records

    source = application.sources[called]
    return found, lambda payload, context: mapped_records(
        source, payload, context._replace(content_ids=True)
    )


def _chosen(
    application: Application,
    there: Collection[tuple[str, str]],
    kind: str | None,
    name: str | None,
) -> tuple[str, str]:
    """Return the one that is meant.

    Raises:
        WrongUsage: there is none, or more than one.
    """
    from livetally.cli.codes import WrongUsage

    left = [
        one
        for one in there
        if (kind is None or one[0] == kind) and (name is None or one[1] == name)
    ]
    if len(left) == 1:
        return left[0]
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
    # A file is no source: what a source keeps of its ids would be missing.
    there = {key: one for key, one in mappings_of(application).items() if key[0] != "source"}
    return f"{application.name}:{name}", there[_chosen(application, there, None, name)]


def text_of(text: str) -> str:
    """Return the definition that ``DEFINITION:NAME`` names, as it is written.

    Raises:
        InvalidDefinition: it can't be read.
    """
    from livetally.cli.check import whole_text

    return whole_text(Path(text.rpartition(":")[0]))
