"""A reader of live lists that does exactly what the guide tells a client to do, and nothing more.

In the flow: tests of lists, single entities and tails follow a real server with it.
Guarantee: it blocks until what the test waits for has come, or fails with what came instead.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Self

from livetally.testing import Server

__all__ = ["Follower"]

_WAIT_S = 20


class Follower:
    """One connection, and the picture of its only question."""

    def __init__(self, server: Server, path: str, *, last_id: str = "", key: str = "") -> None:
        """Ask for ``path``; go on from ``last_id``."""
        self.rows: dict[Any, dict[str, Any]] = {}
        self.frames: list[tuple[str, dict[str, Any]]] = []
        self.last_id = last_id
        self.limit = 0
        port = int(server.url.rsplit(":", 1)[1])
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=_WAIT_S)
        resume = f"Last-Event-ID: {last_id}\r\n" if last_id else ""
        self._connection.sendall(
            # 1.0, so that the frames come without chunks around them.
            f"GET {path} HTTP/1.0\r\nAccept: text/event-stream\r\n"
            f"X-API-Key: {key or server.key}\r\n{resume}\r\n".encode()
        )
        self._unread = b""
        self.head = self._read_to(b"\r\n\r\n").decode()
        self.status = int(self.head.split()[1])

    def until(self, condition: Callable[[Follower], object]) -> None:
        """Read on until the picture meets ``condition``."""
        deadline = time.monotonic() + _WAIT_S
        while not condition(self):
            # Signs of life come all the time, so that no read takes longer than the deadline.
            assert time.monotonic() < deadline, f"this came: {self.frames[-3:]}"
            self._take(self._read_to(b"\n\n").decode())

    @property
    def kinds(self) -> list[str]:
        """Return the frames' events."""
        return [event for event, _ in self.frames]

    def close(self) -> str:
        """Hang up; return the id to come back with."""
        self._connection.close()
        return self.last_id

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_to(self, end: bytes) -> bytes:
        while end not in self._unread:
            piece = self._connection.recv(65536)
            assert piece, f"ended after {self.frames[-3:]} {self._unread!r}"
            self._unread += piece
        found, _, self._unread = self._unread.partition(end)
        return found

    def _take(self, block: str) -> None:
        fields = dict(line.split(": ", 1) for line in block.split("\n") if ": " in line)
        self.last_id = fields.get("id", self.last_id)
        if "data" not in fields:
            return
        data = json.loads(fields["data"], parse_float=Decimal)
        self.frames.append((fields["event"], data))
        if fields["event"] in ("snapshot", "update") and "q" not in data:
            self._apply(fields["event"], data)

    def _apply(self, event: str, data: dict[str, Any]) -> None:
        if event == "snapshot":
            self.rows = {}
            self.limit = data.get("limit", 1)
        fresh = {
            row["key"] if "key" in row else (row["source"], row["id"]): row for row in data["rows"]
        }
        self.rows |= fresh
        if "keys" in data:
            self.rows = {key: self.rows[key] for key in data["keys"]}
        elif "received" in next(iter(self.rows.values()), {}):
            newest = sorted(
                self.rows.items(),
                key=lambda item: (item[1]["time"], item[1]["position"], item[1]["id"]),
                reverse=True,
            )
            self.rows = dict(newest[: self.limit])
