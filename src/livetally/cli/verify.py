"""``livetally verify``: has metrics recomputed from the raw events and compared.

In the flow: asks the server, which recomputes without its projections and its cache and tells line
by line what it finds.
Guarantee: exit code 0 means that every bucket asked for was recomputed and equal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from livetally.cli.codes import DONE, FAILED, WrongUsage
from livetally.cli.connection import LOCAL, Connection
from livetally.errors import BadInput, StoreFailed

if TYPE_CHECKING:
    from livetally.client import Client

__all__ = ["verify"]

_SHOWN_MAX = 20


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
        WrongUsage: the range is none.
        LivetallyError: something could not be recomputed.
    """
    from livetally.cli.output import print_json

    params = [("metric", name) for name in metrics]
    params += [(name, text) for name, text in (("from", start), ("to", end)) if text]
    with connection.open() as client:
        try:
            checked = _checked(client, tuple(params))
        except BadInput as error:
            if error.field in ("from", "to"):
                raise WrongUsage(error.message) from error
            raise
    if json:
        print_json(checked)
    else:
        _print(checked)
    return DONE if checked["verified"] else FAILED


def _checked(client: Client, params: tuple[tuple[str, str], ...]) -> dict[str, Any]:
    """Read the server's lines: how far it is, what differs, and at last the verdict."""
    from livetally.cli.progress import steps
    from livetally.client import Call
    from livetally.client.answer import decode_exact

    metrics: dict[str, None] = {}
    differing: list[dict[str, Any]] = []
    gone: dict[str, str] = {}
    line: dict[str, Any] = {}
    with steps("Recomputing") as show:
        for text in client.lines(Call("POST", "/v1/verify", params)):
            line = decode_exact(text)
            if "metric" not in line:
                break
            metrics[line["metric"]] = None
            if "kept" in line:
                differing.append(line)
            elif "gone_before" in line:
                gone[line["metric"]] = line["gone_before"]
            else:
                show(line["metric"], line["done"], line["total"])
    if "verified" not in line:
        raise StoreFailed(line.get("detail") or "The server stopped before it was done.")
    told = {"verified": line["verified"], "metrics": list(metrics), "differences": differing}
    return {**told, "gone_before": gone} if gone else told


def _print(checked: dict[str, Any]) -> None:
    from livetally.cli.output import note, print_table

    differing = checked["differences"]
    wrong = {one["metric"] for one in differing}
    for name in checked["metrics"]:
        print(f"{name}: {'differs' if name in wrong else 'every bucket is equal'}.")
        if name in checked.get("gone_before", {}):
            before = checked["gone_before"][name]
            note(
                f"What was sent before {before} is gone (keep_data): {name} was checked from then."
            )
    if differing:
        print_table(
            list(differing[0]), ([str(v) for v in d.values()] for d in differing[:_SHOWN_MAX])
        )
    if len(differing) > _SHOWN_MAX:
        note(f"{len(differing) - _SHOWN_MAX:,} more; --json shows all.")
