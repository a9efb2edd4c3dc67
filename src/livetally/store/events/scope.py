"""The events of one team: the only way to what a team may ask.

In the flow: every statement that answers a team's question begins with ``of_team``.
Guarantee: no module but those that keep the whole table names it (``tests/tidy`` checks that), so a
question that forgets its team has nothing to ask.
"""

from __future__ import annotations

from livetally.store.events.expressions import Binder
from livetally.store.events.layout import TABLE, Layout

__all__ = ["of_team", "rewritten", "without"]


def of_team(team: int, binder: Binder) -> str:
    """Return ``FROM … WHERE`` of a team's rows; further conditions follow with ``AND``."""
    return f"FROM {TABLE}\nWHERE team = {binder.bind(team, 'UInt32')}"


def without(layout: Layout, team: int, condition: str) -> str:
    """Return the statement that takes the rows of a team away for which ``condition`` holds.

    Nothing can be bound in it, so every value in ``condition`` is a literal.
    """
    return f"{layout.altering} DELETE WHERE team = {team:d} AND ({condition})"


def rewritten(layout: Layout, team: int, assignments: str, condition: str) -> str:
    """Return the statement that sets columns in the rows of a team for which ``condition`` holds.

    As for ``without``, every value in it is a literal.
    """
    where = f"WHERE team = {team:d} AND ({condition})"
    return f"{layout.altering} UPDATE {assignments} {where}"
