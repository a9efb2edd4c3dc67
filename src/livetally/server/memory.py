"""How much memory the process may have, and what of it its parts get.

In the flow: asked by ``build`` for its bounds, and by ``doctor``.
Guarantee: together the bounds leave half of the memory to the engine's caches and merges, to the
index of ids and to Python; on a machine with plenty, settings decide alone.
"""

from __future__ import annotations

import contextlib
import os
import resource
from pathlib import Path
from typing import NamedTuple

from livetally.query import QueryLimits
from livetally.settings import Settings

__all__ = ["MemoryBounds", "memory_bounds", "memory_there_is"]

_CGROUP_FILES = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
_QUERIES = 4
_WAITING = 8


class MemoryBounds(NamedTuple):
    """Bytes that one question may take in the engine, and that waiting events may."""

    query: int
    waiting: int


def memory_there_is() -> int:
    """Return how many bytes there are: the machine's, or what a bound leaves of them.

    Bounds are those of the process (``ulimit -v``) and of its cgroup.
    """
    bounds = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    soft, _hard = resource.getrlimit(resource.RLIMIT_AS)
    if soft != resource.RLIM_INFINITY:
        bounds.append(soft)
    for file in (*_CGROUP_FILES, *_own_cgroup()):
        with contextlib.suppress(OSError, ValueError):
            bounds.append(int(Path(file).read_text(encoding="ascii")))
    return min(bounds)


def memory_bounds(settings: Settings) -> MemoryBounds:
    """Return the bounds that fit what there is; settings are never exceeded."""
    there_is = settings.memory_bytes_max or memory_there_is()
    return MemoryBounds(
        query=min(QueryLimits().memory_bytes_max, there_is // _QUERIES),
        waiting=min(settings.waiting_bytes_max, there_is // _WAITING),
    )


def _own_cgroup() -> list[str]:
    """Return the files that hold the bound of the process's own cgroup, seen from outside of it."""
    files: list[str] = []
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            if "memory" in controllers.split(","):
                files.append(f"/sys/fs/cgroup/memory{path}/memory.limit_in_bytes")
            elif not controllers:
                files.append(f"/sys/fs/cgroup{path}/memory.max")
    return files
