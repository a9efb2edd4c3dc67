"""One data directory and the servers that run on it, one after the other, with faults to order.

In the flow: tests start it with faults, senders and the checker talk to it by HTTP.
Guarantee: at most one server runs; the port and the key stay the same over all of them; nothing is
left running when the block is left.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from tests.secret_search import SecretFound, secrets_in
from tests.waiting import until

__all__ = ["Answer", "Fault", "FaultyServer"]

_ROOT = Path(__file__).resolve().parents[2]


class Fault(NamedTuple):
    """What goes wrong: the name, at which passage, and how many milliseconds after it began."""

    name: str
    nth: int = 1
    delay_ms: float = 0


class Answer(NamedTuple):
    """A status, the headers by lower-case name, and the body; numbers keep every digit."""

    status: int
    headers: dict[str, str]
    body: Any


class FaultyServer:
    """Servers on one data directory (a context manager)."""

    def __init__(self, room: Path, data: Path | None = None) -> None:
        """Start nothing yet; ``room`` takes the log, and the data unless ``data`` is given."""
        self.data = data or room / "data"
        self.key = f"root-{secrets.token_hex(16)}"
        self.log = room / "server.log"
        self._ended = threading.Event()
        self._ended.set()
        self.code: int | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = int(free.getsockname()[1])

    def __enter__(self) -> Self:
        self._forks = subprocess.Popen(
            [sys.executable, "-m", "tests.fault.ingest_faulty_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None and self.log.exists():
            error.add_note(f"The log ended with:\n{self.log.read_text()[-3000:]}")
        self.kill()
        assert self._forks.stdin is not None
        assert self._forks.stdout is not None
        self._forks.stdin.close()
        self._forks.wait(10)
        self._forks.stdout.close()
        log = self.log.read_text(errors="replace") if self.log.exists() else ""
        if error is None and (finds := secrets_in(self.data, log, [self.key])):
            raise SecretFound(finds)

    def start(self, *faults: Fault) -> bool:
        """Start a server; return whether it got ready, and did not end before."""
        assert self._ended.is_set(), "one is running"
        settings = {
            "port": self._port,
            "data": str(self.data),
            "root_key": self.key,
            "queries_per_hour": 1_000_000_000,
        }
        order = {"settings": settings, "faults": faults, "log": str(self.log)}
        assert self._forks.stdin is not None
        assert self._forks.stdout is not None
        self._forks.stdin.write(json.dumps(order) + "\n")
        self._forks.stdin.flush()
        self._pid = int(self._forks.stdout.readline())
        self._ended.clear()
        threading.Thread(target=self._watch, args=(self._forks.stdout,), daemon=True).start()
        until(lambda: self._ended.is_set() or self._is_ready(), "the server", 60)
        return not self._ended.is_set()

    def wait(self, within_s: float = 60) -> int:
        """Wait until the server has ended by itself; return its code, minus the signal's number."""
        assert self._ended.wait(within_s), f"the server has not ended within {within_s} s"
        assert self.code is not None
        return self.code

    @property
    def pid(self) -> int:
        """The number of the server's process."""
        return self._pid

    @property
    def port(self) -> int:
        """Where each server listens."""
        return self._port

    @property
    def running(self) -> bool:
        """Whether a server runs."""
        return not self._ended.is_set()

    def stop(self) -> int:
        """End it in order; return its code."""
        if self.running:
            os.kill(self._pid, signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        """End it at once, if it runs."""
        if self.running:
            os.kill(self._pid, signal.SIGKILL)
            self.wait()

    def request(self, method: str, path: str, body: str = "", kind: str = "json") -> Answer:
        """Ask once.

        Raises:
            OSError, http.client.HTTPException: there was no answer.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            headers = {"X-API-Key": self.key, "Content-Type": f"application/{kind}"}
            connection.request(method, path, body.encode() or None, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, told, json.loads(text, parse_float=Decimal))

    def _is_ready(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):
            return self.request("GET", "/readyz").status == 200
        return False

    def _watch(self, told: Any) -> None:
        self.code = int(told.readline())
        self._ended.set()
