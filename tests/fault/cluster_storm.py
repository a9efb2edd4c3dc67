"""Everything that can go wrong with the parts of a cluster, one after the other and together.

In the flow: strikes a ``ClusterRoom`` and its processes while tests send and look.
Guarantee: what is struck follows from the seed; every part runs again when ``strike`` returns.
"""

from __future__ import annotations

import http.client
import json
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from livetally.testing import Server, ServerFailed
from tests.cluster_room import ClusterRoom
from tests.fault.ingest_process import Answer

if TYPE_CHECKING:
    from tests.contract.databases import Server as Database

__all__ = ["AnyOf", "Storm"]

_DOWN_S_MAX = 1.5
_PAUSED_S_MAX = 4.0  # longer than a lease in tests
_UP_S_MAX = 60.0


class AnyOf:
    """Several API processes, of which each request asks one."""

    def __init__(self, servers: Sequence[Server], chance: random.Random) -> None:
        """Ask ``servers``."""
        self._servers = servers
        self._chance = chance

    def request(self, method: str, path: str, body: str = "") -> Answer:
        """Ask one of them once."""
        server = self._chance.choice(self._servers)
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=30)
        try:
            headers = {"X-API-Key": server.key, "Content-Type": "application/json"}
            connection.request(method, path, body.encode() or None, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, told, json.loads(text, parse_float=Decimal))


class _Part(NamedTuple):
    """A part: how to end it at once, start it, stop it in order, and send it a signal."""

    kill: Callable[[], object]
    start: Callable[[], object]
    stop: Callable[[], object] | None = None
    send: Callable[[signal.Signals], object] | None = None


class Storm:
    """Strikes a cluster."""

    def __init__(
        self,
        room: ClusterRoom,
        database: Database,
        processes: dict[str, Server],
        chance: random.Random,
    ) -> None:
        """Know the parts; all of them run."""
        self._chance = chance
        self.done: Counter[str] = Counter()
        self._parts: dict[str, _Part] = {}
        for name, process in processes.items():
            self._parts[name] = _Part(
                process.kill, partial(_started, process), process.stop, partial(_signalled, process)
            )
        for number, one in enumerate(room.nats):
            self._parts[f"nats{number}"] = _Part(one.kill, one.start, send=one.signal)
        self._parts["store"] = _Part(room.store_server.kill, room.store_server.start)
        self._parts["catalog"] = _Part(database.process.kill, database.process.start)
        names = list(self._parts)
        apis, loaders, nats = (
            tuple(name for name in names if name.startswith(kind))
            for kind in ("api", "loader", "nats")
        )
        self._groups: list[tuple[str, ...]] = [(name,) for name in names]
        self._groups += [apis, loaders, nats, nats[:2], (*loaders[:1], "store"), tuple(names)]
        chance.shuffle(self._groups)

    def strike(self) -> None:
        """Let something go wrong, and mend it."""
        group = self._groups[sum(self.done.values()) % len(self._groups)]
        how = self._chance.choice(["kill", "kill", "pause", "restart"])
        parts = [self._parts[name] for name in group]
        if how == "pause" and all(part.send for part in parts):
            self._pause(parts)
        elif how == "restart" and all(part.stop for part in parts):
            self._together([part.stop for part in parts if part.stop])
            self._together([part.start for part in parts])
        else:
            how = "kill"
            self._together([part.kill for part in parts])
            time.sleep(self._chance.random() * _DOWN_S_MAX)  # sleeps: for as long as it is down
            self._together([part.start for part in parts])
        self.done[f"{how} {' '.join(group)}"] += 1

    def _pause(self, parts: Sequence[_Part]) -> None:
        for part in parts:
            if part.send:
                part.send(signal.SIGSTOP)
        time.sleep(self._chance.random() * _PAUSED_S_MAX)  # sleeps: for as long as it stands still
        for part in parts:
            if part.send:
                part.send(signal.SIGCONT)

    def _together(self, steps: Sequence[Callable[[], object]]) -> None:
        failed: list[BaseException] = []

        def run(step: Callable[[], object]) -> None:
            try:
                step()
            except BaseException as error:  # noqa: BLE001 - the test's thread raises it
                failed.append(error)

        threads = [threading.Thread(target=run, args=(step,)) for step in steps]
        with ExitStack() as stack:
            for thread in threads:
                thread.start()
                stack.callback(thread.join)
        if failed:
            raise failed[0]


def _started(process: Server) -> None:
    """Start a process, as a supervisor does: again while what it needs is not there."""
    deadline = time.monotonic() + _UP_S_MAX
    while True:
        try:
            process.start()
        except ServerFailed:
            if time.monotonic() > deadline:
                raise
        else:
            return


def _signalled(process: Server, number: signal.Signals) -> None:
    import os

    os.kill(process.pid, number)
