"""How long questions over a year take, what an event costs on disk, and what DuckDB needs for both.

In the flow: run by hand; fills a store with seeded events, asks, and prints a table.
Guarantee: the same seed gives the same rows; DuckDB, if it is installed, is asked the same
questions of the same rows in the same run and must give the same sums.

    python benchmarks/bench_query_year.py [--quick] [--sizes 1000000,10000000] [--huge]

``--quick`` takes 200,000 events, ``--huge`` adds 100 million.
"""

# ruff: noqa: S608 - no text of these statements comes from outside

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from livetally.clock import SystemClock
from livetally.definitions import read_toml
from livetally.query import Declared, Extents, Runner, declared_fields, parse_query, projections
from livetally.store.events import Engine, create, keep
from livetally.store.events.schema import COLUMNS

TEAM = 1
CHUNK = 1_000_000
DEFINITION = """
application = "bench"
[event.sale]
data.amount = { type = "decimal", scale = 2, required = true }
data.shop = { type = "string", required = true }
data.pieces = "integer"
[metric.sales]
event = "sale"
aggregate = "count"
by = ["shop"]
[metric.revenue]
event = "sale"
aggregate = "sum"
value = "amount"
by = ["shop"]
"""
YEAR = {"from": ["2025-01-01"], "to": ["2026-01-01"], "tz": ["Europe/Oslo"]}
QUESTIONS: dict[str, tuple[str, dict[str, list[str]]]] = {
    "defined, by day": ("sales", {**YEAR, "interval": ["day"]}),
    "defined sum, by day": ("revenue", {**YEAR, "interval": ["day"]}),
    "defined, by week and shop": ("sales", {**YEAR, "interval": ["week"], "by": ["shop"]}),
    "one month by minute": (
        "sales",
        {"from": ["2025-03-01"], "to": ["2025-04-01"], "interval": ["minute"]},
    ),
    "ad-hoc filter, one total": ("sales", {**YEAR, "where": ["pieces:>=5"]}),
    "ad-hoc group of raw data": ("sales", {**YEAR, "by": ["colour"]}),
    "top 10 of all subjects": (
        "sales",
        {**YEAR, "by": ["subject"], "order": ["-value"], "limit": ["10"]},
    ),
}
_DAY = "CAST(timezone('Europe/Oslo', happened) AS DATE)"
_RANGE = "happened >= '2024-12-31 23:00:00+00' AND happened < '2025-12-31 23:00:00+00'"
DUCKDB = {
    "defined, by day": f"SELECT {_DAY} d, count(*) FROM sale WHERE {_RANGE} GROUP BY d ORDER BY d",
    "defined sum, by day": (
        f"SELECT {_DAY} d, sum(amount) FROM sale WHERE {_RANGE} GROUP BY d ORDER BY d"
    ),
    "defined, by week and shop": (
        f"SELECT date_trunc('week', {_DAY}) w, shop, count(*) FROM sale WHERE {_RANGE}"
        " GROUP BY w, shop ORDER BY w, shop"
    ),
    "one month by minute": (
        "SELECT epoch_us(happened) // 60000000 m, count(*) FROM sale WHERE"
        " happened >= '2025-03-01 00:00:00+00' AND happened < '2025-04-01 00:00:00+00'"
        " GROUP BY m ORDER BY m"
    ),
    "ad-hoc filter, one total": f"SELECT count(*) FROM sale WHERE {_RANGE} AND pieces >= 5",
    "ad-hoc group of raw data": (
        f"SELECT data->>'colour' c, count(*) FROM sale WHERE {_RANGE} GROUP BY c ORDER BY c"
    ),
    "top 10 of all subjects": (
        f"SELECT subject, count(*) n FROM sale WHERE {_RANGE} GROUP BY subject"
        " ORDER BY n DESC, subject LIMIT 10"
    ),
}


def rows_sql(seed: int, first: int, count: int) -> str:
    """Return the engine's SQL for seeded events: a year, 200 shops, a subject for each 50."""
    hashed = f"cityHash64({seed}, number)"
    year_us = 365 * 86_400 * 1_000_000
    return (
        f"SELECT {TEAM} AS team, 'sale' AS type,"
        f" fromUnixTimestamp64Micro(toInt64(1735686000000000 + {hashed} % {year_us}), 'UTC')"
        " AS occurred_at,"
        f" concat('customer-', toString(cityHash64({seed} + 1, number) % {max(1, count // 50)}))"
        " AS subject,"
        " 'bench' AS source, concat('e', toString(number)) AS id, 1 AS timed,"
        f" occurred_at AS received_at, toUInt64({first // CHUNK + 1}) AS position,"
        f" cityHash64({seed} + 2, number) % 100000 AS cents,"
        f" concat('shop-', toString(cityHash64({seed} + 3, number) % 20)) AS shop,"
        f" cityHash64({seed} + 4, number) % 10 AS pieces,"
        ' concat(\'{"amount":\', toString(cents / 100), \',"shop":"\', shop, \'","pieces":\','
        " toString(pieces), ',\"colour\":\"', ['red', 'green', 'blue'][1 + pieces % 3], '\"}')"
        " AS data,"
        " '' AS attributes"
        f" FROM numbers({first}, {min(CHUNK, count - first)})"
    )


