"""``livetally alerts``: how the alerts stand, and which notices they have sent.

In the flow: asks the server, prints what it says.
Guarantee: a team's key shows that team's alerts only.
"""

from __future__ import annotations

from typing import Final

import msgspec
from cyclopts import App

from livetally.cli.codes import DONE
from livetally.cli.connection import LOCAL, Connection
from livetally.cli.output import print_json, print_table

__all__ = ["app", "history", "list_alerts"]

app = App(name="alerts", help="Say how the alerts stand, and which notices they have sent.")

_HEAD: Final = ("name", "metric", "state", "since", "changes")
_NOTICES: Final = ("time", "alert", "state", "value", "target", "delivered", "error")


@app.command(name="list")
def list_alerts(*, json: bool = False, connection: Connection = LOCAL) -> int:
    """List the alerts and their states.

    Args:
        json: Print the answer as JSON.
        connection: How to reach the server; needs a key with the scope admin.

    Raises:
        LivetallyError: the server refused it.
    """
    told = msgspec.json.decode(connection.call("GET", "/v1/alerts").body)
    if json:
        print_json(told)
    else:
        print_table(_HEAD, ([one[name] for name in _HEAD] for one in told["alerts"]))
    return DONE


@app.command
def history(*, limit: int = 100, json: bool = False, connection: Connection = LOCAL) -> int:
    """List the notices, newest first.

    Args:
        limit: At most so many, up to 1,000.
        json: Print the answer as JSON.
        connection: How to reach the server; needs a key with the scope admin.

    Raises:
        LivetallyError: the server refused it.
    """
    params = (("limit", str(limit)),)
    told = msgspec.json.decode(connection.call("GET", "/v1/alerts/notices", params=params).body)
    if json:
        print_json(told)
    else:
        print_table(_NOTICES, ([one[name] for name in _NOTICES] for one in told["notices"]))
    return DONE
