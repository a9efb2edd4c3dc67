"""How much memory a long NDJSON upload takes: bounded, whatever its length.

In the flow: run by hand: ``python benchmarks/bench_ingest_memory.py [--quick]``.
Guarantee: reads the kernel's own record of the process's peak; the baseline is the peak after an
upload of a sixteenth of the length to the same process.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

from ingest_load import lines

from livetally.testing import Server

QUICK = "--quick" in sys.argv
LENGTH = (64 if QUICK else 1024) * 1024 * 1024
PIECE_EVENTS = 5_000


def peak_mib(pid: int) -> float:
    """Return the highest resident memory that a process has had."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


def pieces(length: int, seed: int) -> Iterator[bytes]:
    """Make about ``length`` bytes of lines as they are sent."""
    sent = 0
    while sent < length:
        seed += 1
        piece = b"".join(lines(PIECE_EVENTS, seed))
        sent += len(piece)
        yield piece


def upload(server: Server, length: int, seed: int) -> None:
    """Send one chunked body and print what it took."""
    headers = {"Authorization": f"Bearer {server.key}", "Content-Type": "application/x-ndjson"}
    connection = HTTPConnection(server.url.removeprefix("http://"), timeout=600)
    begun = time.perf_counter()
    connection.request("POST", "/v1/events", pieces(length, seed), headers, encode_chunked=True)
    answer = connection.getresponse()
    text = answer.read().decode()
    took = time.perf_counter() - begun
    print(f"{length // 2**20:>5} MiB in {took:.0f} s (made as they are sent): {text[:80]}")
    if answer.status != 200:
        raise SystemExit(text)


def main() -> None:
    """Print the peak after a short and after a long upload."""
    with Server() as server:
        begun = peak_mib(server.pid)
        upload(server, LENGTH // 16, 1_000_000)
        short = peak_mib(server.pid)
        upload(server, LENGTH, 0)
        long = peak_mib(server.pid)
    print(f"peak memory at start {begun:.0f} MiB, after the short upload {short:.0f} MiB,")
    print(f"after one 16 times as long {long:.0f} MiB: {long / short:.2f} of baseline")


if __name__ == "__main__":
    main()
