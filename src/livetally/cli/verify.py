"""``livetally verify``: has metrics recomputed from the raw events and compared.

In the flow: asks the server for one metric after the other; the server recomputes, without its
projections and its cache.
Guarantee: exit code 0 means that every bucket asked for was recomputed and equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import msgspec
from cyclopts import Parameter

from livetally.cli.codes import DONE, FAILED
from livetally.cli.connection import LOCAL, Connection

if TYPE_CHECKING:
    from livetally.client import Client

__all__ = ["verify"]

_SHOWN_MAX = 20
_PATIENCE_S = 3_600.0


def verify(
    *metrics: str,
    start: Annotated[str | None, Parameter(name="--from")] = None,
    end: Annotated[str | None, Parameter(name="--to")] = None,
    json: bool = False,
    connection: Connection = LOCAL,
) -> int:
    """Recompute metrics from the raw events and compare them with what the server answers.

    Args:
        metrics: Names of metrics; all of them when none is named.
        start: First instant; the first event by default.
        end: Where the range ends, itself not included.
        json: Print the result as JSON.
        connection: How to reach the server.

    Returns:
        0 when everything is equal, else 1.

    Raises:
        LivetallyError: something could not be recomputed.
    """
    from livetally.cli.output import print_json
    from livetally.cli.progress import counted

    params = tuple((name, text) for name, text in (("from", start), ("to", end)) if text)
    with connection.open(timeout_s=_PATIENCE_S) as client:
        names = metrics or _all(client)
        checked = [_verified(client, name, params) for name in counted(names, "Recomputing")]
    if json:
        print_json({"checked": checked})
    else:
        for result in checked:
            _print(result)
    return FAILED if any(result["differences"] for result in checked) else DONE


def _all(client: Client) -> list[str]:
    from livetally.client import Call

    reply = client.request(Call("GET", "/v1/metrics"))
    return [metric["name"] for metric in msgspec.json.decode(reply.body)["metrics"]]


def _verified(client: Client, name: str, params: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    from livetally.client import Call
    from livetally.client.answer import decode_exact

    call = Call("POST", f"/v1/metrics/{quote(name, safe='')}/verify", params)
    return decode_exact(client.request(call, again_s=0).body)


def _print(result: dict[str, Any]) -> None:
    from livetally.cli.output import note, print_table

    differences = result["differences"]
    if not differences:
        print(f"{result['metric']}: {result['compared']:,} values are equal.")
        return
    print(f"{result['metric']}: {len(differences):,} of {result['compared']:,} values differ.")
    print_table(list(differences[0]), (list(one.values()) for one in differences[:_SHOWN_MAX]))
    if len(differences) > _SHOWN_MAX:
        note(f"{len(differences) - _SHOWN_MAX:,} more; --json shows all.")
