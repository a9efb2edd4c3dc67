"""Where the readers of this room report mistakes in a definition.

In the flow: implemented by ``definitions``, which knows lines and names; handed to the readers.
Guarantee: a reader that reports goes on with a value that stands for "not given", so that a person
sees all mistakes at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol, TypeAlias

__all__ = ["Path", "Report", "required_text", "unread"]

Path: TypeAlias = tuple[str | int, ...]


class Report(Protocol):
    """The mistakes found so far; ``definitions.problems.Problems`` is one."""

    def add(self, path: Path, reason: str) -> None:
        """Add a mistake at ``path``."""

    def unknown(
        self, path: Path, kind: str, name: str, known: Iterable[str], remedy: str = ""
    ) -> None:
        """Add that no ``kind`` is called ``name``, with the nearest of ``known``."""


def unread(raw: Mapping[str, Any], known: Iterable[str], path: Path, report: Report) -> None:
    """Report the keys of a table that nobody reads."""
    names = tuple(known)
    for key in raw:
        if key not in names:
            report.unknown((*path, key), "key here", key, names)


def required_text(raw: Mapping[str, Any], key: str, path: Path, report: Report) -> str:
    """Return a text that has to be given; "" after it was reported."""
    value = raw.get(key)
    if isinstance(value, str) and value:
        return value
    if value is None:
        report.add(path, f"'{key}' is missing")
    else:
        report.add((*path, key), "must be a text")
    return ""
