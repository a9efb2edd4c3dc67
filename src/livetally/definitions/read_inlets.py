"""Reads ``[inlet.NAME]``: paths that take an existing client's own JSON.

In the flow: receives the definition's root ``Table``, the ``Scope`` and the look-up tables from
``reading``, hands back inlets.

Guarantee: an inlet that came out of a definition without problems can be served.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from livetally.definitions.inlet import Inlet, Reply
from livetally.definitions.read_auth import read_auth
from livetally.definitions.read_map import read_map, read_template
from livetally.definitions.route_paths import read_path
from livetally.definitions.scope import Scope
from livetally.definitions.table import Table
from livetally.mapping import Lookups

__all__ = ["read_inlets", "read_reply"]

_ACCEPTED: Final = ("position", "stored", "duplicates")
_STATUS_MIN: Final = 200
_STATUS_MAX: Final = 299
_NO_CONTENT: Final = 204


def read_inlets(root: Table, application: str, scope: Scope, lookups: Lookups) -> dict[str, Inlet]:
    """Read the inlets by name."""
    inlets: dict[str, Inlet] = {}
    for name, table in root.named("inlet"):
        for key in ("title", "description"):
            table.text(key)
        path = read_path(table, "POST")
        if path.method == "GET":
            table.problem(
                "an inlet takes POST, PUT, PATCH or DELETE: GET changes nothing", "method"
            )
        auth = read_auth(table)
        mapping = read_map(table, scope, lookups, path.params)
        values: Mapping[str, Collection[str] | None] = {
            "param": path.params,
            "query": None,
            "body": None,
            "events": None,
            "accepted": _ACCEPTED,
        }
        reply = read_reply(table, values, lookups)
        table.finish()
        if mapping is not None:
            raw = root.table("inlet").raw(name)
            inlets[name] = Inlet(name, application, raw, path, auth, mapping, reply)
    return inlets


def read_reply(
    table: Table, values: Mapping[str, Collection[str] | None], lookups: Lookups
) -> Reply | None:
    """Read ``reply``; None when it is not given.

    Args:
        table: of the inlet or command.
        values: the names that its expressions may begin with, and what each has, if known.
        lookups: the look-up tables.
    """
    if "reply" not in table:
        return None
    below = table.table("reply")
    status = below.whole("status", _STATUS_MIN, _STATUS_MAX) or _STATUS_MIN
    body = None
    if "body" in below:
        body = read_template(below.raw("body"), below, "body", values, lookups)
        if status == _NO_CONTENT:
            below.problem("an answer 204 has no body", "body")
    below.finish()
    return Reply(status, body)
