"""Makes and brings up to date what the settings name, without starting a server.

In the flow: called by ``cli migrate``; does what the start of a server does, and ends.
Guarantee: idempotent; several processes may do it at once, and while servers run on a cluster. What
is found is told beside what was done.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple, TypeVar

from livetally.clock import SystemClock
from livetally.errors import DataDirectoryLocked
from livetally.ingest import replay
from livetally.server.clustering import opened_log
from livetally.server.directory import DataDirectory
from livetally.server.erasing import position_min
from livetally.server.logs import set_up_logs
from livetally.server.registry import Registry, read_files
from livetally.server.sourcing import process_name
from livetally.settings import Settings
from livetally.store.catalog import Catalog, look_at_catalog, open_catalog
from livetally.store.events import (
    EmbeddedEngine,
    Engine,
    EngineError,
    ServerEngine,
    create,
    existing_columns,
)
from livetally.store.events.schema import existing_projections
from livetally.store.journal import Journal

__all__ = ["Brought", "held_directory", "migrate"]

_FAR_US = 2**62
_TURN_S_MAX = 30.0
_LOOK_S = 0.2
_ATTEMPTS = 5
_Made = TypeVar("_Made")


class Brought(NamedTuple):
    """A part: what it is, how it was found, what was done."""

    part: str
    found: str
    done: str


def migrate(settings: Settings) -> list[Brought]:
    """Bring everything up to date that the settings name. Blocks.

    Raises:
        LivetallyError: a part can't be reached or changed; what came before it is done.
    """
    set_up_logs("warning", settings.log_format)
    applications = read_files(settings.definitions)
    with contextlib.ExitStack() as stack:
        directory: DataDirectory | None = None
        if not settings.store:
            directory = stack.enter_context(held_directory(Path(settings.data), _TURN_S_MAX))
        place = settings.catalog or (directory.catalog if directory else "")
        found = _form(place)
        catalog = open_catalog(place, SystemClock())
        stack.callback(catalog.close)
        brought = [_of_catalog(found, _form(place))]
        engine: Engine
        if directory is None:
            engine = ServerEngine(settings.store)
        else:
            engine = EmbeddedEngine(directory.events)
        stack.callback(engine.close)
        before = _shape(engine)
        _persistently(partial(create, engine))
        if directory is not None:
            replay(Journal(directory.journal), engine, position_min(catalog))
        registry = _persistently(partial(Registry, catalog, engine))
        _persistently(partial(registry.apply_shared, applications, "settings"))
        brought.append(_of_store(engine, before, _shape(engine)))
        if directory is None:
            brought.append(asyncio.run(_log_of(settings, engine, catalog)))
        else:
            directory.note_form(version("livetally"))
        return brought


@contextlib.contextmanager
def held_directory(path: Path, seconds: float) -> Iterator[DataDirectory]:
    """Hold a data directory; wait a while for who holds it now. Blocks.

    Raises:
        DataDirectoryLocked: somebody still does.
        DataDirectoryUnusable: it can't be made or written.
    """
    until_s = time.monotonic() + seconds
    directory = DataDirectory(path)
    while True:
        try:
            directory.__enter__()
        except DataDirectoryLocked:
            if time.monotonic() > until_s:
                raise
            time.sleep(_LOOK_S)
        else:
            break
    with contextlib.ExitStack() as stack:
        stack.push(directory.__exit__)
        yield directory


def _form(place: str | Path) -> str:
    """Return the form of a catalog's tables; empty where there are none."""
    if isinstance(place, Path) and not place.exists():
        return ""
    return look_at_catalog(place, _FAR_US).form


def _of_catalog(found: str, now: str) -> Brought:
    if not found:
        return Brought("catalog", "nothing", f"made its tables, form {now}")
    done = "nothing to do" if found == now else f"brought it to form {now}"
    return Brought("catalog", f"form {found}", done)


class _Shape(NamedTuple):
    """The declared fields' columns and the projections; None for no table."""

    columns: frozenset[str]
    projections: frozenset[str]


def _shape(engine: Engine) -> _Shape | None:
    if not existing_columns(engine):
        return None
    columns = {name for name in existing_columns(engine) if name.startswith("f_")}
    return _Shape(frozenset(columns), frozenset(existing_projections(engine)))


def _of_store(engine: Engine, before: _Shape | None, after: _Shape | None) -> Brought:
    where = "ClickHouse" if engine.layout.server else "embedded engine"
    what = f"{where} {engine.version}"
    if engine.layout.cluster:
        what += f", cluster {engine.layout.cluster}"
    assert after is not None, "the table was made just now"
    old = before or _Shape(frozenset(), frozenset())
    done = ["made the events table"] if before is None else []
    for word, one, other in (
        ("added", after, old),
        ("dropped", old, after),
    ):
        columns, kept = one.columns - other.columns, one.projections - other.projections
        if columns or kept:
            done.append(f"{word} {len(columns)} columns and {len(kept)} projections")
    held = f"{len(old.columns)} columns of fields, {len(old.projections)} projections"
    found = f"{what}, no events table" if before is None else f"{what}, {held}"
    return Brought("store", found, "; ".join(done) or "nothing to do")


async def _log_of(settings: Settings, engine: Engine, catalog: Catalog) -> Brought:
    log = await opened_log(settings, engine, partial(position_min, catalog), process_name())
    try:
        shape = f"{log.partitions} partitions, {settings.log_replicas} replicas or more"
        if log.was_made:
            return Brought("log", "nothing", f"made the stream: {shape}")
        return Brought("log", f"last position {await log.last_of()}, {shape}", "nothing to do")
    finally:
        await log.close()


def _persistently(change: Callable[[], _Made]) -> _Made:
    """Make a change of the store's tables that another process may be making as well."""
    for attempt in range(_ATTEMPTS):
        try:
            return change()
        except EngineError:
            if attempt == _ATTEMPTS - 1:
                raise
            time.sleep(_LOOK_S * (attempt + 1))
    raise AssertionError
