"""``livetally sinks``: how the kept tables are, and filling one anew.

In the flow: asks the server, prints what it says.
Guarantee: ``rebuild`` without ``--no-wait`` returns 0 when the table has been filled, and 1 with
the reason when that failed.
"""

from __future__ import annotations

import time
from typing import Any, Final

import msgspec
from cyclopts import App

from livetally.cli.codes import DONE
from livetally.cli.connection import LOCAL, Connection
from livetally.cli.inputs import Name
from livetally.cli.output import note, print_json, print_table
from livetally.client.segments import segment
from livetally.errors import LivetallyError

__all__ = ["app", "list_sinks", "rebuild"]

app = App(name="sinks", help="Say how the tables are that are kept in other databases.")

_PATH: Final = "/v1/sinks"
_LOOK_S: Final = 0.2


@app.command(name="list")
def list_sinks(*, json: bool = False, connection: Connection = LOCAL) -> int:
    """List the sinks: which table each keeps, and how far it is.

    Args:
        json: Print the answer as JSON.
        connection: How to reach the server; needs a key with the scope admin.

    Raises:
        LivetallyError: the server refused it.
    """
    told = connection.call("GET", _PATH).read(msgspec.json.decode)
    if json:
        print_json(told)
        return DONE
    head = ("name", "table", "place", "database", "state", "position", "behind", "error")
    print_table(head, (_cells(sink) for sink in told["sinks"]))
    return DONE


@app.command
def rebuild(
    name: Name, /, *, no_wait: bool = False, json: bool = False, connection: Connection = LOCAL
) -> int:
    """Fill a sink's table anew, and wait until it is.

    Readers see the old rows until the new ones are complete. It also takes a table over that
    another server has kept.

    Args:
        name: The sink's name in the definitions.
        no_wait: Return at once.
        json: Print the answer as JSON.
        connection: How to reach the server; needs a key with the scope admin.

    Raises:
        LivetallyError: the server refused it, or the table could not be filled.
    """
    reply = connection.call("POST", f"{_PATH}/{segment(name, 'name')}/rebuild")
    told = reply.read(msgspec.json.decode)
    if not no_wait:
        told = _wait(name, connection)
    if json:
        print_json(told)
    elif no_wait:
        note(f"{name}: the table is being filled anew.")
    else:
        print(f"{name}: the table is true at position {told['position']}.")
    return DONE


def _wait(name: str, connection: Connection) -> dict[str, Any]:
    while True:
        told = connection.call("GET", _PATH).read(msgspec.json.decode)
        found: dict[str, Any] | None = next(
            (sink for sink in told["sinks"] if sink["name"] == name), None
        )
        if found is None:
            raise LivetallyError(f"{name} is not declared any more.")
        if found["error"]:
            raise LivetallyError(f"{name}: {found['error']} It will be tried again.")
        if found["state"] == "following" and not found["rebuilding"]:
            return found
        time.sleep(_LOOK_S)  # sleeps: between two looks at a server that does not call back


def _cells(sink: dict[str, Any]) -> tuple[str, ...]:
    behind = f"{sink['lag_positions']} ({sink['lag_seconds']} s)" if sink["lag_positions"] else "0"
    plain = (sink[name] or "" for name in ("name", "table", "place", "database", "state"))
    position = "" if sink["position"] is None else str(sink["position"])
    return (*plain, position, behind, sink["error"] or "")
