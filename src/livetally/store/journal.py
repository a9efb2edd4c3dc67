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
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from livetally.errors import StoreFailed
from livetally.store.events import Encoded

__all__ = ["Entry", "Journal"]

# Mark, position, rows, bytes of the columns' names, bytes of the block, checksum of all that.
_HEAD = struct.Struct("<4sQIIQI")
_MARK = b"LTJ1"
_FILE_BYTES = 16 * 1024 * 1024


class Entry(NamedTuple):
    """A commit as the store is to take it."""

    position: int
    rows: int
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
        self._size = self._last = 0
        self._full: deque[_File] = deque()
        try:
            folder.mkdir(exist_ok=True)
            _sync_folder(folder.parent)
        except OSError as error:
            raise _unwritten(error) from None

    def entries(self) -> Iterator[Entry]:
        """Return what is there, in order; for when nothing is being appended.

        Raises:
            StoreFailed: it can't be read, or something in the middle of it is damaged.
        """
        files = _files_of(self.folder)
        for path in files:
            try:
                content = path.read_bytes()
            except OSError as error:
                raise StoreFailed(f"The journal can't be read: {error}.") from None
            at = 0
            while (found := _entry_at(content, at)) is not None:
                entry, at = found
                yield entry
            if at < len(content) and (path != files[-1] or _goes_on(content, at)):
                raise StoreFailed(
                    f"The journal is damaged: {path} at byte {at}. Events that were acknowledged"
                    " are in it. Put the file back from a copy; or move it elsewhere to go on"
                    " without them."
                )

    def append(self, position: int, rows: int, encoded: Encoded) -> None:
        """Add a commit. Blocks until it is on disk.

        Raises:
            StoreFailed: it is not known whether it is.
        """
        try:
            if self._descriptor < 0:
                self._begin(position)
            names = ",".join(encoded.names).encode()
            head = _HEAD.pack(_MARK, position, rows, len(names), len(encoded.block), 0)
            total = _sum(head, names, encoded.block)
            head = _HEAD.pack(_MARK, position, rows, len(names), len(encoded.block), total)
            self._write(head + names, encoded.block)
        except OSError as error:
            raise _unwritten(error) from None
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise StoreFailed(f"Cannot fsync the journal {self._path}: {error.strerror}.") from None
        self._last = position
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
            _sync_folder(self.folder)  # also for what was let go before
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
        _sync_folder(self.folder)

    def _end(self) -> None:
        os.close(self._descriptor)
        self._descriptor = -1

    def _write(self, head: bytes, block: bytes) -> None:
        # In one call: each gives the interpreter's lock away, and waits until it is back.
        written = os.writev(self._descriptor, (head, block))
        if written < len(head) + len(block):
            left = memoryview(head + block)[written:]
            while left:
                left = left[os.write(self._descriptor, left) :]
        self._size += len(head) + len(block)


def _files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.name.isdigit())


def _entry_at(content: bytes, at: int) -> tuple[Entry, int] | None:
    """Return the entry that begins at a byte, and where it ends; None if there is no whole one."""
    if len(content) - at < _HEAD.size:
        return None
    mark, position, rows, names_bytes, block_bytes, total = _HEAD.unpack_from(content, at)
    begin = at + _HEAD.size
    end = begin + names_bytes + block_bytes
    if mark != _MARK or end > len(content):
        return None
    names, block = content[begin : begin + names_bytes], content[begin + names_bytes : end]
    head = _HEAD.pack(mark, position, rows, names_bytes, block_bytes, 0)
    if _sum(head, names, block) != total:
        return None
    return Entry(position, rows, Encoded(tuple(names.decode().split(",")), block)), end


def _goes_on(content: bytes, at: int) -> bool:
    """Tell whether there is a whole entry after one that is not.

    What a crash cuts off is the last: nothing is appended before all before it is on disk.
    """
    while (at := content.find(_MARK, at + 1)) >= 0:
        if _entry_at(content, at) is not None:
            return True
    return False


def _sum(head: bytes, names: bytes, block: bytes) -> int:
    return zlib.crc32(block, zlib.crc32(head + names))


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritten(error: OSError) -> StoreFailed:
    return StoreFailed(f"The journal can't be written: {error}.")
