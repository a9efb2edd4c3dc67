"""The files of the index: runs, logs of what is in no run yet, and the list of both.

In the flow: written and read by ``index``.
Guarantee: a run is on the disk, whole, before the list names it; of a log everything up to the
first part that is damaged is read, and what comes after it is not.

A run has a head and then one column after the other, each with room for as many entries as the head
says, so that one column can be searched without the others. All numbers are little-endian.
"""

from __future__ import annotations

import mmap
import os
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import msgspec
import numpy as np

from livetally.store.folders import sync_folder
from livetally.store.identities.hashing import Hashed, Words
from livetally.store.identities.runs import Columns, find, joined

__all__ = [
    "Damaged",
    "Listed",
    "Log",
    "Logged",
    "Run",
    "delete_others",
    "join_runs",
    "logs_of",
    "newest_number",
    "number_of",
    "read_list",
    "read_log",
    "unlink_unlisted",
    "write_list",
    "write_safely",
]

_LIST = "list.json"
_HEAD = struct.Struct("<8sQQ")  # mark, room, count
_RUN_MARK = b"LTIDRUN1"
_FRAME = struct.Struct("<4sIQI")  # mark, count, complete to, sum
_FRAME_MARK = b"LTID"
_TYPES = ("<u8", "<u8", "<u8", "<u4")
_SIZES = tuple(np.dtype(kind).itemsize for kind in _TYPES)
_ENTRY_BYTES = sum(_SIZES)
# So many entries are joined at a time: some tens of megabytes.
_JOINED_AT_ONCE = 1 << 18
_HASH_BITS = 64


class Damaged(Exception):
    """A file is not what was written. The index follows from the events, so it can be made anew."""


class Listed(msgspec.Struct):
    """What belongs to the index: names of runs, older ones first, and the first log that counts.

    ``log_sum`` is what that log goes on from, ``complete_to`` what the runs are complete to.
    """

    version: int
    seed_sum: int
    runs: list[str]
    log: int
    log_sum: int
    complete_to: int


class Run:
    """A run, mapped into memory."""

    def __init__(self, path: Path) -> None:
        """Map the file.

        Raises:
            Damaged: it is not whole.
            OSError: it can't be read.
        """
        self.path = path
        with path.open("r+b") as file:
            head = file.read(_HEAD.size)
            if len(head) < _HEAD.size:
                raise Damaged(path.name)
            mark, self._room, self.count = _HEAD.unpack(head)
            size = _HEAD.size + self._room * _ENTRY_BYTES
            if mark != _RUN_MARK or self.count > self._room or path.stat().st_size != size:
                raise Damaged(path.name)
            self._map = mmap.mmap(file.fileno(), size)
        # A look-up reads one entry here and there.
        self._map.madvise(mmap.MADV_RANDOM)
        columns: list[Any] = [
            np.ndarray((self.count,), kind, self._map, at)
            for kind, at in zip(_TYPES, _starts(self._room), strict=True)
        ]
        self.columns = Columns(*columns)

    def read(self, first: int, end: int) -> Columns:
        """Return some of the entries, read from the file, so that they do not stay in memory."""
        columns: list[Any] = []
        with self.path.open("rb") as file:
            for kind, size, at in zip(_TYPES, _SIZES, _starts(self._room), strict=True):
                file.seek(at + first * size)
                columns.append(np.fromfile(file, kind, end - first))
        return Columns(*columns)

    def highs(self) -> Iterator[Words]:
        """Return the upper halves of the hashes, many at a time.

        Raises:
            Damaged: they are not in order.
        """
        last = 0
        with self.path.open("rb") as file:
            file.seek(_HEAD.size)
            for first in range(0, self.count, _JOINED_AT_ONCE):
                high = np.fromfile(file, "<u8", min(_JOINED_AT_ONCE, self.count - first))
                if high[0] < last or (high[1:] < high[:-1]).any():
                    raise Damaged(self.path.name)
                last = int(high[-1])
                yield high

    def forget(self, asked: Hashed) -> None:
        """Know those asked for no more.

        Raises:
            OSError: it can't be written.
        """
        for _, rows in find(self.columns, asked):
            self.columns.positions[rows] = 0
        self._map.flush()


class Logged(NamedTuple):
    """What was appended to a log in one step, and up to where the index is complete then.

    ``sum`` is one of everything that was ever appended: it goes on from log to log.
    """

    columns: Columns
    complete_to: int
    sum: int


class Log:
    """A log that is written to. What is appended outlives the process, but not the machine."""

    def __init__(self, folder: Path, number: int) -> None:
        """Begin the log with this number.

        Raises:
            OSError: it can't be written.
        """
        self.path = folder / f"log-{number}"
        self._file = self.path.open("ab")

    def append(self, columns: Columns, complete_to: int, after: int, *, synced: bool) -> int:
        """Add identities to what has the sum ``after``; return the sum of all.

        Args:
            columns: the identities.
            complete_to: up to where the index is complete with them.
            after: the sum of what was appended before, also to other logs.
            synced: whether it is to outlive the machine.

        Raises:
            OSError: it can't be written.
        """
        body = b"".join(_bodies(columns))
        total = _sum(body, complete_to, after)
        head = _FRAME.pack(_FRAME_MARK, len(columns.high), complete_to, total)
        self._file.write(head + body)
        self._file.flush()
        if synced:
            os.fsync(self._file.fileno())
            sync_folder(self.path.parent)
        return total

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


