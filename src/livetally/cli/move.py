"""``livetally move``: from a data directory of one machine to the cluster that the settings name.

In the flow: reads the settings as ``serve`` would, has ``server.moving`` do it, shows its way.
Guarantee: exit code 0 means that every event of the directory is in the cluster's store, once, and
was compared; interrupted, the same command goes on where it stopped.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from livetally.cli.argument_secrets import refuse_secret
from livetally.cli.codes import DONE, FAILED
from livetally.cli.inputs import Seconds
from livetally.cli.overrides import overrides

if TYPE_CHECKING:
    from livetally.server.comparing import Difference
    from livetally.server.moving import Moved

__all__ = ["move"]

_SHOWN_MAX = 20
_DAY_S = 86_400


def move(
    *,
    source: Annotated[Path, Parameter(name="--from")],
    to: str | None = None,
    events_only: bool = False,
    patience: Seconds = 60.0,
    further: Annotated[list[str] | None, Parameter(name="--set")] = None,
    json: bool = False,
) -> int:
    """Move a stopped server's data directory to the cluster that the settings name.

    Teams, keys, definitions and the rest of the catalog are copied first, then every event is
    published to the log, where it counts once beside what clients send meanwhile. At the end every
    day of every type is compared. Positions count anew.

    Args:
        source: The data directory; its server must be stopped.
        to: Address of the store, clickhouse://…; one with a password is better in LIVETALLY_STORE.
        events_only: Leave the cluster's catalog as it is; its teams must have the same numbers.
        patience: Seconds to wait for loaders that put nothing into the store.
        further: Any other setting of the cluster, as log_replicas=1; may be repeated.
        json: Print the summary as JSON.

    Returns:
        0 when everything is there, else 1.

    Raises:
        LivetallyError: it can't go on; says what to do.
    """
    from livetally.cli.output import note, print_json
    from livetally.cli.progress import stages
    from livetally.server.moving import Move, Teller
    from livetally.server.moving import move as move_all
    from livetally.settings import Settings, load_settings

    refuse_secret("--to", "store", to)
    others = overrides(further or (), set(Settings.__struct_fields__) - {"store", "data"})
    settings = load_settings({"store": to, **others})
    began_s = time.monotonic()
    with stages() as show:
        moved = move_all(settings, Move(source, events_only, patience), Teller(show, note))
    seconds = time.monotonic() - began_s
    if json:
        print_json(_summary(moved, seconds))
    else:
        _print(moved, seconds)
    return DONE if moved.compared.are_equal else FAILED


def _summary(moved: Moved, seconds: float) -> dict[str, Any]:
    compared = moved.compared
    return {
        "verified": compared.are_equal,
        "catalog": moved.catalog,
        "moved": moved.events,
        "moved_before": moved.events_before,
        "position": moved.position,
        "compared": compared.events,
        "days": compared.days,
        "resent": compared.resent,
        "retired": compared.retired,
        "differences": [_told(one) for one in compared.differences],
        "conflicts": [_told(one) for one in compared.conflicts],
        "seconds": round(seconds, 3),
    }


def _told(one: Difference) -> dict[str, Any]:
    return {**one._asdict(), "day": _date(one.day)}


def _date(day: int) -> str:
    """Write a day as a date; a year beyond four digits has them all."""
    from datetime import UTC, datetime, timedelta

    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=day * _DAY_S)
    return at.date().isoformat()


def _print(moved: Moved, seconds: float) -> None:
    from livetally.cli.output import note, print_table, shown

    compared = moved.compared
    before = f", {shown(moved.events_before)} before" if moved.events_before else ""
    print(f"Catalog: {moved.catalog}.")
    print(f"Moved {shown(moved.events)} events in {seconds:.1f} s{before}.")
    if compared.resent:
        note(f"{shown(compared.resent)} of them clients had sent to the cluster before; once each.")
    if compared.retired:
        note(f"{shown(compared.retired)} are too old for the cluster's retention.")
    for one in compared.conflicts[:_SHOWN_MAX]:
        note(
            f"{one.differing} of {one.type} on {_date(one.day)} (team {one.team}) had come to the"
            " cluster with other content; those stay, as with any conflict."
        )
    if compared.are_equal:
        print(
            f"Verified: {shown(compared.events)} events on {shown(compared.days)} days of types"
            f" are in the store, once each. It is true at position {shown(moved.position)}."
        )
        return
    print("These days are not the same in the store:")
    print_table(
        ("team", "type", "day", "events", "missing", "differing", "twice"),
        ((*one[:2], _date(one.day), *one[3:]) for one in compared.differences[:_SHOWN_MAX]),
    )
    if len(compared.differences) > _SHOWN_MAX:
        note(f"{len(compared.differences) - _SHOWN_MAX:,} more; --json shows all.")