def fill(engine: Engine, seed: int, count: int) -> float:
    """Store ``count`` events, merged as they would be after a while; return the seconds."""
    started = time.perf_counter()
    names = ", ".join(name for name, _ in COLUMNS)
    for first in range(0, count, CHUNK):
        engine.execute(
            f"INSERT INTO livetally.events ({names}) SELECT {names}"
            f" FROM ({rows_sql(seed, first, count)}) SETTINGS max_insert_threads = 1"
        )
    engine.execute("OPTIMIZE TABLE livetally.events FINAL")
    return time.perf_counter() - started


def timed(ask: Callable[[], Any], times: int) -> tuple[float, float]:
    """Return median and 99th percentile in milliseconds."""
    ask()
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        ask()
        taken.append((time.perf_counter() - started) * 1000)
    taken.sort()
    return statistics.median(taken), taken[min(len(taken) - 1, int(len(taken) * 0.99))]


def duckdb_of(engine: Engine, directory: Path, seed: int, count: int) -> Any:
    """Return DuckDB with the same rows, None when it is not installed."""
    try:
        import duckdb
    except ImportError:
        return None
    database = duckdb.connect(str(directory / "duck.db"))
    database.execute("SET TimeZone = 'UTC'")
    for first in range(0, count, CHUNK):
        file = directory / "rows.parquet"
        sql = (
            "SELECT occurred_at AS happened, subject, id,"
            f" toDecimal64(toString(cents / 100), 2) AS amount, shop, toInt64(pieces) AS pieces,"
            f" data FROM ({rows_sql(seed, first, count)})"
        )
        file.write_bytes(engine.read_bytes(sql, "Parquet"))
        made = "INSERT INTO sale" if first else "CREATE TABLE sale AS"
        database.execute(
            f"{made} SELECT happened, decode(subject::BLOB) subject, decode(id::BLOB) id, amount,"
            f" decode(shop::BLOB) shop, pieces, decode(data::BLOB)::JSON AS data"
            f" FROM read_parquet('{file}')"
        )
    return database


def cached_ms(runner: Runner, declared: Declared) -> tuple[float, float]:
    """Return what a kept answer costs."""
    name, parameters = QUESTIONS["defined, by day"]
    query = parse_query(name, parameters)
    loop = asyncio.new_event_loop()
    found = timed(lambda: loop.run_until_complete(runner.answer(query, declared, TEAM)), 500)
    loop.close()
    return found


def run(count: int, seed: int, times: int) -> None:
    """Measure one size."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        (directory / "events").mkdir()
        engine = Engine(directory / "events")
        create(engine)
        applications = [read_toml(DEFINITION, "bench.toml")]
        keep(engine, declared_fields(applications), projections(applications))
        declared = Declared(applications)
        took = fill(engine, seed, count)
        runner = Runner(engine, Extents(engine), SystemClock(), lambda: count // CHUNK + 1, 2)
        size = engine.read(
            "SELECT sum(bytes_on_disk), sum(rows), count() FROM system.parts"
            " WHERE table = 'events' AND active"
        )[0]
        print(
            f"\n{count:,} events (seed {seed}): {size[0] / size[1]:.1f} bytes per event on disk,"
            f" projections included, {size[2]} parts; filled in {took:.0f} s"
        )
        duck = duckdb_of(engine, directory, seed, count)
        print(
            f"{'question':<28}{'rows':>8}{'p50 ms':>10}{'p99 ms':>10}{'DuckDB p50':>12}{'ratio':>8}"
        )
        for title, (metric, parameters) in QUESTIONS.items():
            query = parse_query(metric, parameters)
            rows = runner.answer_now(query, declared, TEAM).rows
            p50, p99 = timed(lambda q=query: runner.answer_now(q, declared, TEAM), times)
            other = ""
            if duck is not None:
                theirs = duck.execute(DUCKDB[title]).fetchall()
                assert len(theirs) == len(rows), (title, len(theirs), len(rows))
                assert sum(row[-1] for row in theirs) == sum(row.value for row in rows), title
                base, _ = timed(lambda t=title: duck.execute(DUCKDB[t]).fetchall(), times)
                other = f"{base:>12.1f}{base / p50:>8.1f}"
            print(f"{title:<28}{len(rows):>8}{p50:>10.1f}{p99:>10.1f}{other}")
        p50, p99 = cached_ms(runner, declared)
        print(f"{'the same, kept':<28}{'':>8}{p50:>10.3f}{p99:>10.3f}")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"peak memory of the process: {peak:.0f} MiB")
        runner.close()
        engine.close()


def main() -> None:
    """Read the arguments and run each size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--huge", action="store_true")
    parser.add_argument("--sizes", default="1000000,10000000")
    parser.add_argument("--seed", type=int, default=2013)
    parser.add_argument("--times", type=int, default=100)
    arguments = parser.parse_args()
    sizes = [200_000] if arguments.quick else [int(size) for size in arguments.sizes.split(",")]
    if arguments.huge:
        sizes.append(100_000_000)
    for count in sizes:
        run(count, arguments.seed, 10 if arguments.quick else arguments.times)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
