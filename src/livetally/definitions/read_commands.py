"""Reads ``[command.NAME]``: paths that start, stop or run sources, as an existing client does.

In the flow: receives the definition's root ``Table``, the names of its sources and the look-up
tables from ``reading``, hands back commands.

Guarantee: a command that came out of a definition without problems is about sources of the same
definition.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from livetally.definitions.inlet import Command, CommandAction
from livetally.definitions.read_auth import read_auth
from livetally.definitions.read_inlets import read_reply
from livetally.definitions.route_paths import read_path
from livetally.definitions.source import Source
from livetally.definitions.table import Table
from livetally.mapping import Lookups

__all__ = ["read_commands"]

_SOURCES_MAX: Final = 50


def read_commands(
    root: Table, application: str, sources: Mapping[str, Source], lookups: Lookups
) -> dict[str, Command]:
    """Read the commands by name."""
    commands: dict[str, Command] = {}
    known = root.table("source").given()
    for name, table in root.named("command"):
        for key in ("title", "description"):
            table.text(key)
        path = read_path(table, "POST")
        if path.method == "GET":
            table.problem(
                "a command takes POST, PUT, PATCH or DELETE: GET changes nothing", "method"
            )
        action = table.choice("action", CommandAction)
        named = _sources(table, known)
        if action is CommandAction.RUN:
            for one in named:
                if one in sources and sources[one].messages is not None:
                    table.problem(f"'{one}' takes messages, which come by themselves", "source")
        reply_values: dict[str, Collection[str] | None] = {
            "param": path.params,
            "query": None,
            "sources": None,
        }
        commands[name] = Command(
            name,
            application,
            root.table("command").raw(name),
            path,
            read_auth(table),
            action or CommandAction.RUN,
            named,
            read_reply(table, reply_values, lookups),
            lookups,
        )
        table.finish()
    return commands


def _sources(table: Table, known: Collection[str]) -> tuple[str, ...]:
    named = table.texts("source", _SOURCES_MAX)
    if not named and "source" not in table:
        table.problem("'source' is missing: which one, or which ones?")
    for name in named:
        if name not in known:
            remedy = f"declare it as [source.{name}]"
            table.problems.unknown((*table.path, "source"), "source", name, known, remedy)
    return named
