"""The life of the process: take the directory, open the parts, serve, stop in order.

In the flow: called by ``cli serve``; holds everything that ``build`` opens.
Guarantee: SIGTERM and SIGINT stop accepting, commit what was accepted, end the streams and exit 0;
when the writer fails, the process exits 1 with the reason: it can promise nothing any more.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import structlog
import uvicorn
import uvloop
from starlette.types import ASGIApp

from livetally.api import Quick, Services
from livetally.clock import SystemClock
from livetally.errors import SettingInvalid
from livetally.server.build import built
from livetally.server.collecting import short_collections
from livetally.server.crowd import Crowd, places
from livetally.server.directory import DataDirectory
from livetally.server.going import kept_going
from livetally.server.lending import LendingProtocol
from livetally.server.logs import set_up_logs
from livetally.server.reading import ReadingBounds, watch_readers
from livetally.server.watching import follow_definitions, watch_catalog
from livetally.settings import Settings
from livetally.tracing import trace_to

__all__ = ["serve"]

_log = structlog.get_logger("livetally")

_GRACE_S = 8
_END_S_MAX = 9.5
# The writer takes the interpreter's lock several times in a commit; a busy loop would make it wait
# the usual 5 ms each time, which is as long as the commit itself.
_SWITCH_S = 0.001


def serve(settings: Settings) -> int:
    """Serve until told to stop. Blocks; returns the exit code.

    Raises:
        LivetallyError: the server can't start; nothing was accepted.
    """
    set_up_logs(settings.log_level, settings.log_format)
    sys.setswitchinterval(_SWITCH_S)
    with DataDirectory(Path(settings.data)) as directory, contextlib.ExitStack() as last:
        last.callback(trace_to(settings.traces))
        last.enter_context(short_collections(time.monotonic))
        return uvloop.run(_serve(settings, directory))


class _Server(uvicorn.Server):
    """Uvicorn without its own signal handlers: those end the process by the signal, not by 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


async def _serve(settings: Settings, directory: DataDirectory) -> int:
    loop = asyncio.get_running_loop()
    failed: list[BaseException] = []
    stopping = asyncio.Event()

    def on_failure(error: BaseException) -> None:
        failed.append(error)
        # At once: closing on a broken disk may fail as well, and must not hide the reason.
        _log.critical(
            "stopped: events can't be made durable; mend the disk and start again",
            error=str(error),
        )
        loop.call_soon_threadsafe(stopping.set)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    listener = _listen(settings)
    async with built(settings, directory, SystemClock(), on_failure) as (
        app,
        services,
        loops,
        quick,
    ):
        server = _Server(_config(app, settings, quick))
        ending = _stop_when(stopping, server, services, beyond=bool(settings.store))
        stop = loop.create_task(ending, name="stop")
        everywhere = _loops(services, server)
        every = (loops | everywhere).items()
        tasks = [loop.create_task(kept_going(*one), name=one[0]) for one in every]
        tasks.append(stop)
        _announce(listener, services, settings)
        try:
            await server.serve(sockets=[listener])
            # Streams are not among uvicorn's connections: it does not wait for them.
            stopping.set()
            await stop
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    if failed:
        return 1
    _log.info("stopped")
    return 0


async def _stop_when(
    stopping: asyncio.Event, server: uvicorn.Server, services: Services, *, beyond: bool
) -> None:
    """End the streams before the server waits for its connections: they would never end."""
    await stopping.wait()
    if beyond:
        last = threading.Timer(_END_S_MAX, _end)
        last.daemon = True
        last.start()
    server.should_exit = True
    await services.hub.close()


def _end() -> None:
    """End although a thread still waits for an engine that does not answer.

    Beyond one machine nothing can be lost by it: what was acknowledged is in the log.
    """
    _log.warning("stopped without waiting any longer for an engine that does not answer")
    os._exit(0)


def _loops(services: Services, server: uvicorn.Server) -> dict[str, Callable[[], Awaitable[None]]]:
    """Return what runs beside the server wherever it stores events."""
    return {
        "catalog watch": partial(watch_catalog, services),
        "definitions watch": partial(follow_definitions, services),
        "readers watch": partial(watch_readers, server.server_state.connections),
    }


def _listen(settings: Settings) -> socket.socket:
    """Open the port before anything else, so that a taken one is an error and not a race."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise SettingInvalid(
            f"Can't listen on {settings.host}:{settings.port}: {error.strerror}."
            " Give another port with --port, or stop what uses this one."
        ) from None
    listener.setblocking(False)
    return listener


def _config(app: ASGIApp, settings: Settings, quick: Quick | None) -> uvicorn.Config:
    for name in ("tls_cert", "tls_key", "nats_ca"):
        file = getattr(settings, name)
        if file and not Path(file).is_file():
            raise SettingInvalid(f"LIVETALLY_{name.upper()}: there is no file '{file}'.")
    return uvicorn.Config(
        app,
        loop="none",
        # uvicorn only calls it; that it is a class is what its types expect.
        http=cast(
            "Any",
            partial(
                LendingProtocol,
                quick=quick,
                bounds=_reading_bounds(settings),
                crowd=Crowd(places(settings.connections_max)),
            ),
        ),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        ssl_certfile=settings.tls_cert or None,
        ssl_keyfile=settings.tls_key or None,
        # What anybody may claim in a header is believed from named addresses only.
        proxy_headers=bool(settings.behind_proxy),
        forwarded_allow_ips=settings.behind_proxy or [],
        date_header=True,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=_GRACE_S,
        backlog=4096,
    )


def _reading_bounds(settings: Settings) -> ReadingBounds:
    return ReadingBounds(
        header_bytes_max=settings.header_bytes_max,
        header_s_max=settings.header_s_max,
        body_stall_s_max=settings.body_stall_s_max,
        body_bytes_per_second_min=settings.body_bytes_per_second_min,
    )


def _announce(listener: socket.socket, services: Services, settings: Settings) -> None:
    """Say where the server is and, once, how to sign in."""
    port = listener.getsockname()[1]
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    scheme = "https" if settings.tls_cert else "http"
    url = f"{scheme}://{host}:{port}"
    out = sys.stdout
    first = services.catalog.ensure_first_key()
    if first is not None:
        token = services.catalog.create_signin_link(first.record.id)
        # A line of its own, also after half a line of the log: the key is copied from here.
        out.write(
            f"\nAdministrator key (shown once, keep it): {first.text.reveal()}\n"
            f"Sign in once without it:                 {url}/signin?token={token.reveal()}\n"
        )
    out.write(f"Livetally {services.version} listens on {url}\n")
    out.flush()
