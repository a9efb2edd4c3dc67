"""Disks that fail: fsync that returns EIO, and a file system that is soon full.

In the flow: entered by the tests of failing disks.
Guarantee: what is missing on the machine for it is named: a failure under ``CI=true`` where it is a
program, else a skip with the reason.

A library before the C library (libfiu) was tried: with it the engine hangs at every other start.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.needs import lacking
from tests.waiting import until

__all__ = ["failing_fsync", "small_disk"]


@contextmanager
def failing_fsync(pid: int, strace: str) -> Iterator[None]:
    """Have every fsync and fdatasync of a running process fail with EIO, without doing it."""
    calls = "fsync,fdatasync,sync_file_range,syncfs,msync"
    command = [strace, "-f", "-qq", "-o", "/dev/null", "-p", str(pid)]
    command += ["-e", f"trace={calls}", "-e", f"inject={calls}:error=EIO"]
    tracer = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        until(lambda: tracer.poll() is not None or _is_traced(pid), "strace to hold every thread")
        if tracer.poll() is not None:
            reason = tracer.stderr.read() if tracer.stderr else ""
            lacking(f"this machine does not let processes be traced: {reason}")
        yield
    finally:
        tracer.terminate()
        tracer.communicate(timeout=30)


def _is_traced(pid: int) -> bool:
    threads = Path(f"/proc/{pid}/task").iterdir()
    return all("TracerPid:\t0\n" not in (one / "status").read_text() for one in threads)


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
