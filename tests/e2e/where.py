"""Where a test's server runs: alone with its own store, or as a process of a cluster.

In the flow: named as a plug-in by tests of what a client sees, which start their server by
``start``; each of their tests runs in both places.
Guarantee: a test does not know where it is; what a client sees is the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

import pytest

from livetally.testing import Server
from tests.cluster_room import cluster_room

__all__ = ["Start", "start"]

pytest_plugins = ("tests.contract.databases",)


class Start(Protocol):
    """Starts a server."""

    def __call__(
        self, *, definitions: Sequence[Path] = (), env: Mapping[str, str] | None = None
    ) -> AbstractContextManager[Server]:
        """Return a context manager of it."""
        ...


@pytest.fixture(scope="module", params=["alone", "cluster"])
def start(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Start]:
    """Return what starts a server in one of the two places."""
    if request.param == "alone":
        yield Server
        return

    @contextmanager
    def started(
        *, definitions: Sequence[Path] = (), env: Mapping[str, str] | None = None
    ) -> Iterator[Server]:
        database = request.getfixturevalue("postgresql_server")
        place = tmp_path_factory.mktemp("cluster")
        name = f"where_{place.name.replace('-', '_')}_{id(place)}"
        with (
            cluster_room(place, database, nats=1, name=name) as room,
            room.process("all", definitions, env) as server,
        ):
            yield server

    yield started
