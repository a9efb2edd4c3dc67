"""Files are written with their checksum in sight.

In the flow: used by the places of backups.
Guarantee: a file that was written is on disk, and its bytes are those of its checksum.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from livetally.errors import StoreFailed

__all__ = ["BLOCK_BYTES", "blocks_of", "damaged", "write_checked"]

BLOCK_BYTES = 1024 * 1024


def blocks_of(source: BinaryIO) -> Iterator[bytes]:
    """Yield what is left of a file, a MiB at a time."""
    while block := source.read(BLOCK_BYTES):
        yield block


def write_checked(blocks: Iterable[bytes], target: Path, checksum: str) -> None:
    """Write bytes to a new file, check them on the way, and sync it.

    Raises:
        StoreFailed: they are not those of ``checksum``; the file is gone again.
    """
    seen = sha256()
    with target.open("xb") as write:
        for block in blocks:
            seen.update(block)
            write.write(block)
        write.flush()
        os.fsync(write.fileno())
    if seen.hexdigest() != checksum:
        target.unlink()
        raise damaged(checksum)


def damaged(checksum: str) -> StoreFailed:
    """Return the error for bytes that are not what they should be."""
    return StoreFailed(f"A file of the backup is damaged: {checksum} is not its checksum.")
