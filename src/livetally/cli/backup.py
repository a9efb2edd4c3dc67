"""``livetally backup``: has the running server write a backup, and says how it went.

In the flow: asks the server, which does the work on its own machine; shows its lines.
Guarantee: exit code 0 means that the backup is whole and on the disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from livetally.cli.codes import DONE
from livetally.cli.connection import LOCAL, Connection
from livetally.cli.inputs import whole_place
from livetally.errors import StoreFailed

if TYPE_CHECKING:
    from livetally.client import Client

__all__ = ["backup"]


def backup(
    to: str = "",
    /,
    *,
    full: bool = False,
    show: bool = False,
    json: bool = False,
    connection: Connection = LOCAL,
) -> int:
    """Write a backup while the server runs.

    Each one is complete; of what the place has already, nothing is written again. A directory is
    one of the server's machine.

    Args:
        to: Directory, or s3://BUCKET/PREFIX; that of the server's settings by default.
        full: Read and write everything again.
        show: List the backups that are there, and take none.
        json: Print the result as JSON.
        connection: How to reach the server; needs an operator's key.

    Raises:
        LivetallyError: the server refused it, or the backup failed.
    """
    from livetally.cli.output import print_json, print_table, shown

    place = whole_place(to) if to else to
    if show:
        params = (("place", place),) if place else ()
        told = connection.call("GET", "/v1/backups", params=params).read(msgspec.json.decode)
        if json:
            print_json(told)
        else:
            print_table(_HEAD, ([one[name] for name in _HEAD] for one in told["backups"]))
        return DONE
    with connection.open() as client:
        made = _made(client, msgspec.json.encode({"to": place, "full": full}))
    if json:
        print_json(made)
    else:
        print(
            f"Backup {made['name']} is whole, true at position {made['position']}:"
            f" {shown(made['bytes'])} bytes, {shown(made['new_bytes'])} of them new."
        )
    return DONE


_HEAD = ("name", "time", "position", "bytes", "parts", "version")


def _made(client: Client, body: bytes) -> dict[str, Any]:
    from livetally.cli.progress import steps
    from livetally.client import Call

    line: dict[str, Any] = {}
    headers = {"Content-Type": "application/json"}
    with steps("Writing the backup") as show:
        for text in client.lines(Call("POST", "/v1/backups", (), headers, body)):
            line = msgspec.json.decode(text)
            if "bytes_total" in line:
                show("bytes", line["bytes"], max(line["bytes_total"], 1))
    if "backup" not in line:
        raise StoreFailed(line.get("detail") or "The server stopped before the backup was whole.")
    made: dict[str, Any] = line["backup"]
    return made
