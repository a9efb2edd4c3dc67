"""One file from its first row to the summary.

In the flow: called by ``send`` and ``import`` for each file; puts the parts of this room together.
Guarantee: when it ends, every row is acknowledged or in the file of rejected rows; when it is
interrupted, the next call goes on from the last row up to which nothing is missing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from livetally.cli.load.chain import Chain
from livetally.cli.load.checkpoint import Checkpoint, Place, Totals
from livetally.cli.load.item import Item, Refused
from livetally.cli.load.kinds import Kind
from livetally.cli.load.objects import Objects, array_lines
from livetally.cli.load.opening import STDIN, Opened, opened, plain_suffix
from livetally.cli.load.records import Line, csv_rows, json_lines
from livetally.cli.load.rejects import Rejects
from livetally.cli.load.shape import Shape
from livetally.cli.load.table import Table
from livetally.cli.load.upload import Settled, full_batches, timely_batches, uploaded
from livetally.cli.progress import Bar, transfer
from livetally.client import Client
from livetally.clock import SystemClock
from livetally.errors import LivetallyError

__all__ = ["Job", "Loaded", "format_of", "load"]

_FORMATS: Final = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
}
_STREAM_DELAY_S: Final = 0.5
_ARRAY_BYTES_MAX: Final = 256 * 1024 * 1024


class Job(NamedTuple):
    """What to load: ``format`` is csv, tsv, jsonl or json; ``rejected`` None goes beside it."""

    path: Path
    format: str
    shape: Shape
    declared: Mapping[str, Kind]
    server: str
    rejected: Path | None
    patience_s: float


class Loaded(NamedTuple):
    """What became of a file: ``rejected`` is the file of refused rows, if there are any."""

    totals: Totals
    seconds: float
    resumed_rows: int
    rejected: Path | None


class _Source(NamedTuple):
    items: Iterator[Item | Refused]
    heading: list[str] | None


def format_of(path: Path, given: str | None) -> str:
    """Return the format of a file, from its name unless it is ``given``.

    Raises:
        LivetallyError: the name does not say it.
    """
    if given is not None:
        return given
    suffix = plain_suffix(path)
    if suffix not in _FORMATS:
        raise LivetallyError(
            f"{path}: say what it holds with --format: csv, tsv, jsonl or json"
            f" (the name may end in {', '.join(_FORMATS)}, and then in .gz or .zst)."
        )
    return _FORMATS[suffix]


def load(job: Job, client: Client) -> Loaded:
    """Load one file; blocks until it is done.

    Raises:
        LivetallyError: the file can't be read, or the server can't be reached; says how far it
            came.
    """
    clock = SystemClock()
    named = job.path if job.path != STDIN else Path("stdin")
    kept = None if job.path == STDIN else Path(f"{job.path}.progress")
    checkpoint = Checkpoint(kept, job.server, f"{job.format}\x1f{job.shape.mark}", clock)
    place = checkpoint.read()
    began_s = clock.monotonic_s()
    with opened(job.path) as file:
        source = _source(job, file)
        if place is not None and not _found(source, place):
            return _from_the_start(job, client, checkpoint)
        rejected = job.rejected or Path(f"{named}.rejected")
        with (
            Rejects(rejected, source.heading, resumed=place is not None) as rejects,
            transfer(str(named), file.bytes_total) as bar,
        ):
            run = _Run(place, checkpoint, rejects)
            for settled in _settled(job, source, client):
                run.take(settled)
                _show(bar, file, run, clock.monotonic_s() - began_s)
    checkpoint.remove()
    seconds = clock.monotonic_s() - began_s
    found = rejected if run.totals.rejected else None
    return Loaded(run.totals, seconds, run.resumed_rows, found)


class _Run:
    """How far a load has come."""

    def __init__(self, place: Place | None, checkpoint: Checkpoint, rejects: Rejects) -> None:
        self.totals = place.totals if place else Totals()
        self.resumed_rows = self.totals.rows
        self._checkpoint = checkpoint
        self._rejects = rejects

    def take(self, settled: Settled) -> None:
        """Count a batch, once what was refused of it is written down."""
        self._rejects.add(settled.refused)
        totals, receipt = self.totals, settled.receipt
        totals.rows += settled.rows
        totals.stored += receipt.stored
        totals.duplicates += receipt.duplicates
        totals.rejected += len(settled.refused)
        totals.position = max(totals.position, receipt.position)
        self._checkpoint.note(settled.mark, totals)
