"""Half of the peak for twenty minutes, with everything that happens beside it: does anything grow?

In the flow: run by hand or by a nightly job; starts a server of its own, sends, asks, follows live
views, changes the definitions once and takes a backup.
Guarantee: fails when memory, latency or the number of parts in the last quarter are beyond what
they were in the second, by more than the named factors.

    python benchmarks/soak.py --minutes 20 [--csv soak.csv] [--svg soak.svg]
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import httpx2

from livetally.testing import Server

_DEFINITION = """
application = "soak"
[event.tick]
data.value = "integer"
data.shop = "string"
[metric.ticks]
event = "tick"
aggregate = "count"
by = ["shop"]
[metric.total]
event = "tick"
aggregate = "sum"
value = "value"
"""
_SECOND = '[metric.largest]\nevent = "tick"\naggregate = "max"\nvalue = "value"\nby = ["shop"]\n'
_BATCH = 500
_PEAK_S = 10
_SAMPLE_S = 5.0
_STREAMS = 20
# By how much the last quarter may be beyond the second.
_MEMORY_FACTOR = 1.25
_LATENCY_FACTOR = 2.0
_PARTS_FACTOR = 2.0


class Sample(NamedTuple):
    """What was seen at one moment."""

    at_s: float
    memory_mib: float
    parts: float
    send_ms: float
    query_ms: float


class Soak:
    """One run."""

    def __init__(self, server: Server) -> None:
        """Nothing was sent yet."""
        self.server = server
        self.sent = 0
        self.stopping = threading.Event()
        self.send_ms: list[float] = []
        self.query_ms: list[float] = []
        self.frames = 0
        self.failures: list[str] = []

    def client(self) -> httpx2.Client:
        """Return a client with the operator's key."""
        headers = {"X-API-Key": self.server.key}
        return httpx2.Client(base_url=self.server.url, headers=headers, trust_env=False, timeout=60)

    def send(self, client: httpx2.Client) -> float:
        """Send one batch; return how long it took, milliseconds."""
        lines = []
        for _ in range(_BATCH):
            self.sent += 1
            data = {"value": self.sent % 97, "shop": "abcdefgh"[self.sent % 8]}
            lines.append(json.dumps({"type": "tick", "id": f"t{self.sent}", "data": data}))
        began = time.monotonic()
        reply = client.post(
            "/v1/events",
            content="\n".join(lines).encode(),
            headers={"Content-Type": "application/x-ndjson"},
        )
        if reply.status_code != 200 or reply.json()["stored"] != _BATCH:
            self.failures.append(f"a batch was answered {reply.status_code}: {reply.text[:200]}")
        return (time.monotonic() - began) * 1000

    def peak(self) -> float:
        """Return how many events a second one sender gets through."""
        with self.client() as client:
            began, before = time.monotonic(), self.sent
            while time.monotonic() - began < _PEAK_S:
                self.send(client)
            return (self.sent - before) / (time.monotonic() - began)

    def keep_sending(self, per_s: float) -> None:
        """Send at a rate until told to stop."""
        with self.client() as client:
            due = time.monotonic()
            while not self.stopping.is_set():
                self.send_ms.append(self.send(client))
                due = max(due + _BATCH / per_s, time.monotonic() - 1)
                self.stopping.wait(max(0.0, due - time.monotonic()))

    def keep_asking(self) -> None:
        """Ask until told to stop: declared totals of all history, and the last two minutes.

        What reads every event, such as minutes of all history, takes longer with more of them; that
        is measured by ``bench_query_year.py``. Here nothing may take longer.
        """
        number = 0
        with self.client() as client:
            while not self.stopping.wait(0.25):
                recent = datetime.now(UTC) - timedelta(minutes=2)
                minutes = f"ticks?interval=minute&by=shop&from={recent:%Y-%m-%dT%H:%MZ}"
                asks = (minutes, "total?interval=hour", "ticks", "ticks?by=shop")
                began = time.monotonic()
                reply = client.get(f"/v1/metrics/{asks[number % len(asks)]}")
                self.query_ms.append((time.monotonic() - began) * 1000)
                number += 1
                if reply.status_code != 200:
                    self.failures.append(f"a question was answered {reply.status_code}")

    def keep_watching(self) -> None:
        """Follow a live view until told to stop."""
        accept = {"Accept": "text/event-stream"}
        while not self.stopping.is_set():
            try:
                with (
                    self.client() as client,
                    client.stream("GET", "/v1/metrics/ticks?by=shop", headers=accept) as reply,
                ):
                    for _ in reply.iter_text():
                        self.frames += 1
                        if self.stopping.is_set():
                            return
            except httpx2.TransportError:
                continue  # definitions have changed: streams come back

    def sample(self, client: httpx2.Client, at_s: float) -> Sample:
        """Look at the server."""
        shown = dict(
            line.rsplit(" ", 1)
            for line in client.get("/metrics").text.splitlines()
            if line.startswith("livetally_") and "{" not in line
        )
        send, self.send_ms = self.send_ms or [0.0], []
        query, self.query_ms = self.query_ms or [0.0], []
        return Sample(
            at_s,
            float(shown["livetally_memory_bytes"]) / 2**20,
            float(shown["livetally_store_parts"]),
            statistics.quantiles([*send, *send], n=20)[-1],
            statistics.quantiles([*query, *query], n=20)[-1],
        )


