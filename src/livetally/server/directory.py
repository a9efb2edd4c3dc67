"""The data directory: made, checked, and held by one server at a time.

In the flow: taken by ``server.build`` before anything in it is opened.
Guarantee: two servers never write to one directory; a directory that can't be written is refused
with the reason, before anything is accepted.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from livetally.errors import DataDirectoryLocked, DataDirectoryUnusable
from livetally.store.folders import sync_folder

__all__ = ["FORM", "DataDirectory", "written_by_newer"]

FORM = 3
"""The form of the files in a data directory; 1 had no file that says so, 2 no journal."""
_WRITTEN = "version"


class DataDirectory:
    """Holds a data directory while it is open (a context manager)."""

    def __init__(self, path: Path, *, restoring: bool = False) -> None:
        """Name the directory; nothing is touched yet. ``restoring`` may take one half filled."""
        self.path = path
        self._restoring = restoring
        self._lock_fd = -1

    @property
    def events(self) -> Path:
        """Where the engine keeps rows and projections."""
        return self.path / "events"

    @property
    def journal(self) -> Path:
        """Where acknowledged events are until the engine has them."""
        return self.path / "journal"

    @property
    def identities(self) -> Path:
        """Where the index of identities is."""
        return self.path / "identities"

    def identities_of(self, store: str, partition: int) -> Path:
        """Where a loader's index of identities is, of a partition of a store beyond this machine.

        The store's name is part of it: an index of another store would call new events known.
        """
        return self.path / f"identities-{store}-{partition}"

    @property
    def sinks(self) -> Path:
        """Where the tables of sinks without a database server are."""
        return self.path / "sinks"

    @property
    def written(self) -> Path:
        """A file that says in which form the directory is, and which program wrote it."""
        return self.path / _WRITTEN

    @property
    def incomplete(self) -> Path:
        """A file that is there while a backup is being put back: what is here is not whole."""
        return self.path / "incomplete"

    @property
    def catalog(self) -> Path:
        """Where the catalog is, unless a URL says otherwise."""
        return self.path / "catalog.db"

    def __enter__(self) -> Self:
        """Make the directory if it is missing, and take it.

        Raises:
            DataDirectoryUnusable: it can't be made or written.
            DataDirectoryLocked: another server holds it.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.events.mkdir(exist_ok=True)
            self._lock_fd = os.open(
                self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
        except OSError as error:
            raise DataDirectoryUnusable(
                f"The data directory {self.path} can't be used: {error.strerror}."
                " Give another with --data, or mend its permissions."
            ) from None
        try:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock_fd)
            raise DataDirectoryLocked(
                f"Another server uses {self.path}. Stop it, or give another directory with --data."
            ) from None
        if self.incomplete.exists() and not self._restoring:
            os.close(self._lock_fd)
            raise DataDirectoryUnusable(
                f"A backup was being put back into {self.path} and is not whole:"
                " run 'livetally restore' again."
            )
        if newer := written_by_newer(self):
            os.close(self._lock_fd)
            raise DataDirectoryUnusable(newer)
        return self

    def note_form(self, program: str) -> None:
        """Say in which form the directory is from now on: after everything was brought to it."""
        text = f"{FORM} {program}\n"
        if self.written.exists() and self.written.read_text(encoding="utf-8") == text:
            return
        partial = self.path / f"{_WRITTEN}.partial"
        with partial.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        partial.rename(self.written)
        sync_folder(self.path)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let the directory go."""
        os.close(self._lock_fd)


def written_by_newer(directory: DataDirectory) -> str | None:
    """Return why this program must not touch the directory; None when it may.

    A program that went on with files whose form it does not know could take acknowledged events
    for nothing.
    """
    try:
        form, _, program = directory.written.read_text(encoding="utf-8").strip().partition(" ")
    except (FileNotFoundError, NotADirectoryError):
        return None
    if form.isdigit() and int(form) <= FORM:
        return None
    return (
        f"{directory.path} was written by a newer Livetally ({program[:40]}): install that version,"
        " or restore a backup from before into another directory."
    )
