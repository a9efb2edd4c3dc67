"""The way to the relational database: one engine, its two kinds of transaction, its errors.

In the flow: receives a path or URL from ``open_catalog``, hands connections to the
catalog's modules; from ``tables`` the same for the databases that sinks write to.
Guarantee: what a ``writing`` block did is on the disk when the block ends, or none of it is; every
failure of the database leaves as ``StoreFailed`` and shows neither values nor passwords.

SQLite: one connection per process for reads and writes, in rollback-journal mode. Up to 3.51.2 the
write-ahead log can lose commits when two connections write and checkpoint at once, and those may
belong to two processes (a server, and a command that makes a key). See decision 0006.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError, SQLAlchemyError

from livetally.errors import SettingInvalid, StoreFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

__all__ = ["Database", "Ear", "open_database"]

_DRIVERS = {
    "sqlite": "sqlite+pysqlite",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
    "mariadb": "mariadb+pymysql",
    "mariadb+pymysql": "mariadb+pymysql",
    "mysql": "mariadb+pymysql",
}
_WAIT_S_MAX = 10
_POOL_SIZE = 5
_JOURNAL_BYTES_KEPT = 1_048_576
_WRITES = "livetally_writes"


class Database:
    """Hands out connections; safe to use from any thread. Never take one inside another."""

    def __init__(self, engine: Engine, name: str = "catalog") -> None:
        """Take an engine made by ``open_database``, and what its failures call the database."""
        self._engine = engine
        self._name = name
        self._writes = engine.execution_options(**{_WRITES: True})
        # One statement that commits by itself spares a server two round trips.
        on_server = {} if self.kind == "sqlite" else {"isolation_level": "AUTOCOMMIT"}
        self._reads = engine.execution_options(**on_server)

    @property
    def kind(self) -> str:
        """``sqlite``, ``postgresql`` or ``mariadb``."""
        return self._engine.dialect.name

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lend a connection for statements that read, each seeing what was committed before it.

        Raises:
            StoreFailed: the database does not answer or refuses.
        """
        with _failures_as_ours(self._name), self._reads.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """Lend a connection within one transaction: committed at the end, undone on any error.

        Raises:
            StoreFailed: the database does not answer or refuses; nothing of the block was kept.
        """
        with _failures_as_ours(self._name), self._writes.begin() as connection:
            yield connection

    @contextmanager
    def snapshot(self) -> Iterator[Connection]:
        """Lend a connection whose statements all see the same moment.

        Raises:
            StoreFailed: the database does not answer or refuses.
        """
        engine = self._writes  # of SQLite, whose lock keeps writers out for as long
        if self.kind != "sqlite":
            engine = self._engine.execution_options(isolation_level="REPEATABLE READ")
        with _failures_as_ours(self._name), engine.begin() as connection:
            yield connection

    @contextmanager
    def listening(self, channel: str) -> Iterator[Ear]:
        """Lend a connection of its own that hears what is told on ``channel`` (PostgreSQL).

        Raises:
            StoreFailed: the database does not answer, or hangs up while it is listened to.
        """
        with _failures_as_ours(self._name), self._reads.connect() as connection:
            connection.detach()  # it waits for as long as the process lives: not one of the pool's
            connection.exec_driver_sql(f"LISTEN {channel}")
            raw = connection.connection.dbapi_connection
            driver: Any = self._engine.dialect.dbapi
            try:
                yield Ear(raw)
            except driver.Error as error:
                raise StoreFailed("The catalog's database hung up.") from error
            finally:
                with suppress(driver.Error):
                    connection.close()

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()


class Ear:
    """A connection that hears what other connections tell; for one thread and its selector."""

    def __init__(self, connection: Any) -> None:
        """Listen on a connection of psycopg."""
        self._connection = connection.pgconn
        self._fd = int(self._connection.socket)  # a lost connection no longer tells it

    def fileno(self) -> int:
        """Return what is readable when there may be something to hear."""
        return self._fd

    def heard(self) -> bool:
        """Take in what has come; tell whether it was a word. Never blocks."""
        self._connection.consume_input()
        heard = False
        while self._connection.notifies() is not None:
            heard = True
        return heard


