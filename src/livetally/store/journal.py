"""The journal: commits on disk before the event store has them.

In the flow: the writer appends a commit and acknowledges it; ``ingest.applying`` has the event
store take it and lets it go; at start ``ingest.recovery`` has the store take what it lacks.
Guarantee: a commit that was appended survives the process and the machine until it is let go. What
a crash has cut off was never acknowledged and is passed over; whatever else is damaged is told, and
never passed over.

One append and one fsync cost a fifth of a millisecond where an insert into the store costs five.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec
import structlog

from livetally.errors import StoreFailed
from livetally.store.events import Encoded
from livetally.store.folders import sync_folder

__all__ = ["Entry", "Journal"]

_log = structlog.get_logger("livetally.store")

# Mark, position, rows, bytes of what the columns are, bytes of their values, checksum of all that.
_HEAD = struct.Struct("<4sQIIQI")
_MARK = b"LTJ1"
_ANY_MARK = b"LTJ"
# More pieces than a system writes at once.
_PIECES_MAX = 512
_FILE_BYTES = 16 * 1024 * 1024


class Entry(NamedTuple):
    """A commit as the store is to take it."""

    position: int
    encoded: Encoded


class _File(NamedTuple):
    """A file that is not written to any more, and the last position in it."""

    path: Path
    last: int


class Journal:
    """The files of one folder. For one writing thread; ``let_go`` may be called from another."""

    def __init__(self, folder: Path, file_bytes: int = _FILE_BYTES) -> None:
        """Open what is there; a file is followed by another one beyond ``file_bytes``.

        Raises:
            StoreFailed: the folder can't be made.
        """
        self.folder = folder
        self._file_bytes = file_bytes
        self._descriptor = -1
        self._path = folder
        self._size = 0
        self._full: deque[_File] = deque()
        try:
            folder.mkdir(exist_ok=True)
            sync_folder(folder.parent)
        except OSError as error:
            raise _unwritten(error) from None

    def entries(self) -> Iterator[Entry]:
        """Return what is there, in order; for when nothing is being appended.

        Raises:
            StoreFailed: it can't be read, or something in it is damaged that a crash does not
                explain; what comes before that was returned.
        """
        files = _files_of(self.folder)
        last = 0
        for path in files:
            try:
                content = path.read_bytes()
            except OSError as error:
                raise StoreFailed(f"The journal can't be read: {error}.") from None
            at = 0
            while (found := _entry_at(content, at)) is not None:
                entry, at = found
                last = entry.position
                yield entry
            if at == len(content):
                continue
            if path != files[-1] or not _is_cut_off(content, at, last):
                raise StoreFailed(
                    f"The journal is damaged: {path} at byte {at}, after commit {last}. Events"
                    " that were acknowledged are in it. Put the file back from a copy; or move it"
                    " elsewhere to go on without them."
                )
            left = len(content) - at
            _log.warning("a commit was cut off and never acknowledged", after=last, bytes=left)

    def append(self, position: int, encoded: Encoded) -> None:
        """Add a commit. Blocks until it is on disk.

        Raises:
            StoreFailed: it is not known whether it is.
        """
        about = [(name, kind, len(values)) for name, kind, values in encoded.columns]
        told = msgspec.json.encode(about)
        values = [values for _, _, values in encoded.columns]
        size = encoded.size_bytes
        head = _HEAD.pack(_MARK, position, encoded.rows, len(told), size, 0)
        total = _sum(head + told, values)
        head = _HEAD.pack(_MARK, position, encoded.rows, len(told), size, total)
        try:
            if self._descriptor < 0:
                self._begin(position)
            self._write([head + told, *values])
            self._size += len(head) + len(told) + size
        except OSError as error:
            raise _unwritten(error) from None
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise StoreFailed(f"Cannot fsync the journal {self._path}: {error.strerror}.") from None
        if self._size >= self._file_bytes:
            self._full.append(_File(self._path, position))
            self._end()

    @property
    def is_empty(self) -> bool:
        """Whether there is no file."""
        return self._descriptor < 0 and not self._full

    def let_go(self, position: int) -> None:
        """Drop files that hold nothing beyond ``position``: the store has that.

        Raises:
            StoreFailed: one can't be deleted.
        """
        try:
            while self._full and self._full[0].last <= position:
                self._full.popleft().path.unlink()
        except OSError as error:
            raise _unwritten(error) from None

    def clear(self) -> None:
        """Drop all that is there: the store has it. Blocks until nothing of it is on disk.

        Raises:
            StoreFailed: something can't be deleted.
        """
        try:
            if self._descriptor >= 0:
                self._end()
            self._full.clear()
            for path in _files_of(self.folder):
                path.unlink()
            sync_folder(self.folder)  # also for what was let go before
        except OSError as error:
            raise _unwritten(error) from None

    def close(self) -> None:
        """Let go of the files; what is in them stays."""
        if self._descriptor >= 0:
            self._end()

    def _begin(self, position: int) -> None:
        self._path = self.folder / f"{position:020d}"
        self._descriptor = os.open(
            self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600
        )
        self._size = 0
        sync_folder(self.folder)

    def _end(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1

    def _write(self, pieces: Sequence[bytes]) -> None:
        # In one call: each gives the interpreter's lock away, and waits until it is back.
        if len(pieces) > _PIECES_MAX:
            pieces = [b"".join(pieces)]
        written = os.writev(self._descriptor, pieces)
        left = memoryview(b"".join(pieces) if written < sum(map(len, pieces)) else b"")[written:]
        while left:
            left = left[os.write(self._descriptor, left) :]


def _files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name.isdigit())


def _entry_at(content: bytes, at: int) -> tuple[Entry, int] | None:
    """Return the entry that begins at a byte, and where it ends; None if there is no whole one.

    Raises:
        StoreFailed: it is of a form that is not known.
    """
    if len(content) - at < _HEAD.size:
        return None
    mark, position, rows, told_bytes, size, total = _HEAD.unpack_from(content, at)
    if mark != _MARK and mark.startswith(_ANY_MARK):
        raise StoreFailed("The journal was written by another version of Livetally: start that.")
    begin = at + _HEAD.size + told_bytes
    if mark != _MARK or begin + size > len(content):
        return None
    told = content[begin - told_bytes : begin]
    head = _HEAD.pack(mark, position, rows, told_bytes, size, 0)
    if _sum(head + told, [memoryview(content)[begin : begin + size]]) != total:
        return None
    columns = []
    for name, kind, length in msgspec.json.decode(told, type=list[tuple[str, str, int]]):
        columns.append((name, kind, content[begin : begin + length]))
        begin += length
    return Entry(position, Encoded(rows, tuple(columns))), begin


def _is_cut_off(content: bytes, at: int, after: int) -> bool:
    """Tell whether what is no whole entry can be the last one, which a crash has cut off.

    Nothing is appended before all before it is on disk. So nothing comes beyond its end, no whole
    entry is behind it, and nothing that claims to be two after the last whole one.
    """
    claimed = 0
    if len(content) - at >= _HEAD.size:
        mark, position, _, told_bytes, size, _ = _HEAD.unpack_from(content, at)
        if mark == _MARK:
            claimed = position
            if at + _HEAD.size + told_bytes + size < len(content):
                return False
    while 0 <= (at := content.find(_MARK, at + 1)) <= len(content) - _HEAD.size:
        if _entry_at(content, at) is not None:
            return False
        # Not if its own head is whole: then all this is inside of it.
        if not claimed and _HEAD.unpack_from(content, at)[1] == after + 2:
            return False
    return True


def _sum(head: bytes, values: Sequence[bytes | memoryview]) -> int:
    total = zlib.crc32(head)
    for one in values:
        total = zlib.crc32(one, total)
    return total


def _unwritten(error: OSError) -> StoreFailed:
    return StoreFailed(f"The journal can't be written: {error}.")
