"""What a file system is told about folders.

In the flow: called by whoever creates, renames or deletes files that have to outlive the machine.
Guarantee: when ``sync_folder`` returns, the names in the folder are on disk.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["sync_folder"]


def sync_folder(folder: Path) -> None:
    """Have a folder's names on disk. Blocks.

    Raises:
        OSError: they may not be.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
