"""Records that change back, in real processes: a server that is killed, and workers that are.

In the flow: ``livetally serve`` and ``livetally worker`` fetch from a server in the Nobel Prize
API's shape, one record of which goes back and forth.
Guarantee: of each change there is one event, whatever was killed when it was to be stored.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from livetally.testing import Server
from tests.brokers import Broker
from tests.nobel import SOURCE, Nobel, nobel, prize
from tests.waiting import until

pytest_plugins = ("tests.broker_fixtures",)

PRIVATE = {"LIVETALLY_SOURCES_ALLOW_PRIVATE": "true", "LIVETALLY_QUERIES_PER_HOUR": "1000000"}
CHANGES = 8
_AMOUNTS = (150_782, 200_000)


@pytest.fixture
def api() -> Iterator[Nobel]:
    """The API."""
    with nobel() as said:
        yield said


def amounts(server: Server) -> list[int]:
    """Return the amounts that the prize which changes has had, oldest first."""
    headers = {"Authorization": f"Bearer {server.key}"}
    events: list[dict[str, Any]] = []
    try:
        reply = httpx2.get(f"{server.url}/v1/events?limit=1000", headers=headers)
    except httpx2.TransportError:
        return []
    if reply.is_success:
        events = reply.json()["events"]
    mine = [one for one in events if one["id"].startswith("1901-Physics-")]
    return [one["data"]["amount"] for one in sorted(mine, key=lambda one: one["position"])]


@contextmanager
def fetching(api: Nobel, place: Path, env: dict[str, str]) -> Iterator[Server]:
    """Run a server that fetches all the time."""
    file = place / "nobel.toml"
    file.write_text(SOURCE.replace("URL", api.url).replace("5 minutes", "1 second"))
    with Server(definitions=[file], env={**PRIVATE, **env}) as started:
        yield started


def change(api: Nobel, number: int) -> None:
    """Have the prize changed for the ``number``-th time."""
    api.prizes[3] = prize(1901, "Physics", _AMOUNTS[number % 2])


def test_the_server_is_killed_while_a_record_goes_back_and_forth(
    api: Nobel, tmp_path: Path
) -> None:
    """After a number of requests drawn at random: before, while and after the change is stored."""
    seed = random.randrange(1_000_000)
    chance = random.Random(seed)
    with fetching(api, tmp_path, {}) as server:
        until(lambda: len(amounts(server)) == 1, "the first run", 30)
        for number in range(1, CHANGES + 1):
            change(api, number)
            far = len(api.asked) + chance.randrange(1, 6)
            until(lambda far=far: len(api.asked) >= far, "requests", 30)  # type: ignore[misc]
            server.kill()
            server.start()
            until(lambda n=number: len(amounts(server)) > n, f"change {number} of {seed}", 30)  # type: ignore[misc]
        runs = len(api.asked) + 6
        until(lambda: len(api.asked) > runs, "two runs more", 30)
        expected = [_AMOUNTS[number % 2] for number in range(CHANGES + 1)]
        assert amounts(server) == expected, f"seed {seed}"


def test_workers_are_killed_while_a_record_goes_back_and_forth(
    api: Nobel, tmp_path: Path, nats_server: Broker
) -> None:
    """One after the other, in the middle of the run that brings the change."""
    nats = {"LIVETALLY_NATS": f"nats://127.0.0.1:{nats_server.port}"}
    env = {**nats, "LIVETALLY_SOURCES_ON": "workers", "LIVETALLY_WORKER_SILENCE_S_MAX": "1"}
    workers: list[subprocess.Popen[bytes]] = []

    def begin() -> None:
        given = [f"{name}={value}" for name, value in {**nats, **PRIVATE}.items()]
        command = ["/usr/bin/env", *given, sys.executable, "-m", "livetally", "worker"]
        with (tmp_path / f"worker-{len(workers)}.log").open("wb") as log:
            workers.append(subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path))

    try:
        with fetching(api, tmp_path, env) as server:
            begin()
            until(lambda: len(amounts(server)) == 1, "the first run", 30)
            for number in range(1, 5):
                change(api, number)
                begin()
                far = len(api.asked) + number % 3 + 1
                until(lambda far=far: len(api.asked) >= far, "requests", 30)  # type: ignore[misc]
                workers[-2].kill()
                until(lambda n=number: len(amounts(server)) > n, f"change {number}", 30)  # type: ignore[misc]
            runs = len(api.asked) + 6
            until(lambda: len(api.asked) > runs, "two runs more", 30)
            assert amounts(server) == [_AMOUNTS[number % 2] for number in range(5)]
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
