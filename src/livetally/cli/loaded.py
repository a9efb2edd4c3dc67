"""The summary of a load, and what ``send`` and ``import`` do around it.

In the flow: called by both commands for their files; prints what ``load`` hands back.
Guarantee: exit code 0 only when every row was taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from livetally.cli.codes import DONE, FAILED

if TYPE_CHECKING:
    from livetally.cli.load.assign import Sender
    from livetally.cli.load.loading import Job, Loaded
    from livetally.client import Client

__all__ = ["load_all", "position_of"]


def load_all(jobs: Sequence[Job], client: Sender, *, json: bool) -> int:
    """Load one file after the other and print what became of each.

    Of several files one whose heading does not fit is told of and passed over.

    Raises:
        LivetallyError: a file can't be read, or the server can't be reached.
    """
    from livetally.cli.load.loading import UnfitFile, load
    from livetally.cli.load.sharing import sharing
    from livetally.cli.output import note

    code = DONE
    written: set[Path] = set()
    for job in sharing(jobs):
        try:
            done = load(job._replace(goes_on=job.rejected in written), client)
        except UnfitFile as error:
            if len(jobs) == 1:
                raise
            note(f"livetally: {error.message}")
            code = FAILED
            continue
        _print(job, done, json=json)
        if done.rejected is not None:
            written.add(done.rejected)
        if done.totals.rejected:
            code = FAILED
    return code


def position_of(client: Client) -> int | None:
    """Ask the server for its position; None when it does not say."""
    import msgspec

    from livetally.client import Call
    from livetally.errors import LivetallyError

    try:
        reply = client.request(Call("GET", "/readyz"), again_s=0)
        position = reply.read(msgspec.json.decode)["position"]
    except (LivetallyError, KeyError, TypeError):
        return None
    return position if isinstance(position, int) else None


def _print(job: Job, done: Loaded, *, json: bool) -> None:
    from livetally.cli.load.opening import STDIN, printable
    from livetally.cli.output import note, print_json

    totals = done.totals
    if json:
        print_json(
            {
                "file": printable(job.path),
                "rows": totals.rows,
                "stored": totals.stored,
                "duplicates": totals.duplicates,
                "rejected": totals.rejected,
                "position": totals.position,
                "resumed_rows": done.resumed_rows,
                "seconds": round(done.seconds, 3),
                "rejected_file": None if done.rejected is None else printable(done.rejected),
            }
        )
    else:
        fresh = totals.rows - done.resumed_rows
        rate = f", {fresh / done.seconds:,.0f} rows/s" if done.seconds and fresh else ""
        resumed = f", the first {done.resumed_rows:,} before" if done.resumed_rows else ""
        name = "standard input" if job.path == STDIN else printable(job.path)
        print(
            f"{name}: {totals.rows:,} rows{resumed}: {totals.stored:,} stored,"
            f" {totals.duplicates:,} stored before, {totals.rejected:,} rejected"
            f" ({done.seconds:.1f} s{rate}; position {totals.position:,})"
        )
    if done.rejected is not None:
        note(
            f"The rejected rows are in {printable(done.rejected)}, each with its line and the"
            " reason: mend them and load that file."
        )
