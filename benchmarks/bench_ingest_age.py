"""Whether ingest grows slower with what is stored: rates after many million events and after one.

In the flow: run by hand: ``python benchmarks/bench_ingest_age.py [--events N] [--data DIR]``.
Guarantee: old and young take the same requests in turns, in the same run; the old store was filled
through the same door. With ``--data`` it is kept, and the next run goes on from what is there.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection
from pathlib import Path
from threading import local

from ingest_load import SHOP, lines, send_bodies, send_singly
from rich.progress import Progress

from livetally.testing import Server

BLOCK = 10_000
YOUNG = 1_000_000
ROUNDS = 6
ROUND_EVENTS = 100_000
SINGLE_S = 4.0
SINGLE_CONNECTIONS = 16


def block(number: int) -> bytes:
    """Make a block of lines: random ids, a year of times that goes on with ``number``."""
    random_ids = os.urandom(16 * BLOCK).hex()
    day = number % 365
    stamp = time.strftime("%Y-%m-%dT%H", time.gmtime(1_735_689_600 + day * 86_400 + number % 24))
    return b"".join(
        b'{"type":"add_revenue","id":"%s","source":"till-%d","time":"%s:%02d:%02dZ",'
        b'"subject":"user-%d","data":{"value":"%d.%02d","note":"abc"}}\n'
        % (
            random_ids[32 * n : 32 * n + 32].encode(),
            n % 7,
            stamp.encode(),
            n % 60,
            n // 60 % 60,
            n % 500,
            n % 1000,
            n % 100,
        )
        for n in range(BLOCK)
    )


def stored(server: Server) -> int:
    """Return how many events the server counts."""
    connection = HTTPConnection(server.url.removeprefix("http://"), timeout=120)
    connection.request(
        "GET", "/v1/metrics/payments", headers={"Authorization": f"Bearer {server.key}"}
    )
    rows = json.loads(connection.getresponse().read())["rows"]
    return int(rows[0]["value"]) if rows else 0


def fill(server: Server, events: int) -> None:
    """Send blocks until the server holds ``events``, with a bar."""
    held = stored(server)
    mine = local()
    headers = {
        "Authorization": f"Bearer {server.key}",
        "Content-Type": "application/x-ndjson",
    }

    def send(number: int) -> int:
        if not hasattr(mine, "connection"):
            mine.connection = HTTPConnection(server.url.removeprefix("http://"), timeout=300)
        mine.connection.request("POST", "/v1/events", block(number), headers)
        answer = mine.connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            raise SystemExit(text.decode())
        return BLOCK

    def numbers() -> Iterator[int]:
        yield from range(held // BLOCK, events // BLOCK)

    with ThreadPoolExecutor(4) as pool, Progress() as progress:
        bar = progress.add_task("filling", total=events, completed=held)
        for done in pool.map(send, numbers()):
            progress.advance(bar, done)


def rates(server: Server, seed: int) -> tuple[float, float, float]:
    """Return events/s in requests of 1,000, single requests/s and their p50 in ms."""
    sent = lines(ROUND_EVENTS, seed)
    bodies = [b"".join(sent[at : at + 1000]) for at in range(0, ROUND_EVENTS, 1000)]
    many = ROUND_EVENTS / send_bodies(server.url, server.key, bodies, 8)
    single, p50, _ = send_singly(
        server.url, "/v1/events", server.key, SINGLE_CONNECTIONS, SINGLE_S, seed
    )
    return many, single, p50


def main() -> None:
    """Fill both, measure them in turns, print medians and ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--events", type=int, default=100_000_000)
    parser.add_argument("--data", type=Path, help="keep the old store here, and go on from it")
    parser.add_argument("--fill-only", action="store_true")
    parser.add_argument("--quick", action="store_true", help="3 million events, two rounds")
    options = parser.parse_args()
    events = 3_000_000 if options.quick else options.events
    with tempfile.TemporaryDirectory() as folder:
        definition = Path(folder, "shop.toml")
        definition.write_text(SHOP)
        old_data = options.data or Path(folder, "old")
        with Server(old_data, definitions=[definition]) as old:
            fill(old, events)
            if options.fill_only:
                return
            with Server(Path(folder, "young"), definitions=[definition]) as young:
                fill(young, YOUNG)
                measure(old, young, events, 2 if options.quick else ROUNDS)


def measure(old: Server, young: Server, events: int, rounds: int) -> None:
    """Measure in turns, and print."""
    found: dict[str, list[tuple[float, float, float]]] = {"young": [], "old": []}
    for number in range(rounds):
        for name, server in (("young", young), ("old", old)):
            found[name].append(rates(server, int(time.time() * 1000) + number))
            print(name, *(f"{figure:,.0f}" for figure in found[name][-1]), file=sys.stderr)
    middle = {
        name: [statistics.median(column) for column in zip(*rows, strict=True)]
        for name, rows in found.items()
    }
    for place, what in enumerate(("events/s at 1,000 a request", "single requests/s", "p50, ms")):
        first, then = middle["young"][place], middle["old"][place]
        print(
            f"{what}: {first:,.0f} after {YOUNG:,}, {then:,.0f} after {events:,}:"
            f" {then / first:.2f} of it"
        )


if __name__ == "__main__":
    main()
