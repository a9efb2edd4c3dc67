"""What other processes change in the catalog: noticed in time, and followed.

In the flow: run by ``run`` beside the server; looks at the catalog, which tells its subscribers;
brings the definitions of this process to those that another one has applied.
Guarantee: a change is known within a second of its commit, on PostgreSQL at once; a catalog that
does not answer is asked again for ever.
"""

from __future__ import annotations

import asyncio

import structlog

from livetally.api import Services
from livetally.errors import LivetallyError, StoreFailed

__all__ = ["follow_definitions", "watch_catalog"]

_log = structlog.get_logger("livetally.catalog")

_POLL_S = 0.5
_FLUSH_EVERY = 60
_AGAIN_S = 1.0


async def watch_catalog(services: Services) -> None:
    """Look for changes until cancelled, and note when keys were used."""
    rounds = 0
    while True:
        await asyncio.sleep(_POLL_S)
        rounds += 1
        try:
            await asyncio.to_thread(services.catalog.poll_changes)
            if rounds % _FLUSH_EVERY == 0:
                await asyncio.to_thread(services.keys.flush_uses)
        except LivetallyError as error:
            _log.warning("catalog not reached", error=error.message)


async def follow_definitions(services: Services) -> None:
    """Bring the definitions to what the catalog holds after each change there, until cancelled."""
    loop = asyncio.get_running_loop()
    changed = asyncio.Event()
    changed.set()  # something may have been applied between the start and this moment

    def note() -> None:
        loop.call_soon_threadsafe(changed.set)

    end = services.catalog.subscribe(note)
    try:
        while True:
            await changed.wait()
            changed.clear()
            try:
                await asyncio.to_thread(services.definitions.follow)
            except StoreFailed as error:
                _log.warning("definitions not followed, trying again", error=error.message)
                await asyncio.sleep(_AGAIN_S)
                changed.set()
            except LivetallyError as error:
                # Nothing here mends it: the next change is looked at again.
                _log.error("what another process applied can't be followed", error=error.message)
    finally:
        end()
