"""Reads the path of an inlet or a published answer, and finds the paths that collide.

In the flow: called by ``read_inlets`` and ``read_answers``; ``team`` asks whether paths collide.

Guarantee: a path that was read can't hide one of the program's own, and of two that take the same
request one is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from livetally.definitions.application import Application
from livetally.definitions.inlet import Answer, Command, Inlet, RoutePath
from livetally.definitions.problems import Problems
from livetally.definitions.table import Table

__all__ = ["METHODS", "check_paths", "read_path"]

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
_PARTS_MAX: Final = 16
_CHARS_MAX: Final = 200
_PART: Final = re.compile(r"[A-Za-z0-9._~-]+|\{[A-Za-z_][A-Za-z0-9_]{0,63}\}")
# Where the program's own paths begin. Below /v1 there is room for clients under /v1/api.
_OWN: Final = frozenset(
    {"assets", "docs", "healthz", "metrics", "openapi.json", "readyz", "signin", "v1"}
)
_FREE: Final = ("v1", "api")


def read_path(table: Table, default_method: str) -> RoutePath:
    """Read ``path`` and ``method``."""
    method = (table.text("method") or default_method).upper()
    if method not in METHODS:
        table.problems.unknown((*table.path, "method"), "method", method, METHODS)
        method = default_method
    text = table.text("path")
    if not text:
        if not table.raw("path"):
            table.problem("'path' is missing, for example path = '/hooks/github'")
        return RoutePath(method, ())
    path = RoutePath(method, tuple(text.removeprefix("/").split("/")))
    if reason := _fault(text, path):
        table.problem(reason, "path")
    return path


def check_paths(new: Application, others: Iterable[Application], problems: Problems) -> None:
    """Report the paths of ``new`` that it, or another application of any team, has already."""
    taken = {one.path.shape for other in others for _, one in _published(other)}
    for table, one in _published(new):
        if one.path.shape in taken:
            where = (table, one.name, "path")
            problems.add(where, f"{one.path.method} {one.path.text} is taken already")
        taken.add(one.path.shape)


def _published(application: Application) -> Iterable[tuple[str, Inlet | Answer | Command]]:
    yield from (("inlet", one) for one in application.inlets.values())
    yield from (("answer", one) for one in application.answers.values())
    yield from (("command", one) for one in application.commands.values())


def _fault(text: str, path: RoutePath) -> str:
    parts = path.parts
    if not text.startswith("/") or len(text) > _CHARS_MAX or len(parts) > _PARTS_MAX:
        return f"must begin with '/', with up to {_PARTS_MAX} parts and {_CHARS_MAX} characters"
    if text == "/":
        # A browser asks for a page; who asks for anything else may be answered by a definition.
        return "" if path.method == "GET" else "'/' is the console's; an answer can be given to GET"
    inner = parts[:-1] if parts[-1] == "" else parts  # a slash at the end is part of a path
    for part in inner:
        if not _PART.fullmatch(part) or part in (".", ".."):
            what = f"'{part[:40]}'" if part else "an empty part"
            return (
                f"can't have {what}: a part has letters, digits, '.', '_', '~', '-', or is {{name}}"
            )
    if len(set(path.params)) < len(path.params):
        return "has two parts of one name"
    if parts[0] in _OWN and parts[:2] != _FREE:
        return f"/{parts[0]} is the program's own; below /v1/api there is room"
    if parts[0].startswith("{"):
        return "can't begin with a part that takes any text: it would take every path"
    return ""
