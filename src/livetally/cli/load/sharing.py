"""Several files share one file of rejected rows, where ``--rejected`` names one.

In the flow: asked by the commands for their jobs, before the first of them is loaded.
Guarantee: rows stand under the heading that is theirs, or nothing is sent at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from livetally.cli.load.loading import UnfitFile, sheet_of
from livetally.errors import LivetallyError

if TYPE_CHECKING:
    from livetally.cli.load.loading import Job

__all__ = ["sharing"]


def sharing(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs, told that they write to one file where they do.

    Raises:
        LivetallyError: they can't: one has rows, another lines of JSON, or another heading.
    """
    if len(jobs) == 1 or jobs[0].rejected is None:
        return list(jobs)
    first: tuple[Job, object] | None = None
    for job in jobs:
        try:
            sheet = sheet_of(job)
        except UnfitFile:
            # It is told of when its turn comes; none of its rows is read.
            continue
        if first is not None and first[1] != sheet:
            raise LivetallyError(
                f"--rejected: the rows of {first[0].path} and {job.path} have different headings or"
                " formats and can't share one file: leave it away, and each has its own."
            )
        first = first or (job, sheet)
    return [job._replace(shares=True) for job in jobs]
