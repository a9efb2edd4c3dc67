"""What runs beside the server goes on, whatever happens to it.

In the flow: ``run`` starts each of its loops through here.
Guarantee: an error that nobody foresaw is in the log with its trace and in the measurements, and
the loop that it ended begins anew; it is never silently gone while the process looks well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from livetally.telemetry import DEFECTS

__all__ = ["kept_going"]

_log = structlog.get_logger("livetally")

_AGAIN_S = 5.0


async def kept_going(
    name: str, run: Callable[[], Awaitable[None]], again_s: float = _AGAIN_S
) -> None:
    """Run a loop until it is cancelled or ends by itself.

    Args:
        name: what it is called in the log.
        run: the loop; called again after an error.
        again_s: how long it rests before that.
    """
    while True:
        try:
            await run()
        except Exception:  # noqa: BLE001 - the point is that it may be any
            DEFECTS.labels(name).inc()
            _log.exception("a defect: please report it; trying again", loop=name)
        else:
            return
        await asyncio.sleep(again_s)
