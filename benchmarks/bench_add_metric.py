"""How long a new metric takes to be kept over history, and what it does to commits meanwhile.

In the flow: run by hand: ``python benchmarks/bench_add_metric.py [--quick] [--events 20000000]``.
Guarantee: commits of ten events, as the writer makes them, are timed before any change and while
three metrics are added, one after the other. A fourth is asked before, at once after, and when its
projection is there, and must give the same numbers each time; nothing is timed beside that, because
a question about all events takes the processor too.
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

ADDED = {
    name: f"""
[metric.{name}]
event = "sale"
aggregate = "{aggregate}"
value = "{value}"
by = ["shop"]
"""
    for name, aggregate, value in (
        ("pieces", "sum", "pieces"),
        ("largest", "max", "amount"),
        ("smallest", "min", "amount"),
        ("mean", "avg", "amount"),
    )
}
ASKED = "mean"
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


def made(engine: Engine) -> None:
    """Wait until no change of old parts is left."""
    while engine.read("SELECT count() FROM system.mutations WHERE NOT is_done")[0][0]:
        time.sleep(0.2)


def add(engine: Engine, text: str) -> tuple[float, float]:
    """Apply a definition; return the seconds of that, and until its projections are there."""
    started = time.perf_counter()
    new = [read_toml(text, "bench.toml")]
    keep(engine, declared_fields(new), projections(new))
    applied_s = time.perf_counter() - started
    made(engine)
    return applied_s, time.perf_counter() - started


def asked(engine: Engine, text: str) -> str:
    """Add a metric that is asked before, at once after, and then; tell how long that took."""
    runner = Runner(engine, Extents(engine), SystemClock(), lambda: 1, 2)
    new = [read_toml(text, "bench.toml")]
    parameters = {"interval": ["month"], "by": ["shop"], "to": ["2025-12-01"]}
    query = parse_query(ASKED, parameters)

    def ask() -> tuple[float, Any]:
        started = time.perf_counter()
        rows = runner.answer_now(query, Declared(new), TEAM).rows
        took = (time.perf_counter() - started) * 1000
        return took, [(row.bucket_us, row.keys, row.value) for row in rows]

    raw_ms, expected = ask()
    keep(engine, declared_fields(new), projections(new))
    at_once_ms, found = ask()
    assert found == expected, "the same before the projection is made"
    made(engine)
    _, found = ask()
    assert found == expected, "the same when it is made"
    kept_ms = statistics.median(ask()[0] for _ in range(5))
    runner.close()
    return (
        f"a metric by month and shop: {raw_ms:.0f} ms before, {at_once_ms:.0f} ms at once after,"
        f" {kept_ms:.0f} ms when its projection was made; the same numbers each time"
    )


def main() -> None:
    """Fill, send, add, and ask."""
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
        text = DEFINITION
        old = [read_toml(text, "bench.toml")]
        keep(engine, declared_fields(old), projections(old))
        filled_s = fill(engine, 2013, count, show)
        print(f"{count:,} events, filled in {filled_s:.0f} s")
        show("sending alone", 0, 0)
        with Sender(engine, 1_000_000) as alone:
            time.sleep(before_s)
        meanwhile: list[float] = []
        for number, (title, added) in enumerate(ADDED.items()):
            text += added
            if title == ASKED:
                continue
            show(f"adding {title}", 0, 0)
            with Sender(engine, (number + 2) * 1_000_000) as sender:
                applied_s, made_s = add(engine, text)
            meanwhile += sender.taken_ms
            print(
                f"{title}: applied in {applied_s:.1f} s; its projection was made in {made_s:.1f} s"
            )
        usual, during = p99(alone.taken_ms), p99(meanwhile)
        print(
            f"a commit of 10 events: p50 {statistics.median(alone.taken_ms):.1f} ms alone,"
            f" {statistics.median(meanwhile):.1f} ms meanwhile; p99 {usual:.1f} ms alone"
            f" ({len(alone.taken_ms)}), {during:.1f} ms meanwhile ({len(meanwhile)}):"
            f" {during / usual:.2f} times"
        )
        show("asking", 0, 0)
        print(asked(engine, text))
        engine.close()


if __name__ == "__main__":
    main()
