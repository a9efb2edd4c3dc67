"""How a change of keys, teams or definitions becomes known to everything that remembers them.

In the flow: receives each change's transaction from the catalog's modules, hands a call to every
subscriber; other processes' changes are found by ``poll``, which ``listening`` calls as soon as
PostgreSQL tells of one.
Guarantee: the counter moves in the transaction that makes the change; subscribers in this process
have been called before the change's method returns; those in another process at its next poll.

All changes go through one row's lock, so they come one after the other on every database; there
are few of them, and it makes "look first, then write" right without further locks.
"""

from __future__ import annotations

from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

from sqlalchemy import select, update

from livetally.store.catalog.listening import TELL, Listener
from livetally.store.catalog.tables import changes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from livetally.clock import Clock
    from livetally.store.catalog.database import Database

__all__ = ["Changes"]

_COUNTER = select(changes.c.counter).where(changes.c.id == 1)
_BUMP = update(changes).where(changes.c.id == 1).values(counter=changes.c.counter + 1)


class Changes:
    """The counter of changes and who wants to hear of them; safe to use from any thread."""

    def __init__(self, database: Database, clock: Clock) -> None:
        """Count in ``database``, and tell by ``clock`` how old the last look is."""
        self._database = database
        self._clock = clock
        self._lock = Lock()
        # Who finds that another thread has found the news first waits until that one has told.
        self._telling = Lock()
        self._seen = -1
        self._polled_at_s = float("-inf")
        self._subscribers: list[Callable[[], None]] = []

    @property
    def polled_at_s(self) -> float:
        """The monotonic time at which the last successful look at the counter began."""
        return self._polled_at_s

    @contextmanager
    def making(self) -> Iterator[Connection]:
        """Lend the transaction for one change; afterwards tell the subscribers in this process.

        Raises:
            StoreFailed: nothing was changed, and nobody was told.
        """
        with self._database.writing() as connection:
            connection.execute(_BUMP)
            if self._database.kind == "postgresql":
                connection.execute(TELL)  # heard elsewhere at the commit, and only then
            now = connection.execute(_COUNTER).scalar_one()
            yield connection
        with self._lock:
            if self._seen == now - 1:  # nobody else's change lies between: no need to look again
                self._seen = now
        self._tell()

    def counter(self) -> int:
        """Return the number of changes ever made; one look-up by primary key."""
        with self._database.reading() as connection:
            return int(connection.execute(_COUNTER).scalar_one())

    def poll(self) -> bool:
        """Look for changes made by other processes, tell the subscribers, and return if any.

        Raises:
            StoreFailed: the counter can't be read; ``polled_at_s`` stays as it was.
        """
        began_s = self._clock.monotonic_s()
        now = self.counter()
        with self._telling:
            with self._lock:
                # Unequal, not greater: a database put back from a backup counts from further down.
                news = now != self._seen
                self._seen = now
            if news:
                self._tell()
            # Only now, so that nobody takes what they remember for fresh before they were told.
            self._polled_at_s = max(began_s, self._polled_at_s)
        return news

    def listen(self) -> Callable[[], None]:
        """Be told of other processes' changes at once, where that can be; returns what ends it."""
        if self._database.kind != "postgresql":
            return lambda: None
        return Listener(self._database, self.poll).close

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Have ``callback`` called after every change; returns what ends that.

        It runs in the thread that made or found the change, must be quick, and must not raise.
        """
        with self._lock:
            self._subscribers.append(callback)

        def unsubscribe() -> None:
            with self._lock:
                self._subscribers.remove(callback)

        return unsubscribe

    def _tell(self) -> None:
        with self._lock:
            subscribers = tuple(self._subscribers)
        for callback in subscribers:
            callback()
