"""A server with one gigabyte of memory loads the flights, answers them exactly, and stays up."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from livetally.testing import Server
from tests.e2e.walls import talk
from tests.flights_oracle import METRICS, expected, grouped, scheduled
from tests.flights_server import DEFINITIONS, difference, flights_api, loaded
from tests.needs import lacking

GIB = 1024**3
UTC = ZoneInfo("UTC")


class Cgroup:
    """A group of processes that have so much memory together, and not a byte of swap."""

    def __init__(self, limit_bytes: int) -> None:
        """Make it; raises OSError where that is not allowed."""
        name = f"livetally-test-{secrets.token_hex(4)}"
        old = Path("/sys/fs/cgroup/memory")
        self._old = old.is_dir()
        self.path = (old if self._old else Path("/sys/fs/cgroup")) / name
        self.path.mkdir()
        bound = "memory.limit_in_bytes" if self._old else "memory.max"
        (self.path / bound).write_text(str(limit_bytes))

    def peak_bytes(self) -> int:
        """Return the most that was in use, pages of files included."""
        file = "memory.max_usage_in_bytes" if self._old else "memory.peak"
        return int((self.path / file).read_text())

    def kills(self) -> int:
        """Return how many processes the kernel has killed for want of memory."""
        file = "memory.oom_control" if self._old else "memory.events"
        lines = (self.path / file).read_text().splitlines()
        return int(dict(line.split() for line in lines).get("oom_kill", 0))


class Bounded(Server):
    """A server that is in a group from its first instruction on."""

    group: Cgroup

    def _command(self) -> list[str]:
        procs = self.group.path / "cgroup.procs"
        return ["/bin/sh", "-c", f'echo $$ > {procs} && exec "$@"', "sh", *super()._command()]


@contextmanager
def one_gigabyte() -> Iterator[Cgroup]:
    """Lend a group; where none can be made the test fails in CI, and is skipped elsewhere.

    ``ulimit -v`` bounds addresses, of which the engine reserves many times what it uses.
    """
    try:
        group = Cgroup(GIB)
    except OSError as error:
        lacking(f"no memory cgroup can be made here: {error.strerror}")
    try:
        yield group
    finally:
        group.path.rmdir()


@pytest.mark.timeout(600)
def test_the_flights_fit_into_one_gigabyte() -> None:
    """Loaded twice, asked by every dimension, and never killed: with the settings' defaults."""
    with one_gigabyte() as group:
        Bounded.group = group
        env = {"LIVETALLY_QUERIES_PER_HOUR": "1000000"}
        with Bounded(definitions=[DEFINITIONS], env=env) as server:
            with flights_api(server) as api:
                first = loaded(api)
                again = loaded(api)
                assert first["stored"] == again["duplicates"] > 300_000
                assert again["stored"] == 0
                groups = grouped(scheduled(), "day", UTC, ("carrier",))
                for metric in METRICS:
                    got = api.ask(metric, interval="day", by=["carrier"])
                    assert not difference(got, expected(metric, groups, UTC, ("carrier",))), metric
            with talk(server, server.key) as client:
                assert client.get("/readyz").json()["ready"] is True
            assert server.running
            assert server.stop() == 0
        print(f"at most {group.peak_bytes() / 2**20:.0f} MiB, files included")  # noqa: T201
        assert group.kills() == 0
        assert os.access(group.path, os.W_OK)
