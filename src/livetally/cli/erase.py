"""``livetally erase``: has everything of a subject taken away, and waits for the proof.

In the flow: asks the server, looks until it says that nothing is left.
Guarantee: exit code 0 without ``--no-wait`` means that the files which held the subject are gone.
"""

from __future__ import annotations

import time
from typing import Any, Final

import msgspec

from livetally.cli.codes import DONE
from livetally.cli.connection import LOCAL, Connection
from livetally.cli.inputs import Name

__all__ = ["erase"]

_LOOK_S: Final = 0.5
# Every part that holds the subject is written anew before the answer.
_ERASE_S_MAX: Final = 3_600.0


def erase(
    subject: Name,
    /,
    *,
    yes: bool = False,
    no_wait: bool = False,
    json: bool = False,
    connection: Connection = LOCAL,
) -> int:
    """Erase every event of a subject, and everything that was worked out from them.

    Args:
        subject: Whose events go; exactly as it was sent.
        yes: Don't ask whether it is meant.
        no_wait: Return when no answer counts the subject any more; its files go within a minute.
        json: Print the report as JSON.
        connection: How to reach the server; needs a key with the scope admin.

    Raises:
        LivetallyError: the server refused it.
    """
    from livetally.cli.output import note, print_json
    from livetally.client import Call
    from livetally.errors import LivetallyError

    if not yes and not _meant(subject):
        raise LivetallyError("Nothing was erased.")
    call = Call("DELETE", "/v1/events", (("subject", subject),), {}, None)
    with connection.open(timeout_s=_ERASE_S_MAX) as client:
        told = client.request(call, again_s=0).read(msgspec.json.decode)
    if not no_wait:
        told |= _ended(told["erasure"], connection)
    if json:
        print_json(told)
        return DONE
    print(f"{told['erased']} events up to position {told['position']} are erased.")
    if told["done"]:
        print(f"Nothing is left in the data directory since {told['done']}.")
    print(f"Fingerprint for your records: {told['fingerprint']}")
    note("Backups from before still hold them, until they go; restoring one erases them again.")
    return DONE


def _meant(subject: str) -> bool:
    import sys

    if not sys.stdin.isatty():
        return False
    print(f"Erase every event of '{subject}' for good? Type the subject to go on: ", end="")
    return input() == subject


def _ended(number: str, connection: Connection) -> dict[str, Any]:
    while True:
        told = connection.call("GET", "/v1/erasures").read(msgspec.json.decode)
        found: dict[str, Any] = next(one for one in told["erasures"] if one["erasure"] == number)
        if found["done"]:
            return found
        time.sleep(_LOOK_S)  # sleeps: between two looks at a server that does not call back
