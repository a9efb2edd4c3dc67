"""One file from its first row to the summary.

In the flow: called by ``send`` and ``import`` for each file; puts the parts of this room together.
Guarantee: when it ends, every row is acknowledged or in the file of rejected rows; when it is
interrupted, the next call goes on from the last row up to which nothing is missing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from livetally.cli.load.assign import Sender
from livetally.cli.load.chain import Chain
from livetally.cli.load.checkpoint import Checkpoint, Place, Totals
from livetally.cli.load.item import Item, Refused
from livetally.cli.load.kinds import Kind
from livetally.cli.load.mapped import MappedLines, MappedRows
from livetally.cli.load.objects import Objects, array_lines
from livetally.cli.load.opening import (
    PACKED,
    STDIN,
    UNREADABLE,
    Opened,
    opened,
    plain_suffix,
    printable,
    refusal,
)
from livetally.cli.load.parquet import parquet_lines
from livetally.cli.load.records import Line, Row, csv_rows, json_lines
from livetally.cli.load.rejects import Rejects, Sheet
from livetally.cli.load.shape import Shape
from livetally.cli.load.table import Table
from livetally.cli.load.upload import (
    Batch,
    Settled,
    full_batches,
    timely_batches,
    uploaded,
)
from livetally.cli.output import note
from livetally.cli.progress import transfer
from livetally.clock import SystemClock
from livetally.errors import LivetallyError

__all__ = ["FORMATS", "Job", "Loaded", "UnfitFile", "format_of", "items_of", "load", "sheet_of"]

FORMATS: Final = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
}
_ROWS: Final = ("csv", "tsv")
_BLOCK_ROWS: Final = 1_000
_JSONL: Final = ".jsonl"
_STREAM_DELAY_S: Final = 0.5
_ARRAY_BYTES_MAX: Final = 256 * 1024 * 1024
_Record = TypeVar("_Record", Row, Line)


class UnfitFile(LivetallyError):
    """A file whose heading does not fit the options; no row of it was sent."""


class Job(NamedTuple):
    """What to load.

    Attributes:
        path: of the file.
        format: as ``format_of`` says.
        shape: which column is what.
        declared: the kinds of fields that the server knows.
        server: where the events go, and whose they are.
        rejected: the file for rows that are not taken; None for one beside the file.
        patience_s: for how long to try again.
        name: tells the file from others with equal rows; None for its own name.
        position: that of the server when the command began; None when it is not known.
        shares: whether other files write to ``rejected`` as well. Then the load keeps no place: the
            rows that were refused before it would be in another file than those after it.
        goes_on: whether one of them has.
    """

    path: Path
    format: str
    shape: Shape
    declared: Mapping[str, Kind]
    server: str
    rejected: Path | None
    patience_s: float
    name: str | None = None
    position: int | None = None
    shares: bool = False
    goes_on: bool = False


class Loaded(NamedTuple):
    """What became of a file: ``rejected`` is the file of refused rows, if there are any."""

    totals: Totals
    seconds: float
    resumed_rows: int
    rejected: Path | None


class _Source(NamedTuple):
    items: Iterator[Item | Refused]
    sheet: Sheet | None


class _Cut:
    """The end of a file that can't be read further: it is told when all before it is handed on."""

    def __init__(self, path: Path, *, has_encoding: bool) -> None:
        self._path = path
        self._has_encoding = has_encoding
        self.error: LivetallyError | None = None

    def before(self, records: Iterator[_Record]) -> Iterator[_Record]:
        """Yield the records until one can't be read."""
        try:
            yield from records
        except UNREADABLE as error:
            self.error = refusal(self._path, error, has_encoding=self._has_encoding)
        except LivetallyError as error:
            self.error = error

    def after(self) -> Iterator[Item]:
        """Raise what ended the records, if anything did."""
        if self.error is not None:
            raise self.error
        yield from ()