def read_log(path: Path, after: int) -> Iterator[Logged]:
    """Return what was appended to what has the sum ``after``.

    It ends where something is damaged or cut off, and at once if what was before is not that.
    """
    with path.open("rb") as file:
        while len(head := file.read(_FRAME.size)) == _FRAME.size:
            mark, count, complete_to, total = _FRAME.unpack(head)
            size = count * _ENTRY_BYTES
            if mark != _FRAME_MARK or size > path.stat().st_size:
                return
            body = file.read(size)
            if len(body) < size or _sum(body, complete_to, after) != total:
                return
            after = total
            starts = [start - _HEAD.size for start in _starts(count)]
            columns: list[Any] = [
                np.frombuffer(body, kind, count, at)
                for kind, at in zip(_TYPES, starts, strict=True)
            ]
            yield Logged(Columns(*columns), complete_to, total)


def logs_of(folder: Path, first: int = 0) -> list[Path]:
    """Return the logs that are there, in order, from number ``first`` on."""
    logs = [path for path in folder.iterdir() if _is_ours(path, "log")]
    return sorted((path for path in logs if number_of(path) >= first), key=number_of)


def number_of(path: Path) -> int:
    """Return the number of a run or a log."""
    return int(path.name.partition("-")[2])


def newest_number(folder: Path) -> int:
    """Return the highest number of runs and logs, 0 without any."""
    return max(map(number_of, filter(_is_ours, folder.iterdir())), default=0)


def delete_others(folder: Path, listed: Listed, *kept: str) -> None:
    """Delete what is neither listed nor named in ``kept``; for when nobody is writing a run."""
    names = {_LIST, *kept, *listed.runs, *(path.name for path in logs_of(folder, listed.log))}
    for path in folder.iterdir():
        if path.name not in names and path.is_file():
            path.unlink()


def unlink_unlisted(folder: Path, run: Run) -> None:
    """Delete a run that could not be listed, unless the list has it all the same."""
    listed = read_list(folder)
    if listed is None or run.path.name not in listed.runs:
        run.path.unlink(missing_ok=True)


def join_runs(
    sources: Sequence[Run | Columns], path: Path, goes_on: Callable[[], bool] = lambda: True
) -> Run | None:
    """Write a run of all that the sources know; older ones come first. Blocks, also for the disk.

    Returns None, and leaves no file, when ``goes_on`` says no before it is done.

    Raises:
        OSError: it can't be written.
    """
    columns = [one.columns if isinstance(one, Run) else one for one in sources]
    counts = [len(one.high) for one in columns]
    room, count = sum(counts), 0
    steps = max(1, room // _JOINED_AT_ONCE)
    bounds = np.array([(number << _HASH_BITS) // steps for number in range(1, steps)], np.uint64)
    cuts = [
        [0, *np.searchsorted(one.high, bounds).tolist(), end]
        for one, end in zip(columns, counts, strict=True)
    ]
    try:
        with path.open("wb") as file:
            file.truncate(_HEAD.size + room * _ENTRY_BYTES)
            for step in range(steps):
                if not goes_on():
                    path.unlink()
                    return None
                parts = [
                    _read(one, cut[step], cut[step + 1])
                    for one, cut in zip(sources, cuts, strict=True)
                ]
                kept = _known(joined(parts))
                for body, start, size in zip(_bodies(kept), _starts(room), _SIZES, strict=True):
                    file.seek(start + count * size)
                    file.write(body)
                count += len(kept.high)
            file.seek(0)
            file.write(_HEAD.pack(_RUN_MARK, room, count))
            file.flush()
            os.fsync(file.fileno())
        return Run(path)
    except BaseException:
        path.unlink(missing_ok=True)  # on a full disk it would keep others from being written
        raise


def read_list(folder: Path) -> Listed | None:
    """Return what belongs to the index, None of a folder where nothing is.

    Raises:
        Damaged: the list can't be understood.
    """
    try:
        return msgspec.json.decode((folder / _LIST).read_bytes(), type=Listed)
    except FileNotFoundError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Damaged(_LIST) from None


def write_list(folder: Path, listed: Listed) -> None:
    """Have exactly this belong to the index from now on, also after a power cut.

    Raises:
        OSError: it can't be written.
    """
    write_safely(folder / _LIST, msgspec.json.encode(listed))


def write_safely(path: Path, content: bytes) -> None:
    """Write a file that is either whole or as it was.

    Raises:
        OSError: it can't be written.
    """
    new = path.with_suffix(".new")
    with new.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_folder(path.parent)


def _is_ours(path: Path, kind: str = "run|log") -> bool:
    return re.fullmatch(rf"(?:{kind})-\d+", path.name) is not None


def _starts(room: int) -> list[int]:
    """Return where the columns begin in a run with room for so many entries."""
    return [_HEAD.size + room * sum(_SIZES[:number]) for number in range(len(_SIZES))]


def _bodies(columns: Columns) -> list[bytes]:
    high, low, positions, sums = columns
    return [high.tobytes(), low.tobytes(), positions.tobytes(), sums.tobytes()]


def _sum(body: bytes, complete_to: int, after: int) -> int:
    return crc32(body, crc32(b"%d" % complete_to, after))


def _read(source: Run | Columns, first: int, end: int) -> Columns:
    if isinstance(source, Run):
        return source.read(first, end)
    return source.only(slice(first, end))


def _known(columns: Columns) -> Columns:
    """Leave out what is known no more, and what is said twice."""
    high, low, positions, _ = columns
    kept = positions > 0
    kept[1:] &= (high[1:] != high[:-1]) | (low[1:] != low[:-1]) | ~kept[:-1]
    if kept.all():
        return columns
    return columns.only(kept)
