"""How many durable events a second in NDJSON requests, against what the engine itself can load.

In the flow: run by hand: ``python benchmarks/bench_ingest_batches.py [--quick] [--connections N]``.
Guarantee: the baseline inserts the same rows, already encoded, into the same table with the same
columns and projections, 10,000 at a time with fsync, in one thread, in the same run.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

from ingest_load import SHOP, lines, send_bodies

from livetally.definitions import read_toml
from livetally.event import EventLimits, check_limits, decode_lines
from livetally.ingest import Schema
from livetally.ingest.batch import prepare
from livetally.ingest.rows import joined_rows
from livetally.query import declared_fields, projections
from livetally.store.events import EmbeddedEngine, create, insert_rows, keep
from livetally.testing import Server

QUICK = "--quick" in sys.argv
SIZES = {10: 2_000, 100: 20_000, 1_000: 100_000, 10_000: 200_000}
FULL = {10: 20_000, 100: 200_000, 1_000: 1_000_000, 10_000: 2_000_000}
BLOCK = 10_000
CONNECTIONS = 16
if "--connections" in sys.argv:
    CONNECTIONS = int(sys.argv[sys.argv.index("--connections") + 1])


def processor_s(pid: int) -> float:
    """Return how long a process has used a processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def raw_rate(sent: list[bytes], directory: Path) -> tuple[float, float]:
    """Return the engine's events/s alone, and its CPU for one; preparing and encoding left out."""
    application = read_toml(SHOP, "shop.toml")
    engine = EmbeddedEngine(directory)
    create(engine)
    keep(engine, declared_fields([application]), projections([application]))
    schema = Schema(application.events.values())
    spent = inserting = 0.0

    def timed(*arguments: object) -> None:
        nonlocal spent, inserting
        begun, own = time.perf_counter(), time.thread_time()
        insert(*arguments)  # type: ignore[arg-type] # passed on as they came
        spent += time.perf_counter() - begun
        inserting += time.thread_time() - own

    insert = engine.insert
    engine.insert = timed  # type: ignore[assignment,method-assign] # to time nothing else
    all_threads, this_one = time.process_time(), time.thread_time()
    for position, at in enumerate(range(0, len(sent), BLOCK), 1):
        decoded = decode_lines(b"".join(sent[at : at + BLOCK]))
        now_us = 1_790_000_000_000_000
        within = check_limits(decoded.events, decoded.indexes, EventLimits(), now_us)
        batch, _ = prepare(1, within, schema, now_us)
        insert_rows(engine, joined_rows([batch], [None]), position)
    engine.close()
    preparing = time.thread_time() - this_one - inserting
    engines = time.process_time() - all_threads - preparing
    return len(sent) / spent, engines / len(sent) * 1e6


def main() -> None:
    """Print a line for each size of request."""
    counts = SIZES if QUICK else FULL
    sent = lines(sum(counts.values()))
    with tempfile.TemporaryDirectory() as place:
        raw, raw_us = raw_rate(sent[: counts[10_000]], Path(place))
        definition = Path(place) / "shop.toml"
        definition.write_text(SHOP)
        print(
            f"baseline: the engine alone, {BLOCK} rows a block: {raw:,.0f} events/s,"
            f" {raw_us:.1f} us of a processor each"
        )
        print(f"{CONNECTIONS} connections")
        with Server(definitions=[definition]) as server:
            start = 0
            for per, count in counts.items():
                mine = sent[start : start + count]
                start += count
                bodies = [b"".join(mine[at : at + per]) for at in range(0, count, per)]
                before_s = processor_s(server.pid)
                rate = count / send_bodies(server.url, server.key, bodies, CONNECTIONS)
                each_us = (processor_s(server.pid) - before_s) / count * 1e6
                print(
                    f"{per:>6} a request: {rate:>9,.0f} events/s, {rate / raw:.2f} of baseline,"
                    f" {each_us:.1f} us of a processor each"
                )


if __name__ == "__main__":
    main()