def format_of(path: Path, given: str | None) -> str:
    """Return the format of a file, from its name unless it is ``given``.

    Raises:
        LivetallyError: the name does not say it.
    """
    if given is not None:
        return given
    suffix = plain_suffix(path)
    if suffix not in FORMATS:
        raise LivetallyError(
            f"{path}: say what it holds with --format: csv, tsv, jsonl, json or parquet"
            f" (the name may end in {', '.join(FORMATS)}, and then in .gz or .zst)."
        )
    return FORMATS[suffix]


def load(job: Job, client: Sender) -> Loaded:
    """Load one file; blocks until it is done.

    Raises:
        LivetallyError: the file can't be read, or the server can't be reached; says how far it
            came.
    """
    clock = SystemClock()
    named = job.path if job.path != STDIN else Path("stdin")
    rejected = job.rejected or Path(f"{named}.rejected{_JSONL if _is_json_only(job) else ''}")
    kept = None if job.path == STDIN or job.shares else Path(f"{job.path}.progress")
    checkpoint = Checkpoint(kept, job.server, _reading(job, rejected), clock)
    place = checkpoint.read()
    if place is not None and job.position is not None and job.position < place.totals.position:
        # The store has not come as far: it is another one than the one that has those rows.
        place = None
    began_s = clock.monotonic_s()
    with opened(job.path) as file:
        source = _source(job, file)
        if place is not None and not _found(source, place):
            # Another file by now: its rows that are stored already count once anyway.
            checkpoint.remove()
            return load(job, client)
        _tell_unnamed(job, source.sheet)
        kept_bytes = place.rejected_bytes if place is not None else 0
        with (
            Rejects(rejected, source.sheet, kept_bytes=kept_bytes, goes_on=job.goes_on) as rejects,
            transfer(str(named), file.bytes_total) as bar,
        ):
            run = _Run(job.path, place, checkpoint, rejects)
            try:
                for settled in uploaded(_batches(job, source), client, job.patience_s):
                    run.take(settled)
                    fresh = run.totals.rows - run.resumed_rows
                    bar.show(file.bytes_read(), fresh, clock.monotonic_s() - began_s)
            except (LivetallyError, KeyboardInterrupt) as error:
                raise run.stopped(error) from error
    checkpoint.remove()
    seconds = clock.monotonic_s() - began_s
    found = rejected if run.totals.rejected else None
    return Loaded(run.totals, seconds, run.resumed_rows, found)


def _tell_unnamed(job: Job, sheet: Sheet | None) -> None:
    for number, name in enumerate(sheet.heading if sheet is not None else (), start=1):
        if not name:
            note(f"{job.path}: column {number} has no name in the heading and is left out.")


def _reading(job: Job, rejected: Path) -> str:
    """Return a text that is another one when other events could come of the rows."""
    declared = sorted(job.declared.items())
    options = (job.format, job.shape.fingerprint, _seed(job), repr(declared), str(rejected))
    return printable("\x1f".join(options))


class _Run:
    """How far a load has come."""

    def __init__(
        self, path: Path, place: Place | None, checkpoint: Checkpoint, rejects: Rejects
    ) -> None:
        self._path = path
        self._mark = place.mark if place else ""
        self.totals = place.totals if place else Totals()
        self.resumed_rows = self.totals.rows
        self._checkpoint = checkpoint
        self._rejects = rejects

    def take(self, settled: Settled) -> None:
        """Count a batch, once what was refused of it is written down."""
        is_first = not self._rejects.size_bytes
        self._rejects.add(settled.refused)
        totals, receipt = self.totals, settled.receipt
        totals.rows += settled.rows
        totals.stored += receipt.stored
        totals.duplicates += receipt.duplicates
        totals.rejected += len(settled.refused)
        totals.position = max(totals.position, receipt.position)
        self._mark = settled.mark
        # At once when a file was begun, so that no later call takes it for somebody else's.
        begun = is_first and bool(settled.refused)
        self._checkpoint.note(self._mark, totals, self._rejects.size_bytes, now=begun)

    def stopped(self, error: BaseException) -> LivetallyError:
        """Write the place down; return the error that says how far it came."""
        reason = error.message if isinstance(error, LivetallyError) else "stopped."
        rows = self.totals.rows
        if not rows:
            return LivetallyError(reason)
        self._checkpoint.note(self._mark, self.totals, self._rejects.size_bytes, now=True)
        again = (
            "send the rest again; what is stored counts once."
            if self._path == STDIN
            else "run the same command again to go on from there."
        )
        return LivetallyError(f"{reason} {rows:,} rows of {self._path} are done: {again}")


