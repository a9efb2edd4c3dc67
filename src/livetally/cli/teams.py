"""``livetally teams``: makes and lists teams.

In the flow: receives a name from the command line, hands it to the server.
Guarantee: only an operator's key makes teams; the server decides that, not this command.
"""

from __future__ import annotations

import msgspec
from cyclopts import App

from livetally.cli.codes import DONE
from livetally.cli.connection import LOCAL, Connection
from livetally.cli.output import print_json, print_table

__all__ = ["app", "create", "list_teams"]

app = App(name="teams", help="Make and list teams.")

_PATH = "/v1/teams"


@app.command
def create(name: str, /, *, json: bool = False, connection: Connection = LOCAL) -> int:
    """Make a team.

    Args:
        name: 1 to 63 small letters, digits and hyphens.
        json: Print the answer as JSON.
        connection: How to reach the server; needs an operator's key.

    Raises:
        LivetallyError: the server refused it.
    """
    reply = connection.call(
        "POST",
        _PATH,
        headers={"Content-Type": "application/json"},
        body=msgspec.json.encode({"name": name}),
    )
    told = msgspec.json.decode(reply.body)
    if json:
        print_json(told)
    else:
        print(f"Made team {told['name']} (id {told['id']}).")
        print(f"Make a key for it: livetally keys create --team {told['name']} --scope write")
    return DONE


@app.command(name="list")
def list_teams(*, json: bool = False, connection: Connection = LOCAL) -> int:
    """List the teams that the key may see.

    Args:
        json: Print the answer as JSON.
        connection: How to reach the server.

    Raises:
        LivetallyError: the server refused it.
    """
    told = msgspec.json.decode(connection.call("GET", _PATH).body)
    if json:
        print_json(told)
    else:
        print_table(("name", "id"), ((team["name"], str(team["id"])) for team in told["teams"]))
    return DONE
