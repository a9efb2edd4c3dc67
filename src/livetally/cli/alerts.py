"""``livetally alerts``: shows the alerts, when they fired, and who was told.

In the flow: asks the server, prints tables.
Guarantee: the exit code says whether one fires, so that a script need not read the table.
"""

from __future__ import annotations

from typing import Any

import msgspec
from cyclopts import App

from livetally.cli.codes import DONE, FAILED
from livetally.cli.connection import LOCAL, Connection
from livetally.cli.inputs import Name
from livetally.cli.output import print_json, print_table
from livetally.client.segments import segment

__all__ = ["app", "changes", "list_alerts"]

app = App(name="alerts", help="Show the alerts, when they fired, and who was told.")

_PATH = "/v1/alerts"


@app.command(name="list")
def list_alerts(*, json: bool = False, connection: Connection = LOCAL) -> int:
    """List the alerts: what each is, since when, and what was measured last.

    Args:
        json: Print the answer as JSON.
        connection: How to reach the server.

    Returns:
        1 when one fires, else 0.

    Raises:
        LivetallyError: the server refused it.
    """
    told = connection.call("GET", _PATH).read(msgspec.json.decode)
    listed = told["alerts"]
    if json:
        print_json(told)
    elif not listed:
        print("There is no alert; declare one as [alert.NAME] and apply it.")
    else:
        heading = ("name", "state", "since", "metric", "condition", "value", "error")
        print_table(heading, (_row(one) for one in listed))
    return FAILED if any(one["state"] == "firing" for one in listed) else DONE


@app.command
def changes(
    name: Name, /, *, limit: int = 20, json: bool = False, connection: Connection = LOCAL
) -> int:
    """List when an alert fired and ended, newest first, and who was told.

    Args:
        name: The alert.
        limit: How many changes.
        json: Print the answer as JSON.
        connection: How to reach the server.

    Raises:
        LivetallyError: the server refused it.
    """
    path = f"{_PATH}/{segment(name, 'name')}/changes?limit={limit}"
    told = connection.call("GET", path).read(msgspec.json.decode)
    if json:
        print_json(told)
    elif not told["changes"]:
        print("It has not fired yet.")
    else:
        rows = (
            (one["time"], one["state"], one["value"], _messages(one)) for one in told["changes"]
        )
        print_table(("time", "state", "value", "messages"), rows)
    return DONE


def _row(one: dict[str, Any]) -> tuple[Any, ...]:
    names = ("name", "state", "since", "metric", "condition", "value", "last_error")
    return tuple(one[name] for name in names)


def _messages(change: dict[str, Any]) -> str:
    return "; ".join(f"{one['to']}: {_fate(one)}" for one in change["messages"])


def _fate(message: dict[str, Any]) -> str:
    if message["delivered"]:
        return "delivered"
    return f"{'trying again' if message['waiting'] else 'given up'} ({message['last_error']})"
