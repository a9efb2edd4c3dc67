"""A loop beside the server that fails is told of and begins anew."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from livetally.server.going import kept_going
from livetally.telemetry import REGISTRY


async def test_a_loop_that_fails_is_logged_counted_and_run_again() -> None:
    """Twice it fails, the third time it ends by itself: so does what keeps it going."""
    runs: list[int] = []

    async def run() -> None:
        runs.append(len(runs))
        if len(runs) < 3:
            raise ZeroDivisionError("unforeseen")

    with capture_logs() as logs:
        await kept_going("a loop", run, again_s=0)
    assert runs == [0, 1, 2]
    assert [(one["loop"], one["log_level"], one["exc_info"]) for one in logs] == [
        ("a loop", "error", True)
    ] * 2
    assert REGISTRY.get_sample_value("livetally_defects_total", {"loop": "a loop"}) == 2


async def test_a_loop_that_is_cancelled_ends() -> None:
    """The end of the server is no error."""
    began = asyncio.Event()

    async def run() -> None:
        began.set()
        await asyncio.Event().wait()

    with capture_logs() as logs:
        async with asyncio.TaskGroup() as tasks:
            task = tasks.create_task(kept_going("another", run))
            await began.wait()
            task.cancel()
    assert not logs
    with pytest.raises(asyncio.CancelledError):
        task.result()
