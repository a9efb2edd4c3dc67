"""The catalog as its users see it: one object, safe to use from any thread.

In the flow: opened by server and cli, called in threads by api, console, live, sources and sinks.
Guarantee: when a method that changes something has returned, the change is on the disk and
everything in this process that remembers catalog facts has been told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from livetally.store.catalog.alerts import Alerts
from livetally.store.catalog.audit import AuditLog
from livetally.store.catalog.changes import Changes
from livetally.store.catalog.database import open_database
from livetally.store.catalog.definitions import Definitions
from livetally.store.catalog.dump import CatalogDump, dump_catalog
from livetally.store.catalog.erasures import Erasures
from livetally.store.catalog.facts import Facts
from livetally.store.catalog.keys import Keys
from livetally.store.catalog.migrate import migrate
from livetally.store.catalog.quota import Quotas
from livetally.store.catalog.sessions import Sessions
from livetally.store.catalog.sources import Sources
from livetally.store.catalog.teams import Teams
from livetally.tenancy import TokenKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from livetally.clock import Clock
    from livetally.tenancy import Identity

__all__ = ["Catalog", "open_catalog"]


class Catalog(
    Teams, Keys, Sessions, Definitions, Facts, Quotas, Sources, Erasures, Alerts, AuditLog
):
    """Every relational fact, one file per noun. Methods block for about a millisecond."""

    def authenticate(self, text: str) -> Identity | None:
        """Return who sent this key, session or stream token, told apart by its prefix.

        Which of them a door opens for is for the caller to say, by the identity's ``via``.

        Raises:
            StoreFailed: it can't be looked up.
        """
        if text.startswith(f"{TokenKind.SESSION.value}_"):
            return self.verify_session(text)
        if text.startswith(f"{TokenKind.STREAM.value}_"):
            return self.verify_stream_token(text)
        return self.verify_key(text)

    def change_counter(self) -> int:
        """Return the number of changes ever made to teams, keys, sessions and definitions."""
        return self._changes.counter()

    def poll_changes(self) -> bool:
        """Look for other processes' changes and tell the subscribers; returns if there were any.

        To be called about twice a second by each process; one look-up by primary key.

        Raises:
            StoreFailed: the database does not answer.
        """
        return self._changes.poll()

    def listen(self) -> Callable[[], None]:
        """Hear of other processes' changes at once, on PostgreSQL; elsewhere do nothing.

        For a process that lives on, beside ``poll_changes``: subscribers are then called in a
        thread of the catalog's own. Returns what ends it, to be called before ``close``.
        """
        return self._changes.listen()

    @property
    def polled_at_s(self) -> float:
        """The monotonic time at which the last successful ``poll_changes`` began."""
        return self._changes.polled_at_s

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Have ``callback`` called after every change of teams, keys, sessions or definitions.

        It runs in the thread that made or found the change, must be quick, and must not raise.
        Returns what ends the subscription.
        """
        return self._changes.subscribe(callback)

    def dump(self) -> CatalogDump:
        """Return what a backup keeps of the catalog, all of one moment. Blocks.

        Raises:
            StoreFailed: the database does not answer.
        """
        return dump_catalog(self._database)

    def close(self) -> None:
        """Close every connection; the catalog can't be used afterwards."""
        self._database.close()


def open_catalog(url_or_path: str | Path, clock: Clock) -> Catalog:
    """Open the catalog, making or upgrading its tables when needed. Blocks.

    Args:
        url_or_path: a path to an SQLite file, or a URL ``sqlite://``, ``postgresql://`` or
            ``mariadb://``.
        clock: what the catalog takes the time from.

    Raises:
        SettingInvalid: the URL can't be read, or its driver is not installed.
        StoreFailed: the database does not answer, or a newer program wrote it.
    """
    database = open_database(url_or_path)
    try:
        migrate(database, clock.now_us())
        changes = Changes(database, clock)
        changes.poll()
    except BaseException:
        database.close()
        raise
    return Catalog(database, changes, clock)
