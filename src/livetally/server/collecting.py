"""Keeps the interpreter's collections of garbage short, however much the process holds for long.

In the flow: installed by ``run`` for the life of the process.
Guarantee: nothing is kept for ever that would have been collected, only longer: up to ten minutes.

A full collection looks at every object there is, and everything else waits for it: with ten
thousand open streams for 0.15 s, every ten seconds or so. What has outlived a long collection is
set aside, and the next ones do not look at it. Now and then one looks at everything again, for what
was set aside and has died in a circle; all else goes at once, by its count of references.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["short_collections"]

_LONG_S = 0.02
_WHOLE_EVERY_S = 600.0
_OLDEST = 2


@contextlib.contextmanager
def short_collections(now_s: Callable[[], float]) -> Iterator[None]:
    """Set aside what outlives a long collection; ``now_s`` tells seconds of monotonic time."""
    watch = _Watch(now_s)
    gc.callbacks.append(watch.told)
    try:
        yield
    finally:
        gc.callbacks.remove(watch.told)
        gc.unfreeze()


class _Watch:
    """Told by the interpreter before and after each collection, while nothing else runs."""

    def __init__(self, now_s: Callable[[], float]) -> None:
        self._now_s = now_s
        self._began_s = now_s()
        self._whole_s = now_s()

    def told(self, phase: str, about: dict[str, Any]) -> None:
        if about["generation"] < _OLDEST:
            return
        now_s = self._now_s()
        if phase == "start":
            self._began_s = now_s
            if now_s - self._whole_s >= _WHOLE_EVERY_S:
                self._whole_s = now_s
                gc.unfreeze()
        elif now_s - self._began_s >= _LONG_S:
            gc.freeze()
