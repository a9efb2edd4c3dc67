"""Merges give way to commits and questions when the processors are busy.

In the flow: called by ``schema`` when the table is open and the engine's threads are there.
Guarantee: with a processor to spare nothing is slower; without one, merges still get a share.

The engine has a setting of that name, but gives its threads their old priority back after each
merge, which only a privileged process may do; lowering it once is everybody's right.

Source: setpriority(2): on Linux a priority is a thread's own.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

__all__ = ["let_merges_wait"]

_NICE = 5
"""A third of the share that another thread gets."""

_THREADS = "MergeMutate"


def let_merges_wait() -> int:
    """Lower the priority of the engine's threads that merge; return how many there are."""
    found = 0
    for task in Path("/proc/self/task").glob("*"):
        with contextlib.suppress(OSError):  # one that has just ended
            if (task / "comm").read_text().strip() == _THREADS:
                os.setpriority(os.PRIO_PROCESS, int(task.name), _NICE)
                found += 1
    return found
