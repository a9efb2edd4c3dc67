"""What the way through a cluster costs beside one process, and how long it takes to mend itself.

In the flow: run by hand: ``python benchmarks/bench_cluster.py [--quick]``.
Guarantee: the same requests go to one process with its embedded store and to a cluster on this
machine, in one run: three NATS servers that sync before they acknowledge, PostgreSQL, ClickHouse's
engine behind HTTP, an API process and a loader. All of that and the sender share the same cores, so
the ratio says what the way costs and not what a cluster carries.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2
from ingest_load import SHOP, lines, send_bodies

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from livetally.testing import Server
from tests.cluster_room import ClusterRoom, cluster_room
from tests.contract.databases import running_postgresql

QUICK = "--quick" in sys.argv
PER = 1_000 if QUICK else 5_000
EVENTS = 40_000 if QUICK else 400_000
SINGLES = 100 if QUICK else 400
OUTAGE_S = 5 if QUICK else 20
PARTITIONS = (1, 3) if QUICK else (1, 2, 3)
CONNECTIONS = 8


@contextmanager
def ready(server: Server) -> Iterator[httpx2.Client]:
    """Lend a client of a server that answers what it has just stored."""
    headers = {"X-API-Key": server.key}
    with httpx2.Client(base_url=server.url, headers=headers, timeout=60) as client:
        caught_up(client)
        yield client


def caught_up(client: httpx2.Client) -> None:
    """Send an event, and return when it is in answers."""
    event = {"type": "sale", "data": {"value": "1", "shop": "a", "till": 1}}
    last = client.post("/v1/events", json=event).raise_for_status().json()["position"]
    while not client.get("/v1/events", params={"limit": 1, "min_position": last}).is_success:
        pass


def cpu_s(pid: int) -> float:
    """Return the processor's time that a process has used, seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rates(server: Server, sent: Sequence[bytes]) -> tuple[float, float]:
    """Return events/s that were acknowledged, and that answers included."""
    bodies = [b"".join(sent[at : at + PER]) for at in range(0, len(sent), PER)]
    with ready(server) as client:
        begun = time.perf_counter()
        spent = send_bodies(server.url, server.key, bodies, CONNECTIONS)
        caught_up(client)
        whole = time.perf_counter() - begun
    return len(sent) / spent, len(sent) / whole


def singles(server: Server) -> tuple[float, float]:
    """Return p50 and p99 of one event at a time, milliseconds."""
    spent = []
    with ready(server) as client:
        for number in range(SINGLES):
            event = {"type": "sale", "id": f"one {number}", "data": {"value": "1", "shop": "a"}}
            begun = time.perf_counter()
            client.post("/v1/events", json=event).raise_for_status()
            spent.append((time.perf_counter() - begun) * 1000)
    cuts = statistics.quantiles(spent, n=100)
    return cuts[49], cuts[98]


@contextmanager
def fleet(room: ClusterRoom, definition: Path) -> Iterator[list[Server]]:
    """Start an API process and a loader."""
    with room.process("loader", [definition]) as loader, room.process("api", [definition]) as api:
        yield [api, loader]


def began_loading(server: Server) -> str:
    """Return when a process last began to load, as its log says; "" for never."""
    told = [line for line in server.log_text().splitlines() if "event=loading" in line]
    return told[-1].partition(" ")[0] if told else ""


def fail_over(servers: list[Server]) -> float:
    """Kill whoever loads; return the seconds until an event that came after it is in answers."""
    api, *loaders = servers
    with ready(api) as client:
        active = max(loaders, key=began_loading)
        active.kill()
        begun = time.perf_counter()
        caught_up(client)
        spent = time.perf_counter() - begun
        active.start()
    return spent


def outage(room: ClusterRoom, server: Server, sent: Sequence[bytes]) -> tuple[int, float, float]:
    """Take the store away while events come; return how many came, and how they were caught up.

    Returns:
        Events acknowledged while it was away, seconds until answers had them, and events/s.
    """
    stopping = threading.Event()
    count = 0

    def send() -> None:
        nonlocal count
        with httpx2.Client(base_url=server.url, headers={"X-API-Key": server.key}) as own:
            for at in range(0, len(sent), 500):
                if stopping.is_set():
                    return
                own.post(
                    "/v1/events",
                    content=b"".join(sent[at : at + 500]),
                    headers={"Content-Type": "application/x-ndjson"},
                    timeout=60,
                ).raise_for_status()
                count += 500

    with ready(server) as client:
        room.store_server.kill()
        sender = threading.Thread(target=send)
        sender.start()
        sender.join(OUTAGE_S)
        stopping.set()
        sender.join()
        room.store_server.start()
        begun = time.perf_counter()
        caught_up(client)
        spent = time.perf_counter() - begun
    return count, spent, count / spent


def main() -> None:
    """Print each figure beside that of one process."""
    sent = lines(EVENTS * (len(PARTITIONS) + 2))
    parts = [sent[at : at + EVENTS] for at in range(0, len(sent), EVENTS)]
    with tempfile.TemporaryDirectory() as place, running_postgresql() as database:
        definition = Path(place) / "shop.toml"
        definition.write_text(SHOP)
        with Server(definitions=[definition]) as server:
            alone, _ = rates(server, parts[0])
            p50, p99 = singles(server)
        print(f"one process: {alone:,.0f} events/s at {PER:,} a request")
        print(f"one process: one at a time p50 {p50:.1f} ms, p99 {p99:.1f} ms", flush=True)
        for number, partitions in enumerate(PARTITIONS):
            folder = Path(place) / f"cluster{partitions}"
            folder.mkdir()
            name = f"bench{partitions}"
            with (
                cluster_room(folder, database, partitions=partitions, name=name) as room,
                fleet(room, definition) as servers,
            ):
                processes = {"API process": servers[0].pid, "loader": servers[1].pid}
                processes["store"] = room.store_server.pid
                processes |= {f"NATS {at}": one.pid for at, one in enumerate(room.nats)}
                before = {what: cpu_s(pid) for what, pid in processes.items()}
                told, included = rates(servers[0], parts[number + 1])
                each = {
                    what: (cpu_s(pid) - before[what]) / EVENTS * 1e6
                    for what, pid in processes.items()
                }
                print(
                    f"cluster, partitions {partitions}: {told:,.0f} events/s acknowledged,"
                    f" {included:,.0f} in answers; {told / alone:.2f} and {included / alone:.2f}"
                    " of one process",
                    flush=True,
                )
                print(
                    "    CPU for each event:",
                    ", ".join(f"{what} {spent:.1f} us" for what, spent in each.items()),
                    flush=True,
                )
                if number:
                    continue
                p50, p99 = singles(servers[0])
                print(f"cluster: one at a time p50 {p50:.1f} ms, p99 {p99:.1f} ms", flush=True)
                with room.process("loader", [definition]) as another:
                    both = [*servers, another]
                    spent = [fail_over(both) for _ in range(1 if QUICK else 5)]
                print(
                    "a loader killed: the other's events are in answers after"
                    f" {min(spent):.1f} to {max(spent):.1f} s"
                    f" (LIVETALLY_LEASE_S={room.env['LIVETALLY_LEASE_S']})",
                    flush=True,
                )
                count, after_s, rate = outage(room, servers[0], parts[-1])
                print(
                    f"the store away for {OUTAGE_S} s: {count:,} events acknowledged meanwhile,"
                    f" caught up in {after_s:.1f} s, {rate:,.0f} events/s",
                    flush=True,
                )


if __name__ == "__main__":
    main()
