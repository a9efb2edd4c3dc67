"""Holds thousands of event streams open from one process, and notes what arrives when.

In the flow: started by ``bench_live_fanout.py`` as a process of its own, so that reading costs the
server nothing but its share of the processor; writes one JSON object for each command it is given.
Guarantee: a stream's frames are counted, never guessed; a broken stream is an error.

A line on standard input begins each step: ``read SECONDS`` without noting what comes, ``measure
SECONDS`` or ``quit``.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import select
import socket
import sys
import time
from urllib.parse import urlsplit

_AT_ONCE = 250
_OPEN_S_MAX = 120.0
_POSITION = b'"position":'


class Reader:
    """Every stream of one process."""

    def __init__(self, url: str, paths: list[str], key: str, streams: int) -> None:
        """Ask ``paths`` in turn, ``streams`` in all."""
        parts = urlsplit(url)
        self.address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.requests = [
            (
                f"GET {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: text/event-stream\r\n"
                f"X-API-Key: {key}\r\n\r\n"
            ).encode()
            for path in paths
        ]
        self.streams = streams
        self.poll = select.epoll()
        self.sockets: dict[int, socket.socket] = {}
        self.seen: dict[int, int] = {}
        self.asks: dict[int, int] = {}
        # Per piece read: which path, arrival in ns, position before, position after.
        self.notes: list[tuple[int, int, int, int]] = []
        self.frames = 0

    def open(self) -> None:
        """Open all streams; return when each has had its first frame."""
        for start in range(0, self.streams, _AT_ONCE):
            fresh = [self._connect(n) for n in range(start, min(start + _AT_ONCE, self.streams))]
            waiting = set(fresh)
            deadline = time.monotonic() + _OPEN_S_MAX
            while waiting:
                if time.monotonic() > deadline:
                    message = f"{len(waiting)} streams did not begin"
                    raise TimeoutError(message)
                for descriptor, _ in self.poll.poll(1.0):
                    if self._read(descriptor) and descriptor in waiting:
                        waiting.discard(descriptor)

    def measure(self, seconds: float) -> dict[str, object]:
        """Read for some time; return the notes."""
        self.notes.clear()
        self.frames = 0
        took_s = self.read(seconds)
        return {"frames": self.frames, "seconds": took_s, "notes": self.notes}

    def read(self, seconds: float) -> float:
        """Read for so long; return for how long it was."""
        began = time.monotonic_ns()
        until = began + int(seconds * 1e9)
        while time.monotonic_ns() < until:
            for descriptor, _ in self.poll.poll(0.05):
                self._read(descriptor)
        return (time.monotonic_ns() - began) / 1e9

    def _connect(self, number: int) -> int:
        connection = socket.create_connection(self.address, timeout=30)
        connection.sendall(self.requests[number % len(self.requests)])
        connection.setblocking(False)
        descriptor = connection.fileno()
        self.sockets[descriptor] = connection
        self.seen[descriptor] = -1
        self.asks[descriptor] = number % len(self.requests)
        self.poll.register(descriptor, select.EPOLLIN)
        return descriptor

    def _read(self, descriptor: int) -> bool:
        """Read what is there; tell whether a position was in it."""
        data = self.sockets[descriptor].recv(65536)
        if not data:
            raise ConnectionError("a stream has ended")
        now = time.monotonic_ns()
        self.frames += data.count(b"event: update")
        at = data.rfind(_POSITION)
        if at < 0:
            return False
        digits = data[at + len(_POSITION) : at + 40]
        position = int(digits[: len(digits) - len(digits.lstrip(b"0123456789"))])
        before, self.seen[descriptor] = self.seen[descriptor], position
        if b"event: update" in data:
            self.notes.append((self.asks[descriptor], now, before, position))
        return True


def main() -> None:
    """Open the streams, then do what standard input says."""
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("key")
    parser.add_argument("streams", type=int)
    parser.add_argument("paths", nargs="+")
    options = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    gc.disable()  # its pauses would be counted as the server's
    reader = Reader(options.url, options.paths, options.key, options.streams)
    reader.open()
    print(json.dumps({"open": options.streams}), flush=True)
    for line in sys.stdin:
        command, _, argument = line.strip().partition(" ")
        if command == "quit":
            break
        seconds = float(argument)
        told = {"read": reader.read(seconds)} if command == "read" else reader.measure(seconds)
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
