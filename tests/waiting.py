"""Wait for a condition instead of for a time, where a test watches another process or a thread.

In the flow: tests of real processes call it; tests in one loop use events and a manual clock.
Guarantee: it returns as soon as the condition holds, and fails with what it was waiting for.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

__all__ = ["until", "until_async"]

_PAUSE_S = 0.01


def until(condition: Callable[[], object], what: str, within_s: float = 10.0) -> None:
    """Return when ``condition()`` is true; fail naming ``what`` after ``within_s`` seconds."""
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            message = f"after {within_s} s still waiting for {what}"
            raise AssertionError(message)
        time.sleep(_PAUSE_S)  # sleeps: between two looks at a process that can't wake us


async def until_async(
    condition: Callable[[], Awaitable[object]], what: str, within_s: float = 10.0
) -> None:
    """Return when ``await condition()`` is true; fail naming ``what`` after ``within_s``."""
    deadline = time.monotonic() + within_s
    while not await condition():
        if time.monotonic() > deadline:
            message = f"after {within_s} s still waiting for {what}"
            raise AssertionError(message)
        await anyio.sleep(_PAUSE_S)  # sleeps: between two looks at a process that can't wake us
