"""DuckDB and PostgreSQL with the rows of ``bench_query_year``, asked what a small system would ask.

In the flow: made by the benchmark, filled with the events that the store under test holds.
Guarantee: the same rows; an index on the time and one on the subject in PostgreSQL, as the systems
that Livetally stands in for have; a server started here is stopped here.
"""

# ruff: noqa: S608 - no text of these statements comes from outside

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

__all__ = ["STATEMENTS", "Ask", "duckdb_rival", "postgresql_rival"]

Ask = Callable[[str], list[Any]]
"""Returns the rows of a statement."""

_RANGE = "happened >= '2024-12-31 23:00:00+00' AND happened < '2025-12-31 23:00:00+00'"
_ZONED = "timezone('Europe/Oslo', happened)"
_STATE = "subject, sum(amount) spent, count(*) sales"
ONE = "customer-77"
STATEMENTS = {
    "defined, by day": (
        f"SELECT CAST({_ZONED} AS DATE) d, count(*) FROM sale WHERE {_RANGE} GROUP BY d ORDER BY d"
    ),
    "defined sum, by day": (
        f"SELECT CAST({_ZONED} AS DATE) d, sum(amount) FROM sale WHERE {_RANGE}"
        " GROUP BY d ORDER BY d"
    ),
    "defined, by week and shop": (
        f"SELECT date_trunc('week', {_ZONED}) w, shop, count(*) FROM sale WHERE {_RANGE}"
        " GROUP BY w, shop ORDER BY w, shop"
    ),
    "one month by minute": (
        "SELECT date_trunc('minute', happened) m, count(*) FROM sale WHERE"
        " happened >= '2025-03-01 00:00:00+00' AND happened < '2025-04-01 00:00:00+00'"
        " GROUP BY m ORDER BY m"
    ),
    "ad-hoc filter, one total": f"SELECT count(*) FROM sale WHERE {_RANGE} AND pieces >= 5",
    "ad-hoc filter of raw data": (
        f"SELECT count(*) FROM sale WHERE {_RANGE} AND data->>'colour' = 'red'"
    ),
    "ad-hoc group of raw data": (
        f"SELECT data->>'colour' c, count(*) FROM sale WHERE {_RANGE} GROUP BY c ORDER BY c"
    ),
    "top 10 of all subjects": (
        f"SELECT subject, count(*) n FROM sale WHERE {_RANGE} GROUP BY subject"
        " ORDER BY n DESC, subject LIMIT 10"
    ),
    "one entity": f"SELECT {_STATE} FROM sale WHERE subject = '{ONE}' GROUP BY subject",
    "100 entities by key": (
        f"SELECT {_STATE} FROM sale GROUP BY subject ORDER BY subject LIMIT 100"
    ),
    "100 entities by a field": (
        f"SELECT {_STATE} FROM sale GROUP BY subject ORDER BY spent DESC, subject DESC LIMIT 100"
    ),
    "100 newest raw events": (
        "SELECT happened, subject, id, data, 1 FROM sale ORDER BY happened DESC, id DESC LIMIT 100"
    ),
}


@contextlib.contextmanager
def duckdb_rival(directory: Path, files: Iterator[Path]) -> Iterator[Ask | None]:
    """Load Parquet files into DuckDB; None when it is not installed."""
    try:
        import duckdb
    except ImportError:
        yield None
        return
    database = duckdb.connect(str(directory / "duck.db"))
    database.execute("SET TimeZone = 'UTC'")
    made = "CREATE TABLE sale AS"
    for file in files:
        database.execute(
            f"{made} SELECT happened, decode(subject::BLOB) subject, decode(id::BLOB) id, amount,"
            f" decode(shop::BLOB) shop, pieces, decode(data::BLOB)::JSON AS data"
            f" FROM read_parquet('{file}')"
        )
        made = "INSERT INTO sale"
    yield lambda sql: database.execute(sql).fetchall()
    database.close()


@contextlib.contextmanager
def postgresql_rival(directory: Path, files: Iterator[Path]) -> Iterator[Ask | None]:
    """Start a PostgreSQL server of the system's package and load CSV; None without one."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    try:
        import psycopg
    except ImportError:
        programs = []
    if not programs:
        yield None
        return
    with (
        _server(programs[0], directory) as address,
        psycopg.connect(address, autocommit=True) as connection,
    ):
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(
            "CREATE TABLE sale (happened timestamptz NOT NULL, subject text, id text,"
            " amount numeric(38, 2), shop text, pieces bigint, data jsonb)"
        )
        for file in files:
            with (
                connection.cursor().copy("COPY sale FROM STDIN (FORMAT csv)") as copy,
                file.open("rb") as rows,
            ):
                while piece := rows.read(1 << 20):
                    copy.write(piece)
        connection.execute("CREATE INDEX ON sale (happened, id)")
        connection.execute("CREATE INDEX ON sale (subject)")
        connection.execute("VACUUM ANALYZE sale")
        yield lambda sql: connection.execute(sql).fetchall()


@contextlib.contextmanager
def _server(programs: Path, directory: Path) -> Iterator[str]:
    """Run a server in a folder of its own; as nobody where we are root, which it refuses."""
    folder = directory / "postgresql"
    folder.mkdir()
    user: dict[str, Any] = {}
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        directory.chmod(0o755)
        user = {"user": nobody.pw_uid, "group": nobody.pw_gid}
    data = folder / "data"
    initdb = shutil.which("initdb", path=programs)
    postgres = shutil.which("postgres", path=programs)
    assert initdb is not None
    assert postgres is not None
    quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **user}
    subprocess.run(
        [initdb, "-D", data, "-U", "bench", "-A", "trust", "-E", "UTF8", "--no-sync"],
        check=True,
        cwd=folder,
        **quiet,
    )
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": folder, "port": port}
    options |= {"fsync": "off", "shared_buffers": "1GB", "work_mem": "256MB"}
    # For loading many rows and their indexes; a question needs none of it.
    options |= {"maintenance_work_mem": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "1h"}
    given = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    process = subprocess.Popen([postgres, "-D", data, *given], cwd=folder, **quiet)
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield f"postgresql://bench@127.0.0.1:{port}/postgres"
    finally:
        process.terminate()
        process.wait()
