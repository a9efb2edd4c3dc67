"""How many durable events a second in NDJSON requests, against what the engine itself can load.

In the flow: run by hand: ``python benchmarks/bench_ingest_batches.py [--quick] [--connections N]``.
Guarantee: the baseline inserts the same rows, already encoded, into the same table with the same
columns and projections, each block with fsync, one after the other in one thread, in the same run:
as many rows a block as a request has events. Its merges run beside it, as they do in the server.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from ingest_load import SHOP, lines, send_bodies

from livetally.definitions import read_toml
from livetally.event import EventLimits, check_limits, decode_lines
from livetally.ingest import Schema
from livetally.ingest.batch import prepare
from livetally.ingest.rows import joined_rows
from livetally.query import declared_fields, projections
from livetally.store.events import EmbeddedEngine, create, encode_rows, insert_encoded, keep
from livetally.testing import Server

QUICK = "--quick" in sys.argv
SIZES = {10: 2_000, 100: 20_000, 1_000: 100_000, 10_000: 200_000}
FULL = {10: 20_000, 100: 200_000, 1_000: 1_000_000, 10_000: 2_000_000}
NOW_US = 1_790_000_000_000_000
CONNECTIONS = 16
if "--connections" in sys.argv:
    CONNECTIONS = int(sys.argv[sys.argv.index("--connections") + 1])


def processor_s(pid: int) -> float:
    """Return how long a process has used a processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Raw(NamedTuple):
    """What the engine does alone: events a second, and its CPU for one, microseconds."""

    rate: float
    cpu_us: float


def raw_rate(sent: list[bytes], rows: int) -> Raw:
    """Have the engine alone load events in blocks of ``rows``; preparing and encoding left out."""
    application = read_toml(SHOP, "shop.toml")
    schema = Schema(application.events.values())
    blocks = []
    for position, at in enumerate(range(0, len(sent), rows), 1):
        decoded = decode_lines(b"".join(sent[at : at + rows]))
        within = check_limits(decoded.events, decoded.indexes, EventLimits(), NOW_US)
        batch, _ = prepare(1, within, schema, NOW_US)
        blocks.append(encode_rows(joined_rows([batch], [None]), position))
    with tempfile.TemporaryDirectory() as place:
        engine = EmbeddedEngine(Path(place))
        create(engine)
        keep(engine, declared_fields([application]), projections([application]))
        begun, used = time.perf_counter(), time.process_time()
        for block in blocks:
            insert_encoded(engine, [block])
        took, used = time.perf_counter() - begun, time.process_time() - used
        engine.close()
    return Raw(len(sent) / took, used / len(sent) * 1e6)


def main() -> None:
    """Print a line for each size of request."""
    counts = SIZES if QUICK else FULL
    sent = lines(sum(counts.values()))
    alone: dict[int, Raw] = {}
    for per, count in counts.items():
        raw = alone[per] = raw_rate(sent[:count], per)
        print(
            f"baseline: the engine alone, {per} rows a block: {raw.rate:,.0f} events/s,"
            f" {raw.cpu_us:.1f} us of a processor each",
            flush=True,
        )
    print(f"{CONNECTIONS} connections")
    largest = max(alone)
    with tempfile.TemporaryDirectory() as place:
        definition = Path(place) / "shop.toml"
        definition.write_text(SHOP)
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
                    f"{per:>6} a request: {rate:>9,.0f} events/s,"
                    f" {rate / alone[per].rate:.2f} of the engine alone with such blocks,"
                    f" {rate / alone[largest].rate:.2f} with {largest} rows a block,"
                    f" {each_us:.1f} us of a processor each"
                )


if __name__ == "__main__":
    main()
