"""Putting a backup back: takes the data directory as a server would, and fills it.

In the flow: called by ``cli restore``; hands everything to ``backup``.
Guarantee: a directory that was filled only in part is marked so until it is whole: no server starts
on it, and the same command, run again, begins anew. A directory with data of its own is refused.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from livetally.backup import Restored, Target, Wanted, open_place, restore
from livetally.clock import SystemClock
from livetally.errors import DataDirectoryUnusable
from livetally.server.directory import DataDirectory
from livetally.settings import Settings
from livetally.store.catalog import fill_catalog
from livetally.store.folders import sync_folder

__all__ = ["restore_into"]

_OWN = ("events", "identities", "journal", "sinks", "catalog.db", "catalog.db-journal", "version")


def restore_into(
    settings: Settings, place: str, wanted: Wanted, tell: Callable[[int, int], None]
) -> Restored:
    """Put a backup back into the data directory and the catalog of ``settings``. Blocks.

    Args:
        settings: say where the data and the catalog are.
        place: where the backups are: an absolute path.
        wanted: which one, and up to which position.
        tell: called with the bytes that are back, and of how many.

    Raises:
        LivetallyError: there is no such backup, it is damaged, or there is data already.
    """
    backups = open_place(place)
    with DataDirectory(Path(settings.data), restoring=True) as directory:
        _require_empty(directory)
        _mark(directory)
        _clear(directory)
        clock = SystemClock()
        catalog = settings.catalog or directory.catalog
        fill = partial(fill_catalog, catalog, now_us=clock.now_us())
        target = Target(directory.events, fill)
        restored = restore(backups, wanted, target, tell)
        directory.note_form(restored.manifest.version)
        directory.incomplete.unlink()
        sync_folder(directory.path)
        return restored


def _require_empty(directory: DataDirectory) -> None:
    if directory.incomplete.exists():
        return
    journal = directory.journal
    if (
        any(directory.events.iterdir())
        or directory.catalog.exists()
        or (journal.exists() and any(journal.iterdir()))
    ):
        raise DataDirectoryUnusable(
            f"There is data in {directory.path} already: give an empty directory with --data."
        )


def _mark(directory: DataDirectory) -> None:
    descriptor = os.open(directory.incomplete, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(directory.path)


def _clear(directory: DataDirectory) -> None:
    """Take away what a restore that was cut off has written."""
    for name in _OWN:
        path = directory.path / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    directory.events.mkdir()
