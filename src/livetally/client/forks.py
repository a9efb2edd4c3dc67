"""What a client has to know of processes: that this one was forked, and that it ends.

In the flow: told by ``Client`` when it is made and when it first sends in a process; calls it back.
Guarantee: a forked child is told before any of its code runs, on its only thread; a process that
ends in order calls each ``AtExit``, also one of ``multiprocessing``.

Nothing here imports ``multiprocessing``: a program that does not use it does not pay for it.
"""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

__all__ = ["AtExit", "in_forked_children"]


_T = TypeVar("_T")
_known: WeakKeyDictionary[object, Callable[[Any], None]] = WeakKeyDictionary()


def in_forked_children(one: _T, begin: Callable[[_T], None]) -> None:
    """Call ``begin(one)`` in every forked child, for as long as something else refers to ``one``.

    ``begin`` must not refer to it, as a bound method would.
    """
    _known[one] = begin


def _after_fork() -> None:
    for one, begin in list(_known.items()):
        begin(one)


if hasattr(os, "register_at_fork"):  # there is no fork on Windows
    os.register_at_fork(after_in_child=_after_fork)


class AtExit:
    """Calls a function when this process ends in order."""

    def __init__(self, function: Callable[[], None]) -> None:
        """Register ``function``; it may be called twice, or again by a child that inherits it."""
        self._function = function
        atexit.register(function)
        # Processes of multiprocessing end with os._exit: some versions of Python run nothing of
        # atexit in them, others forget what it held before the fork.
        self._finalizer: Any = None
        if _is_of_multiprocessing():
            util = sys.modules["multiprocessing.util"]
            self._finalizer = util.Finalize(None, function, exitpriority=0)

    def cancel(self) -> None:
        """Don't call it."""
        atexit.unregister(self._function)
        if self._finalizer is not None:
            self._finalizer.cancel()


def _is_of_multiprocessing() -> bool:
    """Tell whether this process was started by ``multiprocessing``."""
    process = sys.modules.get("multiprocessing.process")
    return (
        process is not None
        and process.parent_process() is not None
        and "multiprocessing.util" in sys.modules
    )