def items_of(job: Job, file: Opened) -> Iterator[Item | Refused]:
    """Yield the items of an open file from its first row, without sending them.

    Raises:
        LivetallyError: as ``load``.
    """
    return _source(job, file).items


def sheet_of(job: Job) -> Sheet | None:
    """Read the heading of a file; None where rejected rows are lines of JSON.

    Raises:
        LivetallyError: as ``load``.
    """
    if job.format not in _ROWS:
        return None
    if job.path == STDIN:
        raise LivetallyError("--rejected: standard input can't share a file of rejected rows.")
    with opened(job.path) as file:
        return _source(job, file).sheet


def _source(job: Job, file: Opened) -> _Source:
    """Return the items of a file, by its format.

    Raises:
        UnfitFile: its heading can't be read, or is not that which the options name.
    """
    cut = _Cut(job.path, has_encoding=job.format in _ROWS)
    try:
        items, sheet = _read(job, file, cut)
    except LivetallyError as error:
        if cut.error is not None:
            raise cut.error from None
        raise UnfitFile(f"{job.path}: {error.message}") from None
    return _Source(chain(items, cut.after()), sheet)


def _read(job: Job, file: Opened, cut: _Cut) -> _Source:
    ids = Chain(_seed(job))
    shape = job.shape
    block = 1 if job.path == STDIN else _BLOCK_ROWS
    if job.format in _ROWS:
        delimiter = "\t" if job.format == "tsv" else shape.delimiter
        rows = cut.before(csv_rows(file.stream, shape.encoding, delimiter, block))
        made = (
            MappedRows(rows, shape, ids)
            if shape.mapping is not None
            else Table(rows, shape, job.declared, ids, block)
        )
        return _Source(made.items(), Sheet(made.heading, delimiter, shape.encoding))
    lines = cut.before(_lines(job, file))
    if shape.mapping is not None:
        return _Source(MappedLines(lines, shape, ids).items(), None)
    return _Source(Objects(lines, shape, ids, block).items(), None)


def _lines(job: Job, file: Opened) -> Iterator[Line]:
    """Return the lines of JSON that a file is, or stands for."""
    if job.format == "jsonl":
        return json_lines(file.stream)
    if job.format != "parquet":
        return _array(job.path, file)
    if not file.stream.seekable() or file.bytes_total is None:
        raise LivetallyError(
            f"{job.path}: Parquet is read from its end: give a file, not a stream."
        )
    return parquet_lines(file.stream)


def _is_json_only(job: Job) -> bool:
    """Whether rows that are refused are lines of JSON, though the file has none."""
    return job.format in ("parquet", "json")


def _seed(job: Job) -> str:
    """Return what makes the rows of this file other rows than equal ones of another file."""
    name = job.name or job.path.name
    for packed in PACKED:
        name = name.removesuffix(packed)
    return f"{job.shape.mark}\x1f{name}"


def _array(path: Path, file: Opened) -> Iterator[Line]:
    body = file.stream.read(_ARRAY_BYTES_MAX + 1)
    if len(body) > _ARRAY_BYTES_MAX:
        raise LivetallyError(
            f"{path} is an array longer than {_ARRAY_BYTES_MAX} bytes; write one event in each"
            " line instead (.jsonl), which has no bound."
        )
    try:
        yield from array_lines(body)
    except ValueError as error:
        raise LivetallyError(f"{path} {error}.") from None


def _batches(job: Job, source: _Source) -> Iterator[Batch]:
    if job.path == STDIN:
        return timely_batches(source.items, _STREAM_DELAY_S)
    return full_batches(source.items)


def _found(source: _Source, place: Place) -> bool:
    """Skip the rows that are done; tell whether they are the same rows as then."""
    newest = deque(islice(source.items, place.totals.rows), maxlen=1)
    return bool(newest) and newest[0].mark == place.mark
