"""How a demo is told to end: by a signal, or by the end of its server.

In the flow: set up by ``demo``; every wait of the demo is a wait on it.
Guarantee: a signal ends a wait at once, is never lost, and never ends the process half-way.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

__all__ = ["Stop", "Stopped", "stop_on_signals"]


class Stopped(Exception):
    """The demo was told to end."""


class Stop:
    """Becomes true, for good, when the process is told to end.

    A pipe and not a ``threading.Event``: a signal handler that sets an event while the same thread
    waits for it can lock itself out.
    """

    def __init__(self) -> None:
        """Start out false."""
        self._reader, self._writer = os.pipe()
        self._watched = [self._reader]

    def set(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        """Become true; takes the arguments of a signal handler."""
        os.write(self._writer, b".")

    def watch(self, sentinel: int) -> None:
        """Become true also when this file descriptor becomes readable."""
        self._watched.append(sentinel)

    @property
    def watchable(self) -> int:
        """A file descriptor that becomes readable when it is set."""
        return self._reader

    @property
    def was_set(self) -> bool:
        """Whether it was set, and not only something that it watches."""
        return bool(select.select([self._reader], [], [], 0)[0])

    def pause(self, timeout_s: float | None = None) -> None:
        """Wait for so long, or without end.

        Raises:
            Stopped: it is true, or has become so.
        """
        limit_s = None if timeout_s is None else max(0.0, timeout_s)
        if select.select(self._watched, [], [], limit_s)[0]:
            raise Stopped

    def close(self) -> None:
        """Let the pipe go."""
        os.close(self._reader)
        os.close(self._writer)


@contextmanager
def stop_on_signals() -> Iterator[Stop]:
    """Yield a ``Stop`` that SIGINT (Ctrl-C), SIGTERM and SIGHUP set; main thread only."""
    stop = Stop()
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, stop.set) for number in numbers}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stop.close()
