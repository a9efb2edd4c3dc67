"""A real server for tests: ``python -m livetally serve`` as a process of its own.

In the flow: started by a test, talked to by HTTP, stopped or killed by the test.
Guarantee: it is ready when the block is entered and gone when the block is left; when it does not
come up, the error holds its log. Neither the user's settings nor a ``.env`` file reach it.

    with Server(definitions=["shop.toml"]) as server:
        client = livetally.Client(server.url, server.key)
"""

from __future__ import annotations

import json
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Self

from livetally.settings import PREFIX, Settings

__all__ = ["Server", "ServerFailed"]

_HOST = "127.0.0.1"
_LISTENS = re.compile(rb"listens on http://[^:]+:(\d+)")
_LOOK_S = 0.01
_LOG = "server.log"
_NOTE_CHARS = 4_000
# Of the client and the command line; the server's own are in Settings.
_FURTHER = ("URL", "KEY", "TEAM")


class ServerFailed(AssertionError):
    """The server did not do what the test told it to."""

    def __init__(self, what: str, log: str) -> None:
        """Say ``what`` failed, with the server's ``log``."""
        super().__init__(f"{what}; its log:\n{log or '(empty)'}")
        self.log = log


class Server:
    """A server process while it is open (a context manager).

    Attributes:
        key: the operator's key, accepted for every team.
        data: the data directory; kept when it was given, else removed at the end.
    """

    def __init__(
        self,
        data: Path | str | None = None,
        *,
        definitions: Sequence[Path | str] = (),
        env: Mapping[str, str] | None = None,
        options: Sequence[str] = (),
        key: str | None = None,
        port: int = 0,
        start_s: float = 30.0,
    ) -> None:
        """Start nothing yet.

        Args:
            data: data directory; a temporary one if None.
            definitions: definition files to apply at start.
            env: environment variables besides the inherited ones, settings among them.
            options: further options of ``livetally serve``.
            key: the operator's key; a random one if None.
            port: 0 takes a free one, and keeps it over restarts.
            start_s: seconds that the start may take.
        """
        self.key = key or f"root-{secrets.token_hex(16)}"
        self._room = tempfile.TemporaryDirectory(prefix="livetally-", ignore_cleanup_errors=True)
        self._place = Path(self._room.name)
        self.data = Path(data).resolve() if data is not None else self._place / "data"
        self._definitions = [str(Path(path).resolve()) for path in definitions]
        self._env = {f"{PREFIX}ROOT_KEY": self.key, **(env or {})}
        self._options = tuple(options)
        self._port = port
        self._start_s = start_s
        self._process: subprocess.Popen[bytes] | None = None
        self._log_from = 0

    @property
    def url(self) -> str:
        """The address, without a slash at its end."""
        return f"http://{_HOST}:{self._port}"

    @property
    def pid(self) -> int:
        """The number of the running process."""
        assert self._process is not None, "the server was not started"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> Self:
        """Start the process and wait until ``/readyz`` says that it is ready.

        Raises:
            ServerFailed: it has ended, or was not ready within ``start_s`` seconds.
        """
        assert not self.running, "the server runs already"
        log = self._place / _LOG
        self._log_from = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Its own directory, so that the user's .env file is not read.
                cwd=self._place,
                # Ctrl-C is for the test; it stops the server in order.
                start_new_session=True,
            )
        try:
            self._wait_until_ready()
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self, timeout_s: float = 15.0) -> int:
        """Send SIGTERM and return the exit code.

        Raises:
            ServerFailed: it has not ended after ``timeout_s`` seconds; it was killed.
        """
        return self.signal(signal.SIGTERM, timeout_s)

    def signal(self, number: signal.Signals, timeout_s: float = 15.0) -> int:
        """Send any signal and return the exit code: minus its number when it ended the process."""
        process = self._process
        assert process is not None, "the server was not started"
        process.send_signal(number)
        return self.wait(timeout_s)

    def wait(self, timeout_s: float = 15.0) -> int:
        """Wait until the process has ended by itself; return the exit code.

        Raises:
            ServerFailed: it has not after ``timeout_s`` seconds; it was killed.
        """
        process = self._process
        assert process is not None, "the server was not started"
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerFailed(
                f"the server has not ended after {timeout_s} s", self.log_text()
            ) from None

    def kill(self) -> None:
        """End the process by SIGKILL, as a crash would, and wait until it is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def restart(self) -> Self:
        """Stop in order if it runs, then start on the same data, port and key."""
        if self.running:
            self.stop()
        return self.start()

    def log_text(self) -> str:
        """Return what all starts have written so far."""
        try:
            return (self._place / _LOG).read_text(encoding="utf-8", errors="replace")
        except FileNotFoundError:
            return ""

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self._room.cleanup()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is not None:
            error.add_note(f"The server's log ended with:\n{self.log_text()[-_NOTE_CHARS:]}")
        try:
            if self.running:
                self.stop()
        finally:
            self.kill()
            self._room.cleanup()

    def _command(self) -> list[str]:
        """Return the command: ``env`` takes the user's settings out and then becomes the server."""
        names = (*(name.upper() for name in Settings.__struct_fields__), *_FURTHER)
        command = ["/usr/bin/env"]
        for name in names:
            command += ["-u", f"{PREFIX}{name}"]
        command += [f"{name}={value}" for name, value in self._env.items()]
        command += [sys.executable, "-m", "livetally", "serve", "--host", _HOST]
        command += ["--port", str(self._port), "--data", str(self.data)]
        for path in self._definitions:
            command += ["--definitions", path]
        return [*command, *self._options]

    def _wait_until_ready(self) -> None:
        deadline = time.monotonic() + self._start_s
        while not self._is_ready():
            if not self.running:
                code = self._process.returncode if self._process else None
                raise ServerFailed(f"the server has ended with code {code}", self.log_text())
            if time.monotonic() > deadline:
                raise ServerFailed(
                    f"the server was not ready after {self._start_s} s", self.log_text()
                )
            time.sleep(_LOOK_S)

    def _is_ready(self) -> bool:
        log = (self._place / _LOG).read_bytes()
        listens = _LISTENS.search(log, self._log_from)
        if listens is None:
            return False
        self._port = int(listens[1])
        connection = HTTPConnection(_HOST, self._port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            return bool(json.loads(connection.getresponse().read())["ready"])
        except (OSError, HTTPException, ValueError):
            return False
        finally:
            connection.close()
