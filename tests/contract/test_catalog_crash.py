"""The SQLite catalog under kill -9, with two processes that write at once.

In the flow: starts processes that make teams and say so, kills them, and looks at what is left.
Guarantee: what a method has returned for is there afterwards, and the file is whole.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from random import Random
from typing import IO, TYPE_CHECKING

from livetally.store.catalog import open_catalog
from livetally.testing.clock import ManualClock

if TYPE_CHECKING:
    from pathlib import Path

WRITER = """
import itertools, sys
from livetally.clock import SystemClock
from livetally.store.catalog import open_catalog
from livetally.tenancy import MovingWindow

path, prefix = sys.argv[1:]
catalog = open_catalog(path, SystemClock())
for number in itertools.count():
    catalog.create_team(f"{prefix}-{number}")
    catalog.charge_quota("key", MovingWindow(100_000, 10**15))
    sys.stdout.write(f"{prefix}-{number}\\n")
    sys.stdout.flush()
"""


def start(path: Path, prefix: str) -> subprocess.Popen[str]:
    """Start a process that makes teams until it is killed, and writes down each one made."""
    command = [sys.executable, "-c", WRITER, str(path), prefix]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def lines_of(output: IO[str] | None, count: int) -> list[str]:
    """Return the next so many lines; all that were written when the process has ended."""
    assert output is not None
    lines = [output.readline() for _ in range(count)] if count else output.readlines()
    return [line.strip() for line in lines if line.endswith("\n")]


def test_kill_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """After kill -9 of both of two writers, every team and hit they reported is in the catalog."""
    seed = 20_261_121
    random = Random(seed)
    path = tmp_path / "catalog.db"
    open_catalog(path, ManualClock()).close()
    reported: list[str] = []
    for round_ in range(2):
        writers = [start(path, f"{name}{round_}") for name in ("a", "b")]
        for writer in writers:
            reported += lines_of(writer.stdout, random.randrange(5, 20))
        for writer in writers:
            writer.kill()
        for writer in writers:
            reported += lines_of(writer.stdout, 0)
            writer.wait()
            assert writer.stdout is not None
            writer.stdout.close()
        with closing(open_catalog(path, ManualClock())) as opened:
            made = {team.name for team in opened.list_teams()}
        assert set(reported) - made == set(), f"seed {seed}, round {round_}"
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        (hits,) = connection.execute("SELECT count(*) FROM livetally_quota_hits").fetchone()
        numbered = connection.execute("SELECT last_seq FROM livetally_quota_windows").fetchone()
    assert len(reported) <= hits == numbered[0] <= len(reported) + 4
