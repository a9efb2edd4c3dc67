"""What the tests of backups do with servers: take, restore, and compare what they hold.

In the flow: around ``FaultyServer`` and its senders; restores with the command, in its own process.
Guarantee: stores are compared by every raw row and by recounts of them, not by what a backup says.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.fault.ingest_checker import check_statistics, raw_rows
from tests.fault.ingest_kills import definition
from tests.fault.ingest_process import FaultyServer
from tests.fault.ingest_senders import Ledger, Sender
from tests.waiting import until

__all__ = [
    "begin_restore",
    "check_same",
    "define",
    "restored",
    "sending",
    "take_backup",
    "until_sent",
    "verified",
]


def define(server: FaultyServer) -> None:
    """Declare what the senders send."""
    answer = server.request("PUT", "/v1/definitions/shop", definition(), "toml")
    assert answer.status == 200, answer


@contextmanager
def sending(server: FaultyServer, ledger: Ledger, senders: int = 3) -> Iterator[list[Sender]]:
    """Have events come until the block is left; each is acknowledged at its end."""
    stopping = threading.Event()
    threads = [Sender(server, ledger, "abcdef"[number], stopping) for number in range(senders)]
    for thread in threads:
        thread.start()
    try:
        yield threads
        stopping.set()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive(), "a batch is never acknowledged"
            if thread.failure is not None:
                raise thread.failure
    finally:
        stopping.set()
        for thread in threads:
            thread.abandoned.set()


def take_backup(server: FaultyServer, to: Path, *, full: bool = False) -> dict[str, Any]:
    """Take a backup; return what the server says of it, or problem details.

    Raises:
        OSError, http.client.HTTPException: the server has gone meanwhile.
    """
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        headers = {"X-API-Key": server.key}
        body = json.dumps({"to": str(to), "full": full})
        connection.request("POST", "/v1/backups", body, headers)
        lines = connection.getresponse().read().splitlines()
    finally:
        connection.close()
    told: dict[str, Any] = json.loads(lines[-1])
    made: dict[str, Any] = told.get("backup", told)
    return made


def begin_restore(place: Path, data: Path, *options: str) -> subprocess.Popen[str]:
    """Start the command."""
    command = [sys.executable, "-m", "livetally", "restore", str(place), "--data", str(data)]
    return subprocess.Popen(
        [*command, "--json", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=data.parent,
    )


def restored(place: Path, data: Path, *options: str) -> dict[str, Any]:
    """Restore; return what the command says."""
    out, err = (running := begin_restore(place, data, *options)).communicate(timeout=90)
    assert running.returncode == 0, err
    told: dict[str, Any] = json.loads(out.splitlines()[-1])
    return told


def verified(server: FaultyServer) -> bool:
    """Have every metric recomputed by the server itself."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=90)
    with contextlib.closing(connection):
        connection.request("POST", "/v1/verify", headers={"X-API-Key": server.key})
        lines = connection.getresponse().read().splitlines()
    return bool(json.loads(lines[-1])["verified"])


def check_same(server: FaultyServer, rows: list[dict[str, Any]], position: int, seed: int) -> None:
    """Check that a server holds exactly the ``rows`` up to ``position``, and counts them right."""
    expected = {(row["source"], row["id"]): row for row in rows if row["position"] <= position}
    found = raw_rows(server)
    assert len(found) == len(expected)
    assert {(row["source"], row["id"]): row for row in found} == expected
    check_statistics(server, found, seed)
    assert verified(server)


def until_sent(ledger: Ledger, events: int) -> None:
    """Wait until so many events were stored."""
    until(lambda: ledger.stored >= events, f"{events} events", 60)
