"""How long questions take, what an event costs on disk, and what DuckDB and PostgreSQL need.

In the flow: run by hand; fills a store with seeded events, asks, and prints a table.
Guarantee: the same seed gives the same rows; DuckDB and PostgreSQL, where they are installed, are
asked for the same in turn with ours, so that whatever else the machine does slows all of them, and
must give as many rows and the same sums.

    python benchmarks/bench_query_year.py [--quick] [--sizes 1000000,10000000] [--huge] [--data DIR]

``--quick`` takes 200,000 events, ``--huge`` adds 100 million; ``--duckdb-max`` and
``--postgresql-max`` are the largest sizes that the others are asked about. With ``--data`` the
store is kept, and the next run fills what is missing and asks. Nothing is kept between two
questions but the engine's own caches of files; what Livetally keeps of answers is measured by
itself, in the last line. The limits of one question are raised, so that none is refused on a slow
machine.
"""

# ruff: noqa: S608 - no text of these statements comes from outside

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from query_rivals import ONE, STATEMENTS, duckdb_rival, postgresql_rival

from livetally.cli.progress import steps
from livetally.clock import SystemClock
from livetally.definitions import read_toml
from livetally.query import (
    Declared,
    Extents,
    QueryLimits,
    Runner,
    declared_fields,
    parse_query,
    projections,
)
from livetally.query.entities import ask_entity_page, one_entity, parse_entities
from livetally.query.raw import ask_raw, parse_raw
from livetally.store.events import EmbeddedEngine, Engine, create, keep
from livetally.store.events.schema import COLUMNS, existing_projections

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
[entity.customer]
key = "subject"
events = ["sale"]
fields.spent = { sum = "amount" }
fields.sales = { count = "sale" }
fields.last_shop = { latest = "shop" }
"""
_PARTS = "SELECT count() FROM system.parts WHERE table = 'events' AND active"
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
    "ad-hoc filter of raw data": ("sales", {**YEAR, "where": ["colour:red"]}),
    "ad-hoc group of raw data": ("sales", {**YEAR, "by": ["colour"]}),
    "top 10 of all subjects": (
        "sales",
        {**YEAR, "by": ["subject"], "order": ["-value"], "limit": ["10"]},
    ),
}


def rows_sql(seed: int, first: int, count: int) -> str:
    """Return the engine's SQL for seeded events: a year, 20 shops, a subject for each 10."""
    hashed = f"cityHash64({seed}, number)"
    year_us = 365 * 86_400 * 1_000_000
    return (
        f"SELECT {TEAM} AS team, 'sale' AS type,"
        f" fromUnixTimestamp64Micro(toInt64(1735686000000000 + {hashed} % {year_us}), 'UTC')"
        " AS occurred_at,"
        f" concat('customer-', toString(cityHash64({seed} + 1, number) % {max(100, count // 10)}))"
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


def fill(engine: Engine, seed: int, count: int, show: Callable[[str, int, int], None]) -> float:
    """Store ``count`` events, merged as they would be after a while; return the seconds."""
    started = time.perf_counter()
    names = ", ".join(name for name, _ in COLUMNS)
    held = int(engine.read("SELECT count() FROM livetally.events")[0][0])
    if held == count:
        return 0.0
    for first in range(held, count, CHUNK):
        show("filling", first, count)
        engine.execute(
            f"INSERT INTO livetally.events ({names}) SELECT {names}"
            f" FROM ({rows_sql(seed, first, count)}) SETTINGS max_insert_threads = 1"
        )
    show("merging", 0, 0)
    # Nothing merges a part that has its projections with one that has not: it gets them first.
    made = sorted(existing_projections(engine))
    changes = ", ".join(f"MATERIALIZE PROJECTION {name}" for name in made)
    engine.execute(f"ALTER TABLE livetally.events {changes} SETTINGS mutations_sync = 1")
    while int(engine.read(_PARTS)[0][0]) > 1:  # it does nothing while the engine merges by itself
        engine.execute("OPTIMIZE TABLE livetally.events FINAL")
    return time.perf_counter() - started


def exported(engine: Engine, directory: Path, seed: int, count: int, form: str) -> Iterator[Path]:
    """Yield files with all rows, one after the other, in the engine's ``form``."""
    file = directory / f"rows.{form}"
    for first in range(0, count, CHUNK):
        sql = (
            "SELECT occurred_at AS happened, subject, id,"
            " toDecimal64(toString(cents / 100), 2) AS amount, shop, toInt64(pieces) AS pieces,"
            f" data FROM ({rows_sql(seed, first, count)})"
        )
        file.write_bytes(engine.read_bytes(sql, form))
        yield file
    file.unlink(missing_ok=True)


def questions(runner: Runner, declared: Declared) -> dict[str, Callable[[], list[Any]]]:
    """Return what is asked; each returns one number for each row of the answer."""

    def of_metric(name: str, parameters: dict[str, list[str]]) -> Callable[[], list[Any]]:
        query = parse_query(name, parameters)
        return lambda: [row.value for row in runner.answer_now(query, declared, TEAM).rows]

    def of_entities(**parameters: list[str]) -> Callable[[], list[Any]]:
        query = parse_entities("customer", parameters)
        return lambda: [
            state.fields["sales"]
            for state in ask_entity_page(runner.engine, query, declared, TEAM).states
        ]

    raw = parse_raw({"type": ["sale"], "limit": ["100"]})
    found = {title: of_metric(*asked) for title, asked in QUESTIONS.items()}
    one = one_entity("customer", ONE)
    return found | {
        "one entity": lambda: [
            state.fields["sales"]
            for state in ask_entity_page(runner.engine, one, declared, TEAM).states
        ],
        "100 entities by key": of_entities(),
        "100 entities by a field": of_entities(sort=["-spent"]),
        "100 newest raw events": lambda: [
            1 for _ in ask_raw(runner.engine, raw, declared, TEAM).events
        ],
    }


class Taken(NamedTuple):
    """What asking took: milliseconds in order, and the processor's milliseconds for one question.

    The latter is the better figure on a busy machine; PostgreSQL's is another process's.
    """

    wall_ms: list[float]
    cpu_ms: float

    @property
    def p50(self) -> float:
        """The median."""
        return statistics.median(self.wall_ms)

    @property
    def p99(self) -> float:
        """The 99th percentile."""
        return self.wall_ms[min(len(self.wall_ms) - 1, int(len(self.wall_ms) * 0.99))]


def in_turn(asks: dict[str, Callable[[], Any]], times: int, seconds: float) -> dict[str, Taken]:
    """Ask all in turn, up to so many times or seconds each; the first time counts if it is long."""
    wall: dict[str, list[float]] = {name: [] for name in asks}
    cpu_s = dict.fromkeys(asks, 0.0)
    for turn in range(times + 1):
        for name, ask in asks.items():
            if sum(wall[name]) > seconds * 1000:
                continue
            used, started = time.process_time(), time.perf_counter()
            ask()
            took_s = time.perf_counter() - started
            if turn or took_s > seconds:
                wall[name].append(took_s * 1000)
                cpu_s[name] += time.process_time() - used
    return {name: Taken(sorted(one), cpu_s[name] / len(one) * 1000) for name, one in wall.items()}


def cached_ms(runner: Runner, declared: Declared) -> Taken:
    """Return what a kept answer costs."""
    query = parse_query(*QUESTIONS["defined, by day"])
    loop = asyncio.new_event_loop()
    asked = {"": lambda: loop.run_until_complete(runner.answer(query, declared, TEAM))}
    found = in_turn(asked, 1_000, 10)[""]
    loop.close()
    return found


def shown(title: str, rows: int, taken: dict[str, Taken]) -> None:
    """Print a line."""
    mine = taken[""]
    line = f"{title:<28}{rows:>8}{mine.p50:>10.2f}{mine.p99:>10.1f}{mine.cpu_ms:>9.2f}"
    if "DuckDB" in taken:
        line += f"{taken['DuckDB'].p50:>10.1f}{taken['DuckDB'].cpu_ms:>9.1f}"
    if "PostgreSQL" in taken:
        line += f"{taken['PostgreSQL'].p50:>12.1f}"
    print(line, flush=True)


def compared(
    asks: dict[str, Callable[[], list[Any]]],
    rivals: dict[str, Any],
    arguments: argparse.Namespace,
    show: Callable[[str, int, int], None],
) -> None:
    """Ask everybody, see that the answers agree, and print how long they took."""
    print(
        f"{'question':<28}{'rows':>8}{'p50 ms':>10}{'p99 ms':>10}{'CPU ms':>9}"
        f"{'DuckDB':>10}{'CPU':>9}{'PostgreSQL':>12}"
    )
    for place, (title, ask) in enumerate(asks.items()):
        show(title, place, len(asks))
        values, sql = ask(), STATEMENTS[title]
        each: dict[str, Callable[[], Any]] = {"": ask}
        answers: dict[str, list[Any]] = {}

        def keep_answer(name: str, sql: str = sql, answers: dict[str, Any] = answers) -> None:
            answers[name] = rivals[name](sql)

        each |= {name: partial(keep_answer, name) for name in rivals}
        taken = in_turn(each, arguments.times, arguments.seconds)
        for name, rows in answers.items():
            assert len(rows) == len(values), (title, name, len(rows), len(values))
            assert sum(row[-1] for row in rows) == sum(values), (title, name)
        shown(title, len(values), taken)


def run(count: int, arguments: argparse.Namespace) -> None:
    """Measure one size."""
    seed = arguments.seed
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        show = stack.enter_context(steps(f"{count:,} events:"))
        directory = Path(name)
        kept = arguments.data / str(count) if arguments.data else directory
        (kept / "events").mkdir(parents=True, exist_ok=True)
        engine = EmbeddedEngine(kept / "events")
        create(engine)
        applications = [read_toml(DEFINITION, "bench.toml")]
        keep(engine, declared_fields(applications), projections(applications))
        declared = Declared(applications)
        took = fill(engine, seed, count, show)
        limits = QueryLimits(600, 8_000_000_000, groups_max=20_000_000)
        position = count // CHUNK + 1
        runner = Runner(engine, Extents(engine), SystemClock(), lambda: position, 2, limits)
        size = engine.read(
            "SELECT sum(bytes_on_disk), sum(rows), count() FROM system.parts"
            " WHERE table = 'events' AND active"
        )[0]
        every = questions(runner, declared)
        parts = arguments.only.split("|")
        asks = {title: ask for title, ask in every.items() if any(part in title for part in parts)}
        for ask in asks.values():
            ask()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(
            f"\n{count:,} events (seed {seed}), filled in {took:.0f} s; projections included,"
            f" {size[0] / size[1]:.1f} bytes per event in {size[2]} parts; memory {peak:.0f} MiB"
        )
        rivals: dict[str, Any] = {}
        if count <= arguments.duckdb_max:
            show("loading DuckDB", 0, 0)
            files = exported(engine, directory, seed, count, "Parquet")
            rivals["DuckDB"] = stack.enter_context(duckdb_rival(directory, files))
        if count <= arguments.postgresql_max:
            show("loading PostgreSQL", 0, 0)
            files = exported(engine, directory, seed, count, "CSV")
            rivals["PostgreSQL"] = stack.enter_context(postgresql_rival(directory, files))
        rivals = {name: ask for name, ask in rivals.items() if ask is not None}
        compared(asks, rivals, arguments, show)
        nothing = {"": lambda: engine.read("SELECT 1")}
        shown("the engine's SELECT 1", 1, in_turn(nothing, arguments.times, arguments.seconds))
        shown("a kept answer, by day", 365, {"": cached_ms(runner, declared)})
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
    parser.add_argument("--seconds", type=float, default=10, help="for each question and system")
    parser.add_argument("--duckdb-max", type=int, default=100_000_000)
    parser.add_argument("--postgresql-max", type=int, default=10_000_000)
    parser.add_argument("--only", default="", help="parts of the names of what is asked, | between")
    parser.add_argument("--data", type=Path, help="keep the stores here, and go on from them")
    arguments = parser.parse_args()
    sizes = [200_000] if arguments.quick else [int(size) for size in arguments.sizes.split(",")]
    if arguments.quick:
        arguments.times = 10
    if arguments.huge:
        sizes.append(100_000_000)
    for count in sizes:
        run(count, arguments)


if __name__ == "__main__":
    main()
