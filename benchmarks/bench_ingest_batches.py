"""How many durable events a second in NDJSON requests, against what the engine itself can load.

In the flow: run by hand: ``python benchmarks/bench_ingest_batches.py [--quick] [--connections N]``.
Guarantee: both baselines fill the same table with the same columns and projections in the same run,
each insert with fsync, one after the other; merges run beside them, as they do in the server. The
first loads the same lines, as many an insert as a request has, and the engine parses them and reads
the declared field. The second is given finished blocks: nothing is parsed, checked or compared.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

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
INSERTS_MAX = 200
LOAD = """
INSERT INTO livetally.events (
    team, type, occurred_at, subject, source, id, timed, received_at, position, data, attributes
)
SELECT
    1, type, parseDateTime64BestEffort(time, 6, 'UTC'), subject, source, id, 1, now64(6), 1,
    data, ''
FROM file(
    {file:String}, 'JSONEachRow',
    'type String, id String, source String, time String, subject String, data String'
)
"""
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


@contextmanager
def engine_alone() -> Iterator[tuple[EmbeddedEngine, Path]]:
    """Open an engine with the shop's table, and the directory that it is in."""
    application = read_toml(SHOP, "shop.toml")
    with tempfile.TemporaryDirectory() as place:
        engine = EmbeddedEngine(Path(place))
        create(engine)
        keep(engine, declared_fields([application]), projections([application]))
        try:
            yield engine, Path(place)
        finally:
            engine.close()


def timed(insert: Callable[[Any], None], blocks: Sequence[Any], events: int) -> Raw:
    """Return what it takes to insert blocks of so many events."""
    begun, used = time.perf_counter(), time.process_time()
    for block in blocks:
        insert(block)
    took, used = time.perf_counter() - begun, time.process_time() - used
    return Raw(events / took, used / events * 1e6)


def raw_lines(sent: list[bytes], rows: int) -> Raw:
    """Have the engine alone load lines, ``rows`` an insert."""
    sent = sent[: rows * INSERTS_MAX]
    with engine_alone() as (engine, place):
        files = []
        for at in range(0, len(sent), rows):
            files.append(place / f"{at}.ndjson")
            files[-1].write_bytes(b"".join(sent[at : at + rows]))
        return timed(lambda file: engine.execute(LOAD, {"file": str(file)}), files, len(sent))


def raw_blocks(sent: list[bytes], rows: int) -> Raw:
    """Give the engine alone finished blocks of ``rows``; to make them is left out."""
    schema = Schema(read_toml(SHOP, "shop.toml").events.values())
    blocks = []
    for position, at in enumerate(range(0, len(sent), rows), 1):
        decoded = decode_lines(b"".join(sent[at : at + rows]))
        within = check_limits(decoded.events, decoded.indexes, EventLimits(), NOW_US)
        batch, _ = prepare(1, within, schema, NOW_US)
        blocks.append(encode_rows(joined_rows([batch], [None]), position))
    with engine_alone() as (engine, _):
        return timed(lambda block: insert_encoded(engine, [block]), blocks, len(sent))


def tell(what: str, raw: Raw) -> None:
    """Print what a baseline came to."""
    print(f"{what}: {raw.rate:,.0f} events/s, {raw.cpu_us:.1f} us of a processor each", flush=True)


def main() -> None:
    """Print a line for each size of request."""
    counts = SIZES if QUICK else FULL
    sent = lines(sum(counts.values()))
    alone: dict[int, Raw] = {}
    for per, count in counts.items():
        raw = alone[per] = raw_lines(sent[:count], per)
        tell(f"baseline: the engine alone, {per} lines an insert", raw)
    largest = max(counts)
    blocks = raw_blocks(sent[: counts[largest]], largest)
    tell(f"baseline: the engine alone, finished blocks of {largest}", blocks)
    print(f"{CONNECTIONS} connections")
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
                    f" {rate / alone[per].rate:.2f} of the engine with the same lines,"
                    f" {rate / blocks.rate:.2f} of it with finished blocks,"
                    f" {each_us:.1f} us of a processor each"
                )


if __name__ == "__main__":
    main()
