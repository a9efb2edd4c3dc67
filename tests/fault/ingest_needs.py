"""What the fault tests need of the machine: libfiu's preload library, and the right to mount.

In the flow: asked by the tests of failing disks, before they start a server.
Guarantee: what is missing is named in the reason of the skip.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.fault.ingest_process import preload_of_libfiu

__all__ = ["libfiu", "small_disk"]


def libfiu() -> str:
    """Return what LD_PRELOAD must hold; skip the test where fiu-utils is not installed."""
    preload = preload_of_libfiu()
    if not preload:
        pytest.skip("SKIPPED LOUDLY: needs libfiu: apt-get install fiu-utils")
    return preload


@contextmanager
def small_disk(place: Path, size_mib: int) -> Iterator[Path]:
    """Mount a file system of ``size_mib`` MiB in memory; skip the test where that is refused."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m", "livetally-test", str(place)]
    told = subprocess.run(mount, capture_output=True, text=True, check=False)
    if told.returncode:
        pytest.skip(
            "SKIPPED LOUDLY: needs the right to mount a tmpfs (root, CAP_SYS_ADMIN):"
            f" uid {os.getuid()}, {told.stderr.strip()}"
        )
    try:
        yield place
    finally:
        # Lazily: whatever a failed test left open must not keep the mount.
        subprocess.run(["umount", "-l", str(place)], check=True)  # noqa: S607 - the system's own
