"""Hearing at once of what other processes change, where the database can tell: PostgreSQL.

In the flow: waits on a connection of its own for what ``Changes.making`` sends within its
transaction, and then has ``Changes`` look, which tells the subscribers.
Guarantee: a change that was committed is told of at once, one that was rolled back never; when the
connection is lost it is made again, and what was missed meanwhile is looked for before waiting.

Nothing depends on it: ``poll`` finds the same changes twice a second, on every database.
Source: https://www.postgresql.org/docs/current/sql-notify.html (delivered at the commit).
"""

from __future__ import annotations

import selectors
import socket
from threading import Thread
from typing import TYPE_CHECKING

import structlog
from sqlalchemy import func, select

from livetally.errors import StoreFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from livetally.store.catalog.database import Database, Ear

__all__ = ["TELL", "Listener"]

_log = structlog.get_logger("livetally.catalog")

_CHANNEL = "livetally_changes"
TELL = select(func.pg_notify(_CHANNEL, ""))
"""To be executed in the transaction of a change, on PostgreSQL only."""

_AGAIN_FIRST_S = 0.1
_AGAIN_S_MAX = 5.0


class Listener:
    """A thread that calls ``look`` at each change and after each gap, until it is closed."""

    def __init__(self, database: Database, look: Callable[[], object]) -> None:
        """Start listening on ``database``, which must be PostgreSQL; returns at once."""
        self._database = database
        self._look = look
        # One end closed, the other is readable: that wakes the thread wherever it waits.
        self._closing, self._closed = socket.socketpair()
        self._thread = Thread(target=self._run, name="livetally catalog", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening; returns when the connection is closed."""
        self._closing.close()
        self._thread.join()
        self._closed.close()

    def _run(self) -> None:
        again_s = 0.0
        with selectors.DefaultSelector() as selector:
            selector.register(self._closed, selectors.EVENT_READ)
            while not selector.select(again_s):
                again_s = min(max(_AGAIN_FIRST_S, 2 * again_s), _AGAIN_S_MAX)
                try:
                    with self._database.listening(_CHANNEL) as ear:
                        self._look()  # what changed before this moment was not told of
                        again_s = 0.0
                        self._hear(ear, selector)
                except StoreFailed as error:
                    _log.warning("not told of the catalog's changes", error=error.message)

    def _hear(self, ear: Ear, selector: selectors.BaseSelector) -> None:
        """Look at each word from the server; return when closed, raise when it hangs up."""
        selector.register(ear, selectors.EVENT_READ)
        try:
            while not any(key.fileobj is self._closed for key, _ in selector.select()):
                if ear.heard():
                    self._look()
        finally:
            selector.unregister(ear)