def open_database(
    url_or_path: str | Path, name: str = "catalog", statement_s_max: int | None = None
) -> Database:
    """Prepare the way to a database; a server is not asked yet, an SQLite file is made.

    Args:
        url_or_path: a path to an SQLite file, or a URL ``sqlite://``, ``postgresql://`` or
            ``mariadb://``.
        name: what messages call the database.
        statement_s_max: seconds without an answer after which a server counts as lost.

    Raises:
        SettingInvalid: the URL can't be read, or the driver it needs is not installed.
        StoreFailed: the SQLite file can't be made.
    """
    url = _read_url(url_or_path, name)
    if url.drivername == "sqlite+pysqlite":
        return Database(_sqlite_engine(url, name), name)
    try:
        engine = create_engine(
            url,
            hide_parameters=True,
            isolation_level="READ COMMITTED",
            connect_args=_connect_arguments(url, statement_s_max),
            pool_size=_POOL_SIZE,
            pool_timeout=_WAIT_S_MAX,
            skip_autocommit_rollback=True,
            pool_pre_ping=True,  # a server that was restarted leaves dead connections behind
        )
    except ModuleNotFoundError as error:
        extra = url.drivername.partition("+")[0]
        hint = f"pip install 'livetally[{extra}]'"
        raise SettingInvalid(f"{name}: the driver '{error.name}' is missing: {hint}") from error
    return Database(engine, name)


def _read_url(url_or_path: str | Path, name: str) -> URL:
    if isinstance(url_or_path, Path) or "://" not in url_or_path:
        return URL.create("sqlite+pysqlite", database=str(url_or_path))
    try:
        url = make_url(url_or_path)
        driver = _DRIVERS[url.drivername]
    except (ArgumentError, ValueError, KeyError):
        # The text itself stays out of the message: it may hold a password.
        known = "a path, or a URL that starts with sqlite://, postgresql:// or mariadb://"
        raise SettingInvalid(f"{name}: must be {known}") from None
    return url.set(drivername=driver)


def _connect_arguments(url: URL, statement_s_max: int | None) -> dict[str, Any]:
    arguments: dict[str, Any] = {"connect_timeout": _WAIT_S_MAX}
    if url.drivername == "mariadb+pymysql":
        arguments["charset"] = "utf8mb4"
        if statement_s_max is not None:
            arguments |= {"read_timeout": statement_s_max, "write_timeout": statement_s_max}
    else:
        # A server whose machine has vanished is noticed in half a minute, not in two hours.
        arguments |= {"keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3}
        if statement_s_max is not None:
            arguments["tcp_user_timeout"] = statement_s_max * 1_000
    return {name: value for name, value in arguments.items() if name not in url.query}


def _sqlite_engine(url: URL, name: str) -> Engine:
    if url.database in {None, "", ":memory:"}:
        raise SettingInvalid(f"{name}: must be a file; what is in memory is lost at the end")
    _make_private_file(Path(str(url.database)), name)
    engine = create_engine(
        url,
        hide_parameters=True,
        connect_args={"timeout": _WAIT_S_MAX, "check_same_thread": False},
        pool_size=1,
        max_overflow=0,
        pool_timeout=_WAIT_S_MAX,
    )
    event.listen(engine, "connect", _prepare_sqlite if name == "catalog" else _prepare_sink)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _make_private_file(path: Path, name: str) -> None:
    """Make the file before SQLite does, readable by nobody else; its journal inherits this."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StoreFailed(f"{name}: {path} can't be opened: {error.strerror}") from error


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin and end where this program says so
    for pragma in (
        "journal_mode = PERSIST",
        f"journal_size_limit = {_JOURNAL_BYTES_KEPT}",
        "synchronous = FULL",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _prepare_sink(connection: Any, _record: object) -> None:
    """Let nothing that was deleted stay in the file or its journal: it may have been erased."""
    _prepare_sqlite(connection, _record)
    for pragma in ("journal_mode = TRUNCATE", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    if connection.get_execution_options().get(_WRITES):
        # Take the write lock at once: a transaction that asks for it later can be refused at a
        # point where waiting does not help.
        connection.exec_driver_sql("BEGIN IMMEDIATE")


@contextmanager
def _failures_as_ours(name: str) -> Iterator[None]:
    try:
        yield
    except DBAPIError as error:
        code = _code_of(error.orig)
        reason = f"{type(error.orig).__name__}{code}"
        if isinstance(error, OperationalError) and not code:
            raise StoreFailed(f"The {name}'s database can't be reached ({reason}).") from error
        raise StoreFailed(f"The {name}'s database refused the operation ({reason}).") from error
    except SQLAlchemyError as error:
        reason = type(error).__name__
        raise StoreFailed(f"The {name}'s database can't be used ({reason}).") from error


def _code_of(error: BaseException | None) -> str:
    """Return the driver's own code for an error; its text could hold a value."""
    for name in ("sqlite_errorname", "sqlstate"):
        if code := getattr(error, name, None):
            return f" {code}"
    if error is not None and error.args and isinstance(error.args[0], int):
        return f" {error.args[0]}"
    return ""
