"""How long a new metric takes to be kept over history, and what it does to commits meanwhile.

In the flow: run by hand: ``python benchmarks/bench_add_metric.py [--quick] [--events 20000000]``.
Guarantee: commits of ten events, as the writer makes them, are timed before the change and during
it; the metric is asked before, at once after, and when its projection is there, and must give the
same numbers each time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Self

from bench_query_year import DEFINITION, TEAM, fill

from livetally.cli.progress import steps
from livetally.clock import SystemClock
from livetally.definitions import read_toml
from livetally.query import Declared, Extents, Runner, declared_fields, parse_query, projections
from livetally.store.events import EmbeddedEngine, Engine, EventRows, create, insert_rows, keep

ADDED = """
[metric.pieces]
event = "sale"
aggregate = "sum"
value = "pieces"
by = ["shop"]
"""
NOW_US = 1_767_200_000_000_000


class Sender:
    """Commits one small batch after another on a thread of its own, and times each."""

    def __init__(self, engine: Engine, position: int) -> None:
        """Go on from ``position``."""
        self.taken_ms: list[float] = []
        self._engine = engine
        self._position = position
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._send)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End after the commit under way."""
        self._ended.set()
        self._thread.join()

    def _send(self) -> None:
        while not self._ended.is_set():
            self._position += 1
            started = time.perf_counter()
            insert_rows(self._engine, _batch(self._position), self._position)
            self.taken_ms.append((time.perf_counter() - started) * 1000)
            self._ended.wait(0.02)


def _batch(position: int, count: int = 10) -> EventRows:
    data = {"amount": 1.5, "shop": "shop-1", "pieces": 3, "colour": "red"}
    return EventRows(
        team=[TEAM] * count,
        type=["sale"] * count,
        occurred_us=[NOW_US + position * 1_000 + i for i in range(count)],
        subject=["customer-1"] * count,
        source=["bench"] * count,
        id=[b"new-%d-%d" % (position, i) for i in range(count)],
        timed=[True] * count,
        received_us=[NOW_US] * count,
        data=[json.dumps(data).encode()] * count,
        attributes=[""] * count,
        fields={},
    )


def p99(taken: list[float]) -> float:
    """Return the 99th percentile."""
    return sorted(taken)[min(len(taken) - 1, int(len(taken) * 0.99))]


def busy(engine: Engine) -> int:
    """Return how many changes of old parts are not done."""
    return int(engine.read("SELECT count() FROM system.mutations WHERE NOT is_done")[0][0])


def main() -> None:
    """Fill, send, change, and wait."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--events", type=int, default=20_000_000)
    parser.add_argument("--seconds", type=float, default=30, help="of sending before the change")
    arguments = parser.parse_args()
    count = 300_000 if arguments.quick else arguments.events
    before_s = 5 if arguments.quick else arguments.seconds
    with tempfile.TemporaryDirectory() as name, steps("adding a metric:") as show:
        (Path(name) / "events").mkdir()
        engine = EmbeddedEngine(Path(name) / "events")
        create(engine)
        old = [read_toml(DEFINITION, "bench.toml")]
        keep(engine, declared_fields(old), projections(old))
        filled_s = fill(engine, 2013, count, show)
        new = [read_toml(DEFINITION + ADDED, "bench.toml")]
        runner = Runner(engine, Extents(engine), SystemClock(), lambda: 1, 2)
        end = "2025-12-01"
        query = parse_query("pieces", {"interval": ["month"], "by": ["shop"], "to": [end]})

        def ask() -> tuple[float, Any]:
            started = time.perf_counter()
            rows = runner.answer_now(query, Declared(new), TEAM).rows
            took = (time.perf_counter() - started) * 1000
            return took, [(row.bucket_us, row.keys, row.value) for row in rows]

        show("sending alone", 0, 0)
        with Sender(engine, 1_000_000) as alone:
            time.sleep(before_s)
        raw_ms, expected = ask()
        with Sender(engine, 2_000_000) as meanwhile:
            started = time.perf_counter()
            keep(engine, declared_fields(new), projections(new))
            defined_ms = (time.perf_counter() - started) * 1000
            at_once_ms, found = ask()
            assert found == expected, "the same before the projection is made"
            while busy(engine):
                show("making the projection", 0, 0)
                time.sleep(0.2)
            kept_s = time.perf_counter() - started
        _, found = ask()
        kept_ms = statistics.median(ask()[0] for _ in range(5))
        assert found == expected, "the same when it is made"
        print(f"{count:,} events, filled in {filled_s:.0f} s")
        print(f"applied in {defined_ms:.0f} ms; its projection was made {kept_s:.1f} s later")
        print(
            f"the metric by month and shop: {raw_ms:.0f} ms before, {at_once_ms:.0f} ms at once"
            f" after, {kept_ms:.0f} ms when it was made; the same numbers each time"
        )
        usual, during = p99(alone.taken_ms), p99(meanwhile.taken_ms)
        print(
            f"a commit of 10 events: p50 {statistics.median(alone.taken_ms):.1f} ms alone,"
            f" {statistics.median(meanwhile.taken_ms):.1f} ms meanwhile; p99 {usual:.1f} ms alone"
            f" ({len(alone.taken_ms)}), {during:.1f} ms meanwhile ({len(meanwhile.taken_ms)}):"
            f" {during / usual:.2f} times"
        )
        runner.close()
        engine.close()


if __name__ == "__main__":
    main()
