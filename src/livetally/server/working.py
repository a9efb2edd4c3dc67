"""The life of a worker: connect, fetch what servers offer, stop in order.

In the flow: called by ``cli worker``; wires ``sources.Worker``.
Guarantee: SIGTERM and SIGINT end the runs, tell the servers to have somebody else do them, and exit
0; without the broker it does not start, later it waits for it.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from importlib.metadata import version

import structlog
import uvloop

from livetally.clock import SystemClock
from livetally.errors import SettingInvalid
from livetally.server.logs import set_up_logs
from livetally.server.sourcing import process_name, puller_of
from livetally.settings import Settings
from livetally.sources import Broker, Subjects, Worker

__all__ = ["work"]

_log = structlog.get_logger("livetally")


def work(settings: Settings) -> int:
    """Work until told to stop. Blocks; returns the exit code.

    Raises:
        LivetallyError: the worker can't start.
    """
    if not settings.nats:
        raise SettingInvalid("A worker needs LIVETALLY_NATS, such as nats://127.0.0.1:4222.")
    set_up_logs(settings.log_level)
    return uvloop.run(_work(settings))


async def _work(settings: Settings) -> int:
    loop = asyncio.get_running_loop()
    name = process_name()
    worker = Worker(
        Broker(settings.nats, f"livetally worker {name}", settings.nats_ca),
        Subjects(settings.nats_prefix),
        puller_of(settings, SystemClock()),
        name,
        version("livetally"),
        settings.worker_runs_max,
    )
    working = loop.create_task(worker.run(ready=_announce), name="worker")
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, working.cancel)
    try:
        await working
    except asyncio.CancelledError:
        _log.info("stopped")
    return 0


def _announce(name: str) -> None:
    sys.stdout.write(f"Livetally worker {name} waits for sources\n")
    sys.stdout.flush()
