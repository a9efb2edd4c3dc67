"""Real database servers, started for the tests in a folder of their own and stopped after them.

In the flow: a test module names this as a plug-in; its fixtures hand out URLs of empty databases.
Guarantee: a server listens on this machine only, on a free port, as a user without rights, and is
gone after the tests. One that is not installed is a failure under ``CI=true`` and a loud skip
elsewhere.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from contextlib import contextmanager
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from tests.needs import lacking
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Process", "Server", "mariadb_server", "postgresql_server", "running_postgresql"]

_START_S_MAX = 60


class Server(NamedTuple):
    """A running database server; ``admin_url`` reaches a database that is always there."""

    admin_url: str
    data_url: str
    process: Process

    def make_database(self, name: str) -> str:
        """Make an empty database, dropping an older one of that name; returns its URL."""
        engine = create_engine(self.admin_url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name}"))
            connection.execute(text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return f"{self.data_url}/{name}"


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[Server]:
    """Run a PostgreSQL server for the whole session."""
    with running_postgresql() as server:
        yield server


@contextmanager
def running_postgresql() -> Iterator[Server]:
    """Run a PostgreSQL server."""
    newest_first = sorted(glob("/usr/lib/postgresql/*/bin"), reverse=True)  # noqa: PTH207
    initdb = _program("initdb", "postgresql", newest_first)
    postgres = _program("postgres", "postgresql", newest_first)
    with _folder() as folder:
        data = folder / "data"
        _run(initdb, "-D", data, "-U", "livetally", "-A", "trust", "-E", "UTF8", "--no-sync")
        port = _free_port()
        options = {
            "listen_addresses": "127.0.0.1",
            "port": port,
            "unix_socket_directories": folder,
            "fsync": "off",
            "max_connections": 200,
        }
        arguments = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        admin_url = f"postgresql+psycopg://livetally@127.0.0.1:{port}/postgres"
        process = Process([postgres, "-D", str(data), *arguments], folder, admin_url)
        with _running(process):
            yield Server(admin_url, f"postgresql://livetally@127.0.0.1:{port}", process)


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[Server]:
    """Run a MariaDB server for the whole session."""
    install = _program("mariadb-install-db", "mariadb-server", ["/usr/bin"])
    mariadbd = _program("mariadbd", "mariadb-server", ["/usr/sbin"])
    with _folder() as folder:
        data = folder / "data"
        _run(
            install,
            "--no-defaults",
            f"--datadir={data}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
        )
        port = _free_port()
        options = {
            "datadir": data,
            "socket": folder / "socket",
            "pid-file": folder / "pid",
            "port": port,
            "bind-address": "127.0.0.1",
            "innodb-flush-log-at-trx-commit": 0,
        }
        arguments = [f"--{name}={value}" for name, value in options.items()]
        admin_url = f"mariadb+pymysql://root@127.0.0.1:{port}/mysql"
        process = Process([mariadbd, "--no-defaults", *arguments], folder, admin_url)
        with _running(process):
            yield Server(admin_url, f"mariadb://root@127.0.0.1:{port}", process)


def _program(name: str, package: str, folders: list[str]) -> str:
    path = os.pathsep.join([*os.environ.get("PATH", "").split(os.pathsep), *folders])
    if found := shutil.which(name, path=path):
        return found
    return lacking(f"{name} is not installed: apt-get install {package}")


def _user() -> str | None:
    """The user to run servers as: they refuse root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "mysql", "nobody") if name in names)


@contextmanager
def _folder() -> Iterator[Path]:
    # Not below pytest's own folder, which other users can't enter. Short, for the socket's path.
    folder = Path(tempfile.mkdtemp(prefix="livetally-db-"))
    if user := _user():
        shutil.chown(folder, user)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, user=_user())
    assert done.returncode == 0, f"{command[0]} failed: {done.stdout}{done.stderr}"


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """The process of a database server: may be killed, as a crash would, and started again."""

    def __init__(self, command: list[str], folder: Path, admin_url: str) -> None:
        """Name the command; nothing is started yet."""
        self._command = command
        self._folder = folder
        self._engine = create_engine(admin_url)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and return when it answers."""
        log = self._folder / "log"
        with log.open("ab") as output:
            process = self._process = subprocess.Popen(
                self._command, stdout=output, stderr=output, user=_user(), cwd=self._folder
            )

        def answers() -> bool:
            assert process.poll() is None, f"{self._command[0]} ended: {log.read_text()}"
            try:
                self._engine.connect().close()
            except OperationalError:
                return False
            return True

        until(answers, f"{self._command[0]} to answer", _START_S_MAX)
        self._engine.dispose()

    def kill(self) -> None:
        """End it at once, and return when all of its processes are gone."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it, and what it started."""
        self._end(signal.SIGQUIT)  # both take it as: at once, and end what you started

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait()
            self._process = None


@contextmanager
def _running(process: Process) -> Iterator[None]:
    try:
        process.start()
        yield
    finally:
        process.stop()
