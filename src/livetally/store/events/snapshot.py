"""A snapshot of the events table as files that never change, and a table made of such files.

In the flow: ``backup`` copies what ``freeze`` shows, and hands files back to ``attach``.
Guarantee: a snapshot holds whole commits, exactly those that were stored when it was made; it costs
no room until merges replace its parts, and nothing that happens later changes it.

A server's files are not here: there is nothing to copy, and its own BACKUP does it.

Parts are never altered once they are written, so a hard link to each is a snapshot. The engine's
own BACKUP needs a configuration file, which an embedded engine has not got.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import NamedTuple

from livetally.errors import StoreFailed
from livetally.store.events.engine import Engine
from livetally.store.events.layout import TABLE
from livetally.store.events.reading import last_position

__all__ = [
    "Frozen",
    "NoSnapshot",
    "attach",
    "drop_after",
    "freeze",
    "materialise_all",
    "open_table",
    "thaw",
    "thaw_all",
]

_SHADOW = "shadow"
# Where the engine counts its snapshots.
_COUNTER = "increment.txt"
# The engine writes other characters than letters, digits and underscores in another way.
_PREFIX = "livetally_"
_PART = re.compile(r"[A-Za-z0-9_]{1,200}\Z")
_WAIT = "SETTINGS mutations_sync = 2"


class NoSnapshot(StoreFailed):
    """The events are on a ClickHouse server: back them up with its own BACKUP statement."""


class Frozen(NamedTuple):
    """A snapshot: its name, the folder with one folder for each part, and the table's own id.

    Within one table the name of a part is never given to another.
    """

    name: str
    folder: Path
    table: str
    definition: str

    def parts(self) -> list[Path]:
        """Return the folder of each part, by name."""
        return sorted(path for path in self.folder.iterdir() if path.is_dir())


def freeze(engine: Engine, name: str) -> Frozen:
    """Keep what is stored now under ``name``, until it is thawed. Blocks for milliseconds.

    Raises:
        NoSnapshot: the files are a server's.
        StoreFailed: the engine did not do it.
    """
    counter = _files(engine) / _SHADOW / _COUNTER
    if counter.is_file() and not counter.stat().st_size:
        counter.unlink()  # killed while it was written; the engine would refuse for ever
    full = _full(name)
    thaw(engine, name)
    engine.execute(f"ALTER TABLE {TABLE} FREEZE WITH NAME '{full}'")
    rows = engine.read(
        "SELECT toString(uuid), create_table_query FROM system.tables"
        " WHERE database = 'livetally' AND name = 'events'"
    )
    table, definition = str(rows[0][0]), str(rows[0][1])
    folder = _files(engine) / _SHADOW / full / "store" / table[:3] / table
    if not folder.is_dir():
        if last_position(engine):
            raise StoreFailed("The event store made no snapshot.")
        folder.mkdir(parents=True)  # the engine makes none for an empty table
    return Frozen(name, folder, table, definition)


def thaw(engine: Engine, name: str) -> None:
    """Let a snapshot go."""
    if engine.directory is None:
        return
    shutil.rmtree(engine.directory / _SHADOW / _full(name), ignore_errors=True)


def thaw_all(engine: Engine) -> None:
    """Let go what a process that was killed has left behind."""
    if engine.directory is None:
        return
    for path in (engine.directory / _SHADOW).glob(f"{_PREFIX}*"):
        shutil.rmtree(path, ignore_errors=True)


def _files(engine: Engine) -> Path:
    if engine.directory is None:
        raise NoSnapshot
    return engine.directory


def _full(name: str) -> str:
    return f"{_PREFIX}{name.replace('-', '_')}"


def open_table(engine: Engine, definition: str) -> Path:
    """Make the events table by its definition; return where files for ``attach`` are put.

    Raises:
        NoSnapshot: the files are a server's.
        EngineError: this engine can't make such a table.
    """
    files = _files(engine)
    engine.execute("CREATE DATABASE IF NOT EXISTS livetally ENGINE = Atomic")
    engine.execute(definition)
    rows = engine.read(
        "SELECT data_paths[1] FROM system.tables WHERE database = 'livetally' AND name = 'events'"
    )
    return files / str(rows[0][0]) / "detached"


def attach(engine: Engine, part: str) -> None:
    """Take a part in that was put where ``open_table`` says. Blocks.

    Raises:
        StoreFailed: it has no name of a part.
        EngineError: its files are not those of a part.
    """
    if not _PART.match(part):
        raise StoreFailed(f"'{part[:60]}' is not the name of a part.")
    engine.execute(f"ALTER TABLE {TABLE} ATTACH PART '{part}'")


def drop_after(engine: Engine, position: int) -> None:
    """Take every commit after ``position`` away. Blocks until it is done."""
    engine.execute(f"{engine.layout.altering} DELETE WHERE position > {position:d} {_WAIT}")


def materialise_all(engine: Engine) -> None:
    """Have the projections worked out in the background in parts that lack them."""
    layout = engine.layout
    rows = engine.read(f"SELECT name FROM system.projections WHERE {layout.of_local}")
    if rows:
        wanted = ", ".join(f"MATERIALIZE PROJECTION {name}" for (name,) in rows)
        engine.execute(f"{layout.altering} {wanted} SETTINGS mutations_sync = 0")
