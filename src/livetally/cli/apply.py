"""``livetally apply``: gives the server a definition file and shows what that changes.

In the flow: receives a file, checks it here, hands its text to the server.
Guarantee: a file with any mistake is not sent; what the server applies is the file's own text,
whole.
"""

from __future__ import annotations

from pathlib import Path

from livetally.cli.codes import DONE
from livetally.cli.connection import LOCAL, Connection

__all__ = ["apply"]


def apply(
    file: Path,
    /,
    *,
    dry_run: bool = False,
    json: bool = False,
    connection: Connection = LOCAL,
) -> int:
    """Apply a definition file to the server and show what changes.

    Args:
        file: The definition file.
        dry_run: Only show what would change.
        json: Print the plan as JSON.
        connection: How to reach the server.

    Raises:
        InvalidDefinition: the file has mistakes; nothing was sent.
        LivetallyError: the server refused it; nothing has changed.
    """
    import msgspec

    from livetally.cli.check import read_file
    from livetally.cli.output import print_json
    from livetally.definitions import Plan, plan_text

    application = read_file(file)
    reply = connection.call(
        "PUT",
        f"/v1/definitions/{application.name}",
        params=(("dry_run", "true"),) if dry_run else (),
        headers={"Content-Type": "application/toml"},
        body=application.text.encode(),
    )
    told = reply.read(msgspec.json.decode)
    if json:
        print_json(told)
        return DONE
    print(plan_text(msgspec.convert(told, Plan)))
    print("Nothing was applied." if dry_run else f"Applied as version {told['version']}.")
    return DONE
