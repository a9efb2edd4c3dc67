"""Collects the mistakes in a definition, so that a person can mend them all at once.

In the flow: handed to every reader of this room by ``reading``, which turns what was collected into
one ``InvalidDefinition``.

Guarantee: nothing that was added is lost, each problem is listed once, and the cost of suggesting
names is bounded however many mistakes there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from livetally.definitions.locate import Path, line_of
from livetally.definitions.nearest import nearest
from livetally.errors import DefinitionProblem

__all__ = ["Problems", "dotted"]

_SUGGESTIONS_MAX: Final = 50
_SHOWN_CHARS_MAX: Final = 80
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")


def dotted(path: Path) -> str:
    """Write a path as TOML writes a key, with ``[0]`` for the first element of an array."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            key = part if _BARE_KEY.fullmatch(part) else f'"{part[:_SHOWN_CHARS_MAX]}"'
            text += f".{key}" if text else key
    return text


class Problems:
    """The mistakes found so far."""

    def __init__(self) -> None:
        """Start without any."""
        self._found: dict[tuple[Path, str], None] = {}
        self._suggestions = 0

    def __len__(self) -> int:
        """How many there are."""
        return len(self._found)

    def add(self, path: Path, reason: str) -> None:
        """Add a mistake at ``path``."""
        self._found[path, reason] = None

    def unknown(
        self, path: Path, kind: str, name: str, known: Iterable[str], remedy: str = ""
    ) -> None:
        """Add that no ``kind`` is called ``name``, and what of ``known`` was perhaps meant.

        Args:
            path: where the name stands.
            kind: what was looked for, for example "metric".
            name: what was written.
            known: the names that exist.
            remedy: what else could be done, as the end of the sentence.
        """
        self._suggestions += 1
        close = nearest(name, known) if self._suggestions <= _SUGGESTIONS_MAX else None
        hint = f"; did you mean '{close}'?" if close else ""
        also = f"; {remedy}" if remedy else ""
        self.add(path, f"no {kind} is called '{name[:_SHOWN_CHARS_MAX]}'{hint}{also}")

    def located(self, lines: dict[Path, int]) -> tuple[DefinitionProblem, ...]:
        """Return all of them with their lines, from the first line to the last."""
        problems = [
            DefinitionProblem(line_of(lines, path), dotted(path), reason)
            for path, reason in self._found
        ]
        return tuple(sorted(problems, key=lambda problem: problem.line))
