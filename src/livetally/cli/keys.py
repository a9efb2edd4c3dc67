"""``livetally keys``: makes, lists, revokes and rotates keys.

In the flow: receives names and scopes from the command line, hands them to the server.
Guarantee: a new key is printed once, alone on standard output; nothing stores it.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from cyclopts import App

from livetally.cli.codes import DONE
from livetally.cli.connection import LOCAL, Connection
from livetally.cli.inputs import Name
from livetally.cli.output import note, print_json, print_table
from livetally.client import Reply
from livetally.client.segments import segment
from livetally.clock import US_PER_S, SystemClock
from livetally.errors import BadInput

__all__ = ["app", "create", "expiry_us", "list_keys", "revoke", "rotate"]

app = App(name="keys", help="Make, list, revoke and rotate keys.")

_SPAN: Final = re.compile(r"(\d{1,5})([mhdw])", re.ASCII)
_SPAN_S: Final = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_PATH: Final = "/v1/keys"


@app.command
def create(
    *,
    name: str = "unnamed",
    scope: list[str],
    expires: str | None = None,
    operator: bool = False,
    json: bool = False,
    connection: Connection = LOCAL,
) -> int:
    """Make a key and print it, once.

    Args:
        name: What it is for, to be found again in the list.
        scope: write, read or admin; repeat it for several.
        expires: When it ends: 90d, 12h, or a date or time such as 2027-01-01; never by default.
        operator: Make it an operator's key, which may act for every team.
        json: Print the answer as JSON.
        connection: How to reach the server; --team says whose key it will be.

    Raises:
        LivetallyError: the server refused it.
    """
    body: dict[str, Any] = {"name": name, "scopes": scope, "operator": operator}
    if expires:
        body["expires_us"] = expiry_us(expires, SystemClock().now_us())
    reply = connection.call(
        "POST",
        _PATH,
        headers={"Content-Type": "application/json"},
        body=msgspec.json.encode(body),
    )
    return _print_new(reply, json=json)


@app.command(name="list")
def list_keys(
    *, all_teams: bool = False, json: bool = False, connection: Connection = LOCAL
) -> int:
    """List the keys, without their secrets.

    Args:
        all_teams: The keys of all teams, for an operator.
        json: Print the answer as JSON.
        connection: How to reach the server.

    Raises:
        LivetallyError: the server refused it.
    """
    params = (("team", "*"),) if all_teams else ()
    told = connection.call("GET", _PATH, params=params).read(msgspec.json.decode)
    if json:
        print_json(told)
        return DONE
    now_us = SystemClock().now_us()
    print_table(
        ("id", "team", "name", "scopes", "made", "last used", "state"),
        (
            (
                key["id"],
                key["team"],
                key["name"],
                " ".join(key["scopes"]) + (" operator" if key["operator"] else ""),
                _instant(key["created_us"]),
                _instant(key["last_used_us"]),
                _state(key, now_us),
            )
            for key in told["keys"]
        ),
    )
    return DONE


@app.command
def revoke(key_id: Name, /, *, json: bool = False, connection: Connection = LOCAL) -> int:
    """End a key at once and for good.

    Args:
        key_id: Its id: the part between the underscores, or as the list shows it.
        json: Print the answer as JSON.
        connection: How to reach the server.

    Raises:
        LivetallyError: there is no such key, or the server refused it.
    """
    reply = connection.call("DELETE", f"{_PATH}/{segment(key_id, 'key')}")
    if json:
        print_json(reply.read(msgspec.json.decode))
    else:
        print(f"Revoked: {key_id}")
    return DONE


@app.command
def rotate(
    key_id: Name,
    /,
    *,
    grace: str | None = None,
    json: bool = False,
    connection: Connection = LOCAL,
) -> int:
    """Replace a key by a new one with the same rights, and print it, once.

    Args:
        key_id: Id of the old key.
        grace: How long the old key stays good beside the new one, such as 24h; not at all by
            default.
        json: Print the answer as JSON.
        connection: How to reach the server.

    Raises:
        LivetallyError: there is no such key, or the server refused it.
    """
    reply = connection.call(
        "POST",
        f"{_PATH}/{segment(key_id, 'key')}/rotate",
        headers={"Content-Type": "application/json"},
        body=msgspec.json.encode({"grace_s": _span_s(grace) if grace else 0}),
    )
    return _print_new(reply, json=json)


def expiry_us(text: str, now_us: int) -> int:
    """Return the instant that ``90d`` from now, or a date or time in UTC, means.

    Raises:
        BadInput: the text is neither.
    """
    if _SPAN.fullmatch(text):
        return now_us + _span_s(text) * US_PER_S
    from livetally.calendar import find_zone, parse_instant

    try:
        return parse_instant(text, find_zone("UTC"), "--expires")
    except BadInput as error:
        raise BadInput("--expires", f"write 90d, 12h, or a date; {error.reason}") from None


def _span_s(text: str) -> int:
    """Return the seconds of ``24h``. Raises BadInput."""
    span = _SPAN.fullmatch(text)
    if span is None:
        raise BadInput("--grace", "write 30m, 24h, 7d or 2w")
    return int(span[1]) * _SPAN_S[span[2]]


def _print_new(reply: Reply, *, json: bool) -> int:
    told = reply.read(msgspec.json.decode)
    if json:
        print_json(told)
        return DONE
    print(told["key"])
    note(f"Key {told['id']} of team {told['team']}. It is shown only now: keep it.")
    return DONE


def _state(key: dict[str, Any], now_us: int) -> str:
    if key["revoked_us"] is not None:
        return "revoked"
    if key["expires_us"] is None:
        return "good"
    ended = key["expires_us"] <= now_us
    return f"{'ended' if ended else 'good until'} {_instant(key['expires_us'])}"


def _instant(us: int | None) -> str:
    from livetally.calendar import find_zone, label

    if us is None:
        return "-"
    return label(us - us % US_PER_S, find_zone("UTC")).replace("+00:00", "Z")
