"""How many rows of CSV, JSON lines and Parquet `livetally import` makes durable events of a second.

In the flow: run by hand: ``python benchmarks/bench_import.py [--quick] [--rows 10000000]
[--formats parquet]``.
Guarantee: the same seed gives the same rows in all three files; DuckDB, if it is installed, loads
the same file into a table on disk in the same run. Reading alone, without sending, is measured too,
so that one sees whose time it is.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow.csv
import pyarrow.parquet

from livetally.cli.load.kinds import Kind
from livetally.cli.load.loading import Job, items_of
from livetally.cli.load.opening import opened
from livetally.cli.load.shape import Shape
from livetally.testing import Server

QUICK_ROWS = 300_000
FULL_ROWS = 10_000_000
CHUNK = 100_000
DEFINITION = """
application = "taps"
[event.tap]
data.tag = { type = "string", required = true }
data.amount = { type = "decimal", scale = 2 }
data.pieces = "integer"
[metric.taps]
event = "tap"
aggregate = "count"
by = ["tag"]
"""
FORMATS = ("csv", "jsonl", "parquet")
KINDS = {"tag": Kind.STRING, "amount": Kind.DECIMAL, "pieces": Kind.INTEGER}


def _time(rng: random.Random) -> str:
    day = f"2025-{rng.randrange(1, 13):02}-{rng.randrange(1, 28):02}"
    return f"{day}T{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}Z"


def write_files(place: Path, rows: int) -> None:
    """Write the same seeded rows as CSV, JSON lines and Parquet."""
    rng = random.Random(7)
    with (place / "taps.csv").open("w") as table, (place / "taps.jsonl").open("w") as lines:
        table.write("at,tag,amount,pieces\n")
        for first in range(0, rows, CHUNK):
            made = [
                (
                    _time(rng),
                    f"tag-{rng.randrange(2_000)}",
                    f"{rng.randrange(1_000)}.{rng.randrange(100):02}",
                    rng.randrange(1, 20),
                )
                for _ in range(min(CHUNK, rows - first))
            ]
            table.writelines(f"{at},{tag},{amount},{n}\n" for at, tag, amount, n in made)
            lines.writelines(
                f'{{"at":"{at}","tag":"{tag}","amount":{amount},"pieces":{n}}}\n'
                for at, tag, amount, n in made
            )
    sheet = pyarrow.csv.read_csv(place / "taps.csv")
    pyarrow.parquet.write_table(sheet, place / "taps.parquet")


def reading_rate(path: Path, form: str, rows: int) -> float:
    """Return the rows/s of reading alone: bytes to lines of JSON with ids, nothing sent."""
    shape = Shape(type="tap", source="import", time="at")
    job = Job(path, form, shape, KINDS, "http://nowhere", None, 1.0)
    begun = time.perf_counter()
    with opened(path) as file:
        count = sum(1 for _ in items_of(job, file))
    assert count == rows
    return rows / (time.perf_counter() - begun)


class Measured(NamedTuple):
    """What one import took: of the command and of the server MiB, and CPU us for each row."""

    rate: float
    used_mib: float
    served_mib: float
    used_us: float
    served_us: float


def measured(path: Path, definition: Path, rows: int) -> Measured:
    """Run the command against a server with an empty store."""
    with Server(definitions=[definition]) as server:
        command = [
            sys.executable,
            "-m",
            "livetally",
            "import",
            str(path),
            "--type",
            "tap",
            "--json",
        ]
        command += ["--time", "at"]
        env = {**os.environ, "LIVETALLY_URL": server.url, "LIVETALLY_KEY": server.key}
        before_s = cpu_s(server.pid)
        begun = time.perf_counter()
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE) as running:
            assert running.stdout is not None
            used_kib = watched(running.pid)
            told = json.loads(running.stdout.read())
            _, _, used = os.wait4(running.pid, 0)
            running.returncode = 0
        seconds = time.perf_counter() - begun
        assert told["stored"] == rows, told
        served_s = cpu_s(server.pid) - before_s
        served_kib = most_kib(server.pid)
    used_us = (used.ru_utime + used.ru_stime) / rows * 1e6
    mib = (used_kib / 1024, served_kib / 1024)
    return Measured(rows / seconds, *mib, used_us, served_s / rows * 1e6)


def most_kib(pid: int) -> float:
    """Return the most memory that a process has had, on Linux."""
    status = Path(f"/proc/{pid}/status").read_text()
    return float((status.partition("VmHWM:")[2].split() or ["0"])[0])


def watched(pid: int) -> float:
    """Wait until a process has ended, and return the most memory that it had.

    What the system tells of an ended process (``ru_maxrss``) counts that of its parent too, which
    has made the files.
    """
    most = 0.0
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        most = max(most, most_kib(pid))
        time.sleep(0.05)
    return most


def cpu_s(pid: int) -> float:
    """Return the seconds of CPU that a process has used, on Linux."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def duckdb_loader(place: Path) -> Callable[[Path, str], float] | None:
    """Return what loads a file into DuckDB and gives its rows/s; None when it is not installed."""
    try:
        import duckdb
    except ImportError:
        return None
    readers = {"csv": "read_csv", "jsonl": "read_json", "parquet": "read_parquet"}

    def rate(path: Path, form: str) -> float:
        database: Any = duckdb.connect(str(place / f"{form}.db"))
        database.execute("SET threads = 2")
        begun = time.perf_counter()
        # No text of this statement comes from outside.
        database.execute(f"CREATE TABLE tap AS SELECT * FROM {readers[form]}('{path}')")  # noqa: S608
        database.execute("CHECKPOINT")
        seconds = time.perf_counter() - begun
        [(count,)] = database.execute("SELECT count(*) FROM tap").fetchall()
        database.close()
        return float(count) / seconds

    return rate


def main() -> None:
    """Print a line for each format."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=FORMATS)
    asked = parser.parse_args()
    rows = asked.rows or (QUICK_ROWS if asked.quick else FULL_ROWS)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        definition = place / "taps.toml"
        definition.write_text(DEFINITION)
        write_files(place, rows)
        duck = duckdb_loader(place)
        print(f"{rows:,} rows; two figures: of the command, of the server")
        titles = ("import/s", "read only/s", "DuckDB/s", "ratio", "CPU us/row", "memory MiB")
        print(f"{'':<8}" + "".join(f"{title:>13}" for title in titles))
        for form in asked.formats:
            path = place / f"taps.{form}"
            alone = reading_rate(path, form, rows)
            took = measured(path, definition, rows)
            rival = duck(path, form) if duck else 0.0
            figures = (
                f"{took.rate:,.0f}",
                f"{alone:,.0f}",
                f"{rival:,.0f}" if rival else "-",
                f"{took.rate / rival:.2f}" if rival else "-",
                f"{took.used_us:.1f}, {took.served_us:.1f}",
                f"{took.used_mib:.0f}, {took.served_mib:.0f}",
            )
            print(f"{form:<8}" + "".join(f"{figure:>13}" for figure in figures))


if __name__ == "__main__":
    main()
