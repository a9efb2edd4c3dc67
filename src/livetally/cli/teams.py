"""``livetally teams``: makes, lists and sets teams.

In the flow: receives a name and settings from the command line, hands them to the server.
Guarantee: only an operator's key makes and sets teams; the server decides that, not this command.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from cyclopts import App, Parameter

from livetally.cli.codes import DONE, WrongUsage
from livetally.cli.connection import LOCAL, Connection
from livetally.cli.inputs import Name
from livetally.cli.output import print_json, print_table
from livetally.client.segments import segment

__all__ = ["app", "create", "list_teams", "set_team"]

app = App(name="teams", help="Make, list and set teams.")

_PATH = "/v1/teams"


@app.command
def create(name: Name, /, *, json: bool = False, connection: Connection = LOCAL) -> int:
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
    told = reply.read(msgspec.json.decode)
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
    told = connection.call("GET", _PATH).read(msgspec.json.decode)
    if json:
        print_json(told)
    else:
        print_table(
            ("name", "id", "queries an hour", "other origins that may read"),
            (
                (team["name"], str(team["id"]), _queries(team), " ".join(team["allowed_origins"]))
                for team in told["teams"]
            ),
        )
    return DONE


@app.command(name="set")
def set_team(
    name: Name,
    /,
    *,
    queries_per_hour: Annotated[str | None, Parameter(name="--queries-per-hour")] = None,
    origin: list[str] | None = None,
    no_origins: Annotated[bool, Parameter(negative="")] = False,
    json: bool = False,
    connection: Connection = LOCAL,
) -> int:
    """Change a team's settings; what is not named stays as it is.

    Args:
        name: The team.
        queries_per_hour: Charged queries of each of its keys in any hour, 1 to 100000; default
            for the server's own setting.
        origin: Origin whose pages may read its answers, such as https://dash.example; repeat it
            for several, which replace those before.
        no_origins: Let no other origin read.
        json: Print the answer as JSON.
        connection: How to reach the server; needs an operator's key.

    Raises:
        LivetallyError: there is no such team, or the server refused it.
    """
    change: dict[str, Any] = {}
    if queries_per_hour is not None:
        change["queries_per_hour"] = _limit(queries_per_hour)
    if origin and no_origins:
        raise WrongUsage("--origin and --no-origins exclude each other.")
    if origin or no_origins:
        change["allowed_origins"] = origin or []
    if not change:
        raise WrongUsage("Say what to set: --queries-per-hour, --origin or --no-origins.")
    reply = connection.call(
        "PATCH",
        f"{_PATH}/{segment(name, 'name')}",
        headers={"Content-Type": "application/json"},
        body=msgspec.json.encode(change),
    )
    told = reply.read(msgspec.json.decode)
    if json:
        print_json(told)
    else:
        origins = " ".join(told["allowed_origins"]) or "none"
        print(f"Team {told['name']}: {_queries(told)} queries an hour; other origins: {origins}.")
    return DONE


def _limit(text: str) -> int | None:
    if text == "default":
        return None
    if not (text.isascii() and text.isdigit()):
        raise WrongUsage("--queries-per-hour: give a whole number, or default.")
    return int(text)


def _queries(team: dict[str, Any]) -> str:
    limit = team["queries_per_hour"]
    return "default" if limit is None else str(limit)