def happenings(soak: Soak, backups: Path) -> list[tuple[float, str, Callable[[], None]]]:
    """Return what is done on the way: at which share of the time, its name, and what."""

    def define() -> None:
        with soak.client() as client:
            reply = client.put(
                "/v1/definitions/soak",
                content=_DEFINITION + _SECOND,
                headers={"Content-Type": "application/toml"},
            )
            assert reply.status_code == 200, reply.text

    def back_up() -> None:
        with soak.client() as client:
            reply = client.post("/v1/backups", json={"to": str(backups)}, timeout=600)
            assert '"backup"' in reply.text.splitlines()[-1], reply.text

    return [(0.4, "definition changed", define), (0.6, "backup taken", back_up)]


def run(
    minutes: float, room: Path, keep: Callable[[list[Sample]], None]
) -> tuple[list[Sample], Soak]:
    """Run; return what was seen, five seconds apart; ``keep`` it before all is recounted."""
    definition = room / "soak.toml"
    definition.write_text(_DEFINITION)
    env = {"LIVETALLY_QUERIES_PER_HOUR": "100000000"}
    with Server(definitions=[definition], env=env) as server:
        soak = Soak(server)
        peak = soak.peak()
        print(f"peak {peak:,.0f} events a second; half of it for {minutes:g} minutes", flush=True)
        jobs = [lambda: soak.keep_sending(peak / 2), soak.keep_asking]
        threads = [threading.Thread(target=job, daemon=True) for job in jobs]
        threads += [
            threading.Thread(target=soak.keep_watching, daemon=True) for _ in range(_STREAMS)
        ]
        for thread in threads:
            thread.start()
        todo = happenings(soak, room / "backups")
        samples: list[Sample] = []
        began = time.monotonic()
        with soak.client() as client:
            while (at_s := time.monotonic() - began) < minutes * 60:
                if todo and at_s > todo[0][0] * minutes * 60:
                    _, name, do = todo.pop(0)
                    do()
                    print(f"{at_s:6.0f} s: {name}", flush=True)
                samples.append(soak.sample(client, at_s))
                time.sleep(_SAMPLE_S)  # sleeps: between two looks
        soak.stopping.set()
        threads[0].join(60)
        keep(samples)
        with soak.client() as client:
            told = client.post("/v1/verify?metric=total", timeout=1_800).text.splitlines()[-1]
            if '"verified":true' not in told:
                soak.failures.append(f"verify: {told}")
        return samples, soak


def grown(samples: list[Sample]) -> list[str]:
    """Return what is beyond its factor in the last quarter, compared with the second."""
    quarter = len(samples) // 4
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]
    found = []
    bounds = (
        ("memory_mib", _MEMORY_FACTOR),
        ("parts", _PARTS_FACTOR),
        ("send_ms", _LATENCY_FACTOR),
        ("query_ms", _LATENCY_FACTOR),
    )
    for name, factor in bounds:
        before = statistics.median(getattr(one, name) for one in early)
        after = statistics.median(getattr(one, name) for one in late)
        print(f"{name:12} second quarter {before:10.1f}   last quarter {after:10.1f}")
        if after > before * factor:
            found.append(f"{name} has grown from {before:.1f} to {after:.1f}")
    return found


def drawn(samples: list[Sample]) -> str:
    """Return the four curves as a picture (SVG), one below the other."""
    wide, high, left = 640, 90, 110
    words = {"memory_mib": "MiB", "parts": "parts", "send_ms": "send p95, ms"}
    words |= {"query_ms": "query p95, ms"}
    end_s = samples[-1].at_s or 1.0
    parts = []
    for place, (name, word) in enumerate(words.items()):
        values = [getattr(one, name) for one in samples]
        top = max(values) or 1.0
        base = (place + 1) * (high + 20)
        points = " ".join(
            f"{left + one.at_s / end_s * wide:.1f},{base - value / top * high:.1f}"
            for one, value in zip(samples, values, strict=True)
        )
        parts.append(
            f'<text x="0" y="{base - high + 12}">{word}</text>'
            f'<text x="0" y="{base - high + 30}">0 to {top:,.0f}</text>'
            f'<path d="M{left} {base}h{wide}" stroke="#888"/>'
            f'<polyline points="{points}" fill="none" stroke="#0072b2" stroke-width="1.5"/>'
        )
    size = f'viewBox="0 0 {left + wide + 10} {4 * (high + 20) + 30}"'
    style = 'font-family="sans-serif" font-size="12" fill="#555"'
    minutes = f'<text x="{left}" y="{4 * (high + 20) + 20}">{end_s / 60:.0f} minutes</text>'
    body = "".join(parts) + minutes
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {style}>{body}</svg>\n'


def main() -> int:
    """Run and judge."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--svg", type=Path)
    chosen = parser.parse_args()

    def keep(samples: list[Sample]) -> None:
        if chosen.csv:
            with chosen.csv.open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(Sample._fields)
                writer.writerows([f"{value:.1f}" for value in one] for one in samples)
        if chosen.svg:
            chosen.svg.write_text(drawn(samples), encoding="utf-8")

    with tempfile.TemporaryDirectory() as room:
        samples, soak = run(chosen.minutes, Path(room), keep)
    print(f"{soak.sent:,} events, {soak.frames:,} frames of {_STREAMS} streams")
    wrong = [*soak.failures[:5], *grown(samples)]
    print("\n".join(wrong) or "flat")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
