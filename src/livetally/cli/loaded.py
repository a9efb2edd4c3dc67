"""The summary of a load, and what ``send`` and ``import`` do around it.

In the flow: called by both commands for their files; prints what ``load`` hands back.
Guarantee: exit code 0 only when every row was taken.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from livetally.cli.codes import DONE, FAILED

if TYPE_CHECKING:
    from livetally.cli.load.assign import Sender
    from livetally.cli.load.loading import Job, Loaded

__all__ = ["load_all"]


def load_all(jobs: Iterable[Job], client: Sender, *, json: bool) -> int:
    """Load one file after the other and print what became of each.

    Raises:
        LivetallyError: a file can't be read, or the server can't be reached.
    """
    from livetally.cli.load.loading import load

    code = DONE
    for job in jobs:
        done = load(job, client)
        _print(job, done, json=json)
        if done.totals.rejected:
            code = FAILED
    return code


def _print(job: Job, done: Loaded, *, json: bool) -> None:
    from livetally.cli.load.opening import STDIN
    from livetally.cli.output import note, print_json

    totals = done.totals
    if json:
        print_json(
            {
                "file": str(job.path),
                "rows": totals.rows,
                "stored": totals.stored,
                "duplicates": totals.duplicates,
                "rejected": totals.rejected,
                "position": totals.position,
                "resumed_rows": done.resumed_rows,
                "seconds": round(done.seconds, 3),
                "rejected_file": None if done.rejected is None else str(done.rejected),
            }
        )
    else:
        fresh = totals.rows - done.resumed_rows
        rate = f", {fresh / done.seconds:,.0f} rows/s" if done.seconds and fresh else ""
        resumed = f", the first {done.resumed_rows:,} before" if done.resumed_rows else ""
        name = "standard input" if job.path == STDIN else job.path
        print(
            f"{name}: {totals.rows:,} rows{resumed}: {totals.stored:,} stored,"
            f" {totals.duplicates:,} stored before, {totals.rejected:,} rejected"
            f" ({done.seconds:.1f} s{rate}; position {totals.position:,})"
        )
    if done.rejected is not None:
        note(
            f"The rejected rows are in {done.rejected}, each with its line and the reason:"
            " mend them and load that file."
        )
