"""Finds the inlet or published answer that a request is for.

In the flow: built by the server's registry whenever a definition changes, asked by ``api`` for
every request that none of the program's own routes takes.

Guarantee: immutable; a part that was written wins over one that takes any text; of two targets with
the same method and shape the first one that was given wins, whatever the request.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from livetally.definitions.application import Application
from livetally.definitions.inlet import Answer, Command, Inlet

__all__ = ["Found", "Published", "RouteTable"]

Target: TypeAlias = Inlet | Answer | Command


class Published(NamedTuple):
    """A target and whose it is; ``team`` is None for a definition that all teams share."""

    team: int | None
    target: Target


class Found(NamedTuple):
    """What a path leads to: by method, and the parameters of each."""

    by_method: dict[str, tuple[Published, dict[str, str]]]


class _Node:
    """What has been read of a path so far: where it can go on, and what ends here."""

    __slots__ = ("any", "ends", "named")

    def __init__(self) -> None:
        self.named: dict[str, _Node] = {}
        self.any: _Node | None = None
        self.ends: dict[str, Published] = {}


class RouteTable:
    """All targets of all teams. Safe for any thread."""

    def __init__(self, applications: Iterable[tuple[int | None, Application]] = ()) -> None:
        """Compile the targets of applications, each with its team."""
        self._root = _Node()
        for team, application in applications:
            tables = (application.inlets, application.answers, application.commands)
            for target in (one for table in tables for one in table.values()):
                self._add(Published(team, target))

    def find(self, parts: Sequence[str]) -> Found | None:
        """Return what takes a path, given as its decoded parts; None for nothing."""
        found: dict[str, tuple[Published, dict[str, str]]] = {}
        for node in _walk(self._root, parts, 0):
            for method, published in node.ends.items():
                if method not in found:
                    found[method] = (published, _params(published.target, parts))
        return Found(found) if found else None

    def _add(self, published: Published) -> None:
        node = self._root
        for part in published.target.path.parts:
            if part.startswith("{"):
                node.any = node.any or _Node()
                node = node.any
            else:
                node = node.named.setdefault(part, _Node())
        node.ends.setdefault(published.target.path.method, published)


def _walk(node: _Node, parts: Sequence[str], at: int) -> Iterator[_Node]:
    """Yield the ends that take a path, those with more written parts first."""
    if at == len(parts):
        yield node
        return
    named = node.named.get(parts[at])
    if named is not None:
        yield from _walk(named, parts, at + 1)
    if node.any is not None and parts[at]:
        yield from _walk(node.any, parts, at + 1)


def _params(target: Target, parts: Sequence[str]) -> dict[str, str]:
    return {
        written[1:-1]: part
        for written, part in zip(target.path.parts, parts, strict=True)
        if written.startswith("{")
    }
