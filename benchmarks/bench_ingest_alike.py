"""What reading lines of NDJSON by columns saves, and what it costs where lines are not alike.

In the flow: run by hand: ``python benchmarks/bench_ingest_alike.py [--quick]``.
Guarantee: the same lines are read both ways in one run, in turn, from bytes to batches that are
ready for the writer; nothing is stored.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from ingest_load import SHOP, lines

from livetally.clock import SystemClock
from livetally.definitions import read_toml
from livetally.event import EventLimits, decode_lines
from livetally.ingest import Schema
from livetally.ingest.chunks import Preparing

EVENTS = 20_000 if "--quick" in sys.argv else 100_000
TIMES = 3 if "--quick" in sys.argv else 7
SHAPES = (1, 4, 16)


def shaped(line: bytes, number: int, shapes: int) -> bytes:
    """Give a line further members of its data, which tell ``shapes`` shapes apart."""
    further = number * 7919 % 104_729 % shapes
    return line.replace(b'"data":{', b'"data":{' + b'"more":{},' * further)


def best_us(ways: list[Callable[[bytes], object]], chunks: list[bytes]) -> list[float]:
    """Return for each way the least time for an event, of several rounds in turn."""
    best = [float("inf")] * len(ways)
    for _ in range(TIMES):
        for number, read in enumerate(ways):
            begun = time.perf_counter()
            for chunk in chunks:
                read(chunk)
            best[number] = min(best[number], time.perf_counter() - begun)
    return [took / EVENTS * 1e6 for took in best]


def main() -> None:
    """Print a line for each mix of lines and length of a chunk."""
    application = read_toml(SHOP, "shop.toml")
    schema = Schema(application.events.values())
    preparing = Preparing(SystemClock(), lambda _team: schema, EventLimits())
    made = lines(EVENTS)

    def as_served(chunk: bytes) -> object:
        return preparing.lines(1, chunk, 0)

    def one_by_one(chunk: bytes) -> object:
        decoded = decode_lines(chunk)
        return preparing.decoded(1, decoded)

    print("us an event         by columns  one by one")
    for shapes in SHAPES:
        mixed = [shaped(line, number, shapes) for number, line in enumerate(made)]
        for per in (100, 1_000, 3_000):
            chunks = [b"".join(mixed[at : at + per]) for at in range(0, EVENTS, per)]
            by_columns, alone = best_us([as_served, one_by_one], chunks)
            print(f"{shapes:>2} shapes, {per:>5,} lines {by_columns:>9.2f} {alone:>10.2f}")


if __name__ == "__main__":
    main()
