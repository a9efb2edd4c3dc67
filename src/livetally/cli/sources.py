"""``livetally sources``: shows what is fetched, starts, stops, runs and reschedules it.

In the flow: receives a source's name from the command line, hands a command to the server.
Guarantee: a command has been written down when it returns, and outlives the server.
"""

from __future__ import annotations

from typing import Any

import msgspec
from cyclopts import App

from livetally.cli.codes import DONE, FAILED, WrongUsage
from livetally.cli.connection import LOCAL, Connection
from livetally.cli.inputs import Name
from livetally.cli.output import print_json, print_table
from livetally.client.segments import segment

__all__ = ["app", "list_sources", "run", "schedule", "start", "stop"]

app = App(name="sources", help="Show, start, stop, run and reschedule sources.")

_PATH = "/v1/sources"


@app.command(name="list")
def list_sources(*, json: bool = False, connection: Connection = LOCAL) -> int:
    """List the sources: whether they run, when next, how the last run went.

    Args:
        json: Print the answer as JSON.
        connection: How to reach the server.

    Returns:
        0 when the last run of each was good, else 1.

    Raises:
        LivetallyError: the server refused it.
    """
    told = connection.call("GET", _PATH).read(msgspec.json.decode)
    listed = told["sources"]
    if json:
        print_json(told)
    elif not listed:
        print("There is no source; declare one as [source.NAME] and apply it.")
    else:
        heading = ("name", "state", "schedule", "next", "last", "stored", "duplicates", "error")
        print_table(heading, (_row(one) for one in listed))
    return FAILED if any(one.get("last_error") for one in listed) else DONE


@app.command
def start(name: Name, /, *, json: bool = False, connection: Connection = LOCAL) -> int:
    """Start a source: it is fetched at once, and then by its schedule.

    Args:
        name: The source.
        json: Print the answer as JSON.
        connection: How to reach the server.

    Raises:
        LivetallyError: the server refused it.
    """
    return _command(name, "start", connection, json=json)


@app.command
def stop(name: Name, /, *, json: bool = False, connection: Connection = LOCAL) -> int:
    """Stop a source, also in the middle of a run; what came is kept.

    Args:
        name: The source.
        json: Print the answer as JSON.
        connection: How to reach the server.

    Raises:
        LivetallyError: the server refused it.
    """
    return _command(name, "stop", connection, json=json)


@app.command
def run(name: Name, /, *, json: bool = False, connection: Connection = LOCAL) -> int:
    """Run a source once, now, whether it is started or not.

    Args:
        name: The source.
        json: Print the answer as JSON.
        connection: How to reach the server.

    Raises:
        LivetallyError: the server refused it.
    """
    return _command(name, "run", connection, json=json)


@app.command
def schedule(
    name: Name,
    /,
    *,
    every: str = "",
    cron: str = "",
    tz: str = "",
    jitter: str = "",
    reset: bool = False,
    json: bool = False,
    connection: Connection = LOCAL,
) -> int:
    """Give a source another schedule than its definition's.

    Args:
        name: The source.
        every: A length of time, such as '10 minutes'.
        cron: Five fields: minute, hour, day, month, weekday.
        tz: The zone of --cron; UTC by default.
        jitter: A length of time that each run is moved by at most.
        reset: Take the definition's schedule again.
        json: Print the answer as JSON.
        connection: How to reach the server.

    Raises:
        LivetallyError: the server refused it.
    """
    parts = {"every": every, "cron": cron, "tz": tz, "jitter": jitter}
    given = {key: value for key, value in parts.items() if value}
    if reset == bool(given):
        raise WrongUsage("Give --every or --cron, or --reset for the definition's schedule.")
    reply = connection.call(
        "PATCH",
        f"{_PATH}/{segment(name, 'name')}",
        headers={"Content-Type": "application/json"},
        body=msgspec.json.encode({"schedule": None if reset else given}),
    )
    return _told(reply.read(msgspec.json.decode), json=json)


def _command(name: str, action: str, connection: Connection, *, json: bool) -> int:
    reply = connection.call("POST", f"{_PATH}/{segment(name, 'name')}/{action}")
    return _told(reply.read(msgspec.json.decode), json=json)


def _told(told: dict[str, Any], *, json: bool) -> int:
    if json:
        print_json(told)
    else:
        after = f", next at {told['next']}" if told.get("next") else ""
        once = "; it runs once now" if told.get("wanted") else ""
        print(f"{told['name']}: {_state(told)}, {told['schedule']}{after}{once}.")
    return DONE


def _row(one: dict[str, Any]) -> tuple[Any, ...]:
    names = ("schedule", "next", "last", "stored", "duplicates", "last_error")
    return (one["name"], _state(one), *(one.get(name) for name in names))


def _state(one: dict[str, Any]) -> str:
    if one.get("fetching"):
        return "fetching"
    return "running" if one["running"] else "stopped"
