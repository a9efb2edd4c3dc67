"""How far a move is: a small file in the directory that is moved.

In the flow: kept by ``moving``; read when the same command is called again.
Guarantee: it never says more than the log has acknowledged; what it says is of one table and one
store, and means nothing for others.
"""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

__all__ = ["MovedNote", "MovedSoFar"]


class MovedNote(msgspec.Struct, frozen=True):
    """The table that is moved, the store it goes to, and up to which position it is there."""

    table: str
    store: str
    position: int = 0
    events: int = 0


class MovedSoFar:
    """Keeps the note. For one thread."""

    def __init__(self, path: Path, table: str) -> None:
        """Read what an earlier call has noted about ``table``, if anything."""
        self._path = path
        self._table = table
        self.found = _read(path)
        """What was noted before this call, also of another table or store."""
        self.note = MovedNote(table, "")

    def begin(self, store: str) -> str:
        """Go on for ``store``, or begin; return why it begins anew, empty when nothing is lost."""
        found = self.found
        if found is not None and (found.table, found.store) == (self._table, store):
            self.note = found
            return ""
        self.note = MovedNote(self._table, store)
        self.write()
        if found is None or not found.position:
            return ""
        return (
            "An earlier move went to another store, or was of another table:"
            " this one begins with the first event."
        )

    def went_on(self, position: int, events: int) -> None:
        """Note that the log has everything up to a position, and so many events more."""
        if position == self.note.position:
            return
        note = self.note
        self.note = MovedNote(note.table, note.store, position, note.events + events)
        self.write()

    def write(self) -> None:
        """Write the note so that it is on disk, whole."""
        partial = self._path.with_suffix(".partial")
        with partial.open("wb") as file:
            file.write(msgspec.json.encode(self.note))
            file.flush()
            os.fsync(file.fileno())
        partial.rename(self._path)
        descriptor = os.open(self._path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _read(path: Path) -> MovedNote | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=MovedNote)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None
