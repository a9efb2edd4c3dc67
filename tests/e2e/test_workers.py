"""Workers as real processes: a server that fetches nothing itself, NATS, and what gets killed.

In the flow: ``livetally serve``, two ``livetally worker``, a NATS server, and a server in the Nobel
Prize API's shape that waits where a test wants it to.
Guarantee: whoever dies in the middle of a run, another worker goes on, and no record counts twice.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from livetally.cli import main
from livetally.client import Client
from livetally.testing import Server
from tests.brokers import Broker
from tests.nobel import SOURCE, Nobel, nobel
from tests.waiting import until

pytest_plugins = ("tests.broker_fixtures",)

_SILENCE_S = 2


class WorkerProcess:
    """A worker: its process and its name."""

    def __init__(self, broker: Broker, log: Path) -> None:
        """Start it, and return when it can be offered runs."""
        env = (
            f"LIVETALLY_NATS=nats://127.0.0.1:{broker.port}",
            "LIVETALLY_SOURCES_ALLOW_PRIVATE=true",
        )
        command = ["/usr/bin/env", *env, sys.executable, "-m", "livetally", "worker"]
        with log.open("wb") as output:
            self.process = subprocess.Popen(command, stdout=output, stderr=output, cwd=log.parent)

        def name() -> str:
            assert self.process.poll() is None, log.read_text()
            found = re.search(r"Livetally worker (\S+) waits", log.read_text())
            return found[1] if found else ""

        until(name, "the worker to be ready", 30)
        self.name = name()

    def end(self, number: signal.Signals = signal.SIGKILL) -> int:
        """Send a signal, and wait until it is gone."""
        self.process.send_signal(number)
        return self.process.wait(15)


class Gate:
    """Lets answers of the API through, but for one page, which waits."""

    def __init__(self, api: Nobel, page: str) -> None:
        """Hold up every request whose address has ``page`` in it, until ``open`` is called."""
        self._page = page
        self._way = threading.Event()
        self.reached = threading.Event()
        api.instead = self._instead

    def open(self) -> None:
        """Let everything through."""
        self._way.set()

    def _instead(self, path: str, _number: int) -> None:
        if self._page in path:
            self.reached.set()
            self._way.wait(60)


@pytest.fixture
def api() -> Iterator[Nobel]:
    """The API."""
    with nobel() as said:
        yield said


@pytest.fixture
def start_worker(nats_server: Broker, tmp_path: Path) -> Iterator[Callable[[], WorkerProcess]]:
    """Return what starts a worker."""
    started: list[WorkerProcess] = []

    def start() -> WorkerProcess:
        started.append(WorkerProcess(nats_server, tmp_path / f"worker-{len(started)}.log"))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.wait()


@pytest.fixture
def server(api: Nobel, nats_server: Broker, tmp_path: Path) -> Iterator[Server]:
    """A server whose source is run when a test says so."""
    file = tmp_path / "nobel.toml"
    file.write_text(SOURCE.replace("URL", api.url).replace("every =", "start = false\nevery ="))
    env = {
        "LIVETALLY_SOURCES_ON": "workers",
        "LIVETALLY_NATS": f"nats://127.0.0.1:{nats_server.port}",
        "LIVETALLY_WORKER_SILENCE_S_MAX": str(_SILENCE_S),
        "LIVETALLY_QUERIES_PER_HOUR": "100000",
    }
    with Server(definitions=[file], env=env) as started:
        yield started


def source(server: Server) -> dict[str, Any]:
    """Return the source as the server shows it."""
    headers = {"Authorization": f"Bearer {server.key}"}
    return dict(httpx2.get(f"{server.url}/v1/sources/nobel", headers=headers).json())


def listed(server: Server) -> list[dict[str, Any]]:
    """Return the workers that the server has heard of."""
    headers = {"Authorization": f"Bearer {server.key}"}
    return list(httpx2.get(f"{server.url}/v1/sources", headers=headers).json()["workers"])


def measured(server: Server, name: str) -> float:
    """Return a measurement, the sum over its labels."""
    headers = {"Authorization": f"Bearer {server.key}"}
    text = httpx2.get(f"{server.url}/metrics", headers=headers).text
    return sum(
        float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)", text, re.MULTILINE)
    )


def total(server: Server) -> Any:
    """Return how many prizes count."""
    with Client(server.url, server.key) as client:
        return sum(row["value"] for row in client.query("prizes").rows)


def command(server: Server, action: str) -> None:
    """Say something to the source."""
    assert main(["sources", action, "nobel", "--url", server.url, "--key", server.key]) == 0


def holder_of(server: Server, workers: list[WorkerProcess]) -> WorkerProcess:
    """Return the worker that does the run."""
    until(lambda: any(one["runs"] for one in listed(server)), "a worker to say what it does")
    (name,) = [one["name"] for one in listed(server) if one["runs"]]
    return next(one for one in workers if one.name == name)


def test_one_of_two_workers_is_killed(
    server: Server, api: Nobel, start_worker: Callable[[], WorkerProcess]
) -> None:
    """In the middle of a run, by SIGKILL: the other one continues, and nothing counts twice."""
    workers = [start_worker(), start_worker()]
    until(lambda: len(listed(server)) == 2, "the server to know both")
    gate = Gate(api, "offset=8")
    command(server, "run")
    assert gate.reached.wait(20)
    assert total(server) == 8
    lost = holder_of(server, workers)
    lost.end()
    before = len(api.asked)
    until(lambda: len(api.asked) >= before + 3, "the other worker to take over", 30)
    gate.open()
    until(lambda: source(server)["runs"] == 1, "the run to end", 30)
    state = source(server)
    assert (state["stored"], state["duplicates"], state["last_error"]) == (10, 8, None)
    assert total(server) == 10
    assert measured(server, "livetally_source_workers_lost_total") == 1
    until(lambda: len(listed(server)) == 1, "the server to know that one is gone", 30)
    assert listed(server)[0]["name"] != lost.name
    command(server, "run")
    until(lambda: source(server)["runs"] == 2, "the next run", 30)
    assert total(server) == 10


def test_a_worker_that_is_told_to_stop_hands_its_run_on(
    server: Server, api: Nobel, start_worker: Callable[[], WorkerProcess]
) -> None:
    """SIGTERM in the middle of a run: it says so, exits 0, and another one does the run at once."""
    workers = [start_worker(), start_worker()]
    gate = Gate(api, "offset=8")
    command(server, "run")
    assert gate.reached.wait(20)
    gate.reached.clear()
    assert holder_of(server, workers).end(signal.SIGTERM) == 0
    assert gate.reached.wait(20)
    gate.open()
    until(lambda: source(server)["runs"] == 1, "the run to end", 30)
    assert (source(server)["last_error"], total(server)) == (None, 10)
    assert measured(server, "livetally_source_workers_lost_total") == 0


def test_stop_reaches_the_worker(
    server: Server, api: Nobel, start_worker: Callable[[], WorkerProcess]
) -> None:
    """A stop in the middle of a run ends it there; what came is kept, and start goes on."""
    start_worker()
    gate = Gate(api, "offset=4")
    command(server, "start")
    assert gate.reached.wait(20)
    command(server, "stop")
    until(lambda: source(server)["runs"] == 1, "the run to end", 30)
    gate.open()
    until(lambda: [one["runs"] for one in listed(server)] == [0], "the worker to be free", 30)
    assert (source(server)["running"], total(server)) == (False, 4)
    assert not any("offset=8" in path for path in api.asked)
    command(server, "start")
    until(lambda: source(server)["runs"] == 2, "the run after the start", 30)
    assert total(server) == 10


def test_the_server_is_killed(
    server: Server, api: Nobel, start_worker: Callable[[], WorkerProcess]
) -> None:
    """In the middle of a run: the worker lets go of it, and does it again for the next server."""
    start_worker()
    gate = Gate(api, "offset=8")
    command(server, "start")
    assert gate.reached.wait(20)
    server.kill()
    server.start()
    gate.open()
    until(lambda: source(server)["runs"] == 1, "the run to be done again", 60)
    assert (source(server)["last_error"], total(server)) == (None, 10)


def test_the_broker_is_killed(
    server: Server, api: Nobel, nats_server: Broker, start_worker: Callable[[], WorkerProcess]
) -> None:
    """In the middle of a run: server and worker wait for it to come back, and nothing is lost."""
    start_worker()
    gate = Gate(api, "offset=8")
    command(server, "run")
    assert gate.reached.wait(20)
    nats_server.kill()
    gate.open()
    nats_server.start()
    until(lambda: source(server)["runs"] == 1, "the run to end", 60)
    command(server, "run")
    until(lambda: source(server)["runs"] == 2, "the next run", 60)
    assert (source(server)["last_error"], total(server)) == (None, 10)
