"""A team's own definitions and those that hold for all teams, as one.

In the flow: asked by ``registry`` when a team's definitions are first needed after a change.
Guarantee: whatever stands beside each other, what comes out can be obeyed; what of it doesn't hold
is told in the log.
"""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from livetally.definitions import Application
from livetally.query import Declared

__all__ = ["joined"]

_log = structlog.get_logger("livetally")


def joined(team: int, own: Sequence[Application], shared: Sequence[Application]) -> Declared:
    """Join a team's definitions; its own stands in the place of the shared one of its name."""
    names = {application.name for application in own}
    declared = Declared(own, (one for one in shared if one.name not in names))
    for clash in declared.clashes:
        _log.warning(
            "definitions contradict each other; the later one holds, a team's own before shared",
            team=team,
            type=clash.event,
            field=clash.field,
            reason=clash.reason,
        )
    return declared
