"""On PostgreSQL a change is known in every process at its commit, without a poll.

In the flow: two catalogs on one real server; the one that listens never polls by itself, and its
clock stands still.
Guarantee: what was committed is heard, what was rolled back is not, and a lost connection loses
nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event, active_count
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine, text

from livetally.store.catalog import Catalog, KeyCache, open_catalog
from livetally.tenancy import ALL_SCOPES, DEFAULT_TEAM
from livetally.testing.clock import ManualClock
from tests.waiting import until

if TYPE_CHECKING:
    from tests.contract.databases import Server

pytest_plugins = ("tests.contract.databases",)

NAME = "livetally_listening"


class Heard:
    """A catalog that listens, another one that makes changes, and what was heard of them."""

    def __init__(self, server: Server) -> None:
        """Open both on an empty database."""
        self.url = server.make_database(NAME)
        self.clock = ManualClock()
        self.listening = open_catalog(self.url, self.clock)
        self.other = open_catalog(self.url, self.clock)
        self.told = Event()
        self.times = 0
        self.listening.subscribe(self._note)
        self.stop = self.listening.listen()
        until(lambda: self.connections() == 1, "somebody to listen")
        self.admin = create_engine(server.admin_url, isolation_level="AUTOCOMMIT")

    def _note(self) -> None:
        self.times += 1
        self.told.set()

    def connections(self) -> int:
        """Count the connections that listen."""
        return len(self._pids())

    def hang_up(self) -> None:
        """End the connection that listens, as a server does that is restarted."""
        (pid,) = self._pids()
        with self.admin.connect() as connection:
            connection.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})

    def let_in(self, *, new: bool) -> None:
        """Let new connections be made or not; those that are there go on."""
        with self.admin.connect() as connection:
            connection.execute(text(f"ALTER DATABASE {NAME} ALLOW_CONNECTIONS {new}"))

    def _pids(self) -> list[int]:
        asked = text("SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%'")
        with self.other._database.reading() as connection:
            return [row.pid for row in connection.execute(asked)]

    def close(self) -> None:
        """Close everything."""
        self.stop()
        self.listening.close()
        self.other.close()
        self.admin.dispose()


@pytest.fixture
def heard(postgresql_server: Server) -> Iterator[Heard]:
    """Open two catalogs on a database of their own."""
    made = Heard(postgresql_server)
    yield made
    made.close()


def test_a_revocation_is_known_elsewhere_at_once(heard: Heard) -> None:
    """The cache of a process that listens forgets a key as soon as another one has revoked it."""
    key = heard.other.create_key(DEFAULT_TEAM, "ci", ALL_SCOPES)
    cache = KeyCache(heard.listening, heard.clock)
    until(lambda: heard.listening.change_counter() == heard.listening._changes._seen, "the news")
    assert cache.verify(key.text.reveal()) is not None
    heard.other.revoke_key(key.record.id, team=None)
    until(lambda: cache.peek(key.text.reveal()) is None, "the key to be forgotten", 2)
    assert cache.verify(key.text.reveal()) is None


def test_a_change_that_was_rolled_back_is_never_told(heard: Heard) -> None:
    """Of a change undone and one made after it, only the second is heard."""
    heard.times = 0
    with pytest.raises(ZeroDivisionError), heard.other._changes.making():
        raise ZeroDivisionError
    heard.told.clear()
    heard.other.create_team("blue")
    assert heard.told.wait(10)
    # Words come in the order of the commits: had the first been told, it would have been before.
    assert heard.times == 1


def test_a_lost_connection_is_made_again_and_nothing_is_missed(heard: Heard) -> None:
    """A change made while nobody could listen is found as soon as the connection is there."""
    heard.let_in(new=False)
    heard.hang_up()
    until(lambda: heard.connections() == 0, "the connection to be gone")
    heard.told.clear()
    heard.other.create_team("blue")
    assert not heard.told.is_set()
    heard.let_in(new=True)
    assert heard.told.wait(20)
    heard.told.clear()
    until(lambda: heard.connections() == 1, "somebody to listen again")
    heard.other.create_team("green")
    assert heard.told.wait(10)


def test_closing_ends_the_thread_and_its_connection(heard: Heard) -> None:
    """Who stops listening leaves nothing behind."""
    threads = active_count()
    heard.stop()
    assert active_count() == threads - 1
    until(lambda: heard.connections() == 0, "the connection to be gone")
    heard.stop = lambda: None


def test_elsewhere_there_is_nothing_to_listen_to(tmp_path_factory: pytest.TempPathFactory) -> None:
    """On SQLite listening is allowed and does nothing; the poll does it all."""
    threads = active_count()
    path = tmp_path_factory.mktemp("plain") / "catalog.db"
    catalog: Catalog = open_catalog(path, ManualClock())
    catalog.listen()()
    assert active_count() == threads
    catalog.close()
