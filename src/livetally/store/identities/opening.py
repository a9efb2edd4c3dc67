"""What is read of the files when the index is opened, and what is written when it begins.

In the flow: called by ``index``.
Guarantee: files that are damaged, of another form, or of an earlier build's index are not used.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import structlog

from livetally.store.identities.files import (
    Damaged,
    Listed,
    Run,
    delete_others,
    logs_of,
    read_list,
    read_log,
    write_list,
    write_safely,
)
from livetally.store.identities.filters import Filter
from livetally.store.identities.hashing import SEED_BYTES
from livetally.store.identities.runs import NOTHING, Columns, joined
from livetally.store.identities.tidying import filter_of

__all__ = ["VERSION", "Opened", "begin_files", "open_files"]

_log = structlog.get_logger("livetally.store")

VERSION = 1
_SEED = "seed"
# A file of the index of earlier builds, of which nothing can be used.
_FOREIGN = "CURRENT"
_FILTERED_MIN = 1 << 18


class Opened(NamedTuple):
    """What the files say; ``recent`` is in logs only, and not in the filter."""

    seed: bytes
    listed: Listed
    runs: tuple[Run, ...]
    filter: Filter
    recent: Columns
    complete_to: int
    log_sum: int


def open_files(folder: Path) -> Opened | None:
    """Read the files, and delete what does not belong to them; None to begin anew.

    Raises:
        OSError: they can't be read.
    """
    if (folder / _FOREIGN).exists():
        return None
    try:
        listed = read_list(folder)
        if listed is None:
            return None
        seed = _seed(folder, listed)
        runs = tuple(Run(folder / name) for name in listed.runs)
        made = filter_of(runs, _FILTERED_MIN)
    except (Damaged, FileNotFoundError) as error:
        _log.warning("the index of event ids is damaged and made anew", error=repr(error))
        return None
    complete_to, log_sum, parts = listed.complete_to, listed.log_sum, [NOTHING]
    for path in logs_of(folder, listed.log):
        # What does not follow on what was read is left out: it is read from the events again.
        for logged in read_log(path, log_sum):
            parts.append(logged.columns)
            complete_to, log_sum = logged.complete_to, logged.sum
    delete_others(folder, listed, _SEED)
    return Opened(seed, listed, runs, made, joined(parts), complete_to, log_sum)


def begin_files(folder: Path, seed: bytes, log: int) -> Listed:
    """Have nothing belong to the index but what comes, in the log with this number.

    Raises:
        OSError: the files can't be written.
    """
    listed = Listed(VERSION, crc32(seed), [], log, 0, 0)
    # In this order: runs must never be listed beside a seed that is not theirs.
    write_list(folder, listed)
    write_safely(folder / _SEED, seed)
    delete_others(folder, listed, _SEED)
    return listed


def _seed(folder: Path, listed: Listed) -> bytes:
    """Return the seed of the listed runs.

    Raises:
        Damaged: it is another, or the list has another form.
        FileNotFoundError: it is gone.
    """
    seed = (folder / _SEED).read_bytes()
    if listed.version != VERSION or crc32(seed) != listed.seed_sum or len(seed) != SEED_BYTES:
        raise Damaged(f"{_SEED}, version {listed.version}")
    return seed
