"""A whole cluster on this machine: three NATS servers, PostgreSQL, ClickHouse's engine, processes.

In the flow: started by the tests of what lies beyond one machine; they kill and stop its parts.
Guarantee: everything listens on this machine only and is gone at the end; each part keeps its port
and its files over a restart; NATS syncs before it acknowledges.
"""

from __future__ import annotations

import itertools
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from livetally.testing import Server
from tests.brokers import Broker, free_port
from tests.clickhouse_server import ClickHouseServer

if TYPE_CHECKING:
    from tests.contract.databases import Server as Database

__all__ = ["ClusterRoom", "cluster_room", "nats_servers"]

KEY = "root-of-the-cluster"
_names = itertools.count(1)


class NatsServer(Broker):
    """One of several NATS servers."""

    def __init__(
        self, folder: Path, name: str, ports: Sequence[tuple[int, int, int]], sync: str
    ) -> None:
        """Write its configuration; the first of ``ports`` are its own, the others its peers'."""
        port, route, monitor = ports[0]
        routes = ", ".join(f"nats://127.0.0.1:{other}" for _, other, _ in ports[1:])
        cluster = (
            f'cluster {{ name: livetally, listen: "127.0.0.1:{route}", routes: [{routes}] }}\n'
            if routes
            else ""
        )
        file = folder / f"{name}.conf"
        file.write_text(
            f'server_name: {name}\nlisten: "127.0.0.1:{port}"\nhttp: "127.0.0.1:{monitor}"\n'
            f'jetstream {{ store_dir: "{folder / name}", sync_interval: {sync} }}\n{cluster}'
        )
        program = Path(sys.executable).parent / "nats-server"
        super().__init__([str(program), "-c", str(file)], port, folder / f"{name}.log")
        self.monitor = f"http://127.0.0.1:{monitor}"

    def signal(self, number: signal.Signals) -> None:
        """Send any signal."""
        assert self._process is not None
        self._process.send_signal(number)


def nats_servers(folder: Path, count: int, sync: str = "always") -> list[NatsServer]:
    """Return the servers of a cluster; none is started yet."""
    ports = [(free_port(), free_port(), free_port()) for _ in range(count)]
    return [
        NatsServer(
            folder, f"n{number}", [ports[number], *ports[:number], *ports[number + 1 :]], sync
        )
        for number in range(count)
    ]


class ClusterRoom:
    """The engines of a cluster, and how to start processes on them."""

    def __init__(
        self,
        folder: Path,
        nats: list[NatsServer],
        catalog: str,
        store_server: ClickHouseServer,
        partitions: int,
    ) -> None:
        """Take running engines over."""
        self.folder = folder
        self.nats = nats
        self.catalog = catalog
        self.store_server = store_server
        self._partitions = partitions
        self.env_of_all: dict[str, str] = {}

    def process(
        self,
        role: str,
        definitions: Sequence[Path | str] = (),
        env: Mapping[str, str] | None = None,
    ) -> Server:
        """Return a process of a role; it is not started yet."""
        return Server(
            self.folder / f"{role}-{next(_names)}",
            definitions=definitions,
            env={**self.env, "LIVETALLY_ROLE": role, **(env or {})},
            key=KEY,
        )

    @property
    def env(self) -> dict[str, str]:
        """The settings of every process."""
        return {
            "LIVETALLY_STORE": self.store_server.url,
            "LIVETALLY_CATALOG": self.catalog,
            "LIVETALLY_LOG": self.log,
            "LIVETALLY_LOG_REPLICAS": str(min(3, len(self.nats))),
            "LIVETALLY_LOG_PARTITIONS": str(self._partitions),
            "LIVETALLY_LOG_MONITORS": ",".join(one.monitor for one in self.nats),
            "LIVETALLY_QUERIES_PER_HOUR": "1000000",
            "LIVETALLY_LEASE_S": "2",
            **self.env_of_all,
        }

    @property
    def log(self) -> str:
        """The addresses of the NATS servers."""
        return ",".join(f"nats://127.0.0.1:{one.port}" for one in self.nats)


@contextmanager
def cluster_room(
    folder: Path,
    database: Database,
    *,
    nats: int = 3,
    partitions: int = 1,
    name: str = "livetally_cluster",
    sync: str = "always",
) -> Iterator[ClusterRoom]:
    """Start the engines; they end with the block."""
    servers = nats_servers(folder, nats, sync)
    (folder / "clickhouse").mkdir()
    store = ClickHouseServer(folder / "clickhouse")
    try:
        for one in servers:
            one.start()
        room = ClusterRoom(folder, servers, database.make_database(name), store, partitions)
        yield room
    finally:
        for one in servers:
            if one.is_running:
                one.signal(signal.SIGCONT)
            one.kill()
        store.close()
