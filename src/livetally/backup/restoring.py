"""Puts a backup back into an empty data directory.

In the flow: run by ``server.restoring`` without a server; reads a place, fills the engine's
directory and the catalog.
Guarantee: every file is checked before it is used; what was erased after the backup was taken, and
that the place knows of, is erased again; the store has a new name, so that nobody goes on from
positions that mean something else now.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from livetally.backup.manifest import Erasure, Manifest, Part, decoded
from livetally.backup.place import Place
from livetally.errors import BadInput, StoreFailed
from livetally.store.catalog import CatalogDump
from livetally.store.events import EmbeddedEngine, Engine, last_position
from livetally.store.events.erase import Subject, erase_rows
from livetally.store.events.snapshot import attach, drop_after, materialise_all, open_table

__all__ = ["Restored", "Target", "Wanted", "restore"]

_ROOM = 1.1
"""Room that is needed for each byte of the backup."""


class Wanted(NamedTuple):
    """Which backup: by name, the first that has a position, or the newest."""

    name: str | None = None
    position: int | None = None


class Target(NamedTuple):
    """Where to: the engine's empty directory, and what makes the catalog from its rows."""

    events: Path
    fill: Callable[[CatalogDump, Mapping[str, str | None]], None]


class Restored(NamedTuple):
    """What was put back: the backup, the last commit, and how many subjects were erased again."""

    manifest: Manifest
    position: int
    erased_again: int


def restore(
    place: Place, wanted: Wanted, target: Target, tell: Callable[[int, int], None]
) -> Restored:
    """Put a backup back. Blocks.

    Args:
        place: where the backups are.
        wanted: which of them, and up to which commit.
        target: where to.
        tell: called with the bytes that are back, and of how many.

    Raises:
        BadInput: there is no such backup, or it does not reach the position.
        StoreFailed: the backup is damaged, the disk is too small or refuses.
    """
    manifest, others = _chosen(place, wanted)
    _require_room(place, manifest, target.events)
    dump = _catalog(place, manifest, target.events)
    engine = EmbeddedEngine(target.events)
    try:
        _put_back(place, engine, manifest, tell)
        if wanted.position is not None:
            drop_after(engine, wanted.position)
        again = _missing(manifest, others)
        for one in again:
            erase_rows(engine, Subject(one.team, one.fingerprint, one.position))
        materialise_all(engine)
        position = last_position(engine)
    finally:
        engine.close()
    target.fill(_with_erasures(dump, again), {"epoch": None, "position_min": None})
    return Restored(manifest, position, len(again))


def _chosen(place: Place, wanted: Wanted) -> tuple[Manifest, list[Manifest]]:
    names = place.names()
    if not names:
        raise BadInput("from", "there is no whole backup in it")
    if wanted.name is not None and wanted.name not in names:
        raise BadInput("backup", f"there is no '{wanted.name[:60]}'; the newest is {names[-1]}")
    readable, damaged = [], None
    for name in names:
        try:
            readable.append(decoded(place.read_manifest(name), name))
        except StoreFailed as error:
            damaged = error
            if name == (wanted.name or names[-1]):
                raise
    if wanted.name is not None:
        found = next(one for one in readable if one.name == wanted.name)
    elif wanted.position is None:
        found = readable[-1]
    else:
        reach = [one for one in readable if one.position >= (wanted.position or 0)]
        if not reach:
            raise damaged or _too_far(wanted.position, readable[-1])
        # The first that has it: least has been erased or has grown too old in it.
        found = reach[0]
    if wanted.position is not None and found.position < wanted.position:
        raise _too_far(wanted.position, found)
    return found, readable


def _too_far(position: int, newest: Manifest) -> BadInput:
    return BadInput("position", f"{position} is in no backup; the last one has {newest.position}")


def _require_room(place: Place, manifest: Manifest, events: Path) -> None:
    kept = place.objects()
    for file in manifest.files():
        if kept.get(file.sha256) != file.bytes:
            raise StoreFailed(
                f"Backup '{manifest.name}' is damaged: {file.sha256[:16]}… is missing or cut short."
            )
    free = shutil.disk_usage(events).free
    if free < manifest.bytes * _ROOM:
        raise StoreFailed(f"The disk has {free:,} bytes left; {manifest.bytes:,} are needed.")


def _catalog(place: Place, manifest: Manifest, events: Path) -> CatalogDump:
    path = events.parent / "catalog.json"
    path.unlink(missing_ok=True)
    place.get(manifest.catalog.sha256, path)
    try:
        return msgspec.json.decode(path.read_bytes(), type=CatalogDump)
    except msgspec.DecodeError as error:
        raise StoreFailed(f"The backup's catalog can't be read: {error}.") from None
    finally:
        path.unlink()


def _put_back(
    place: Place, engine: Engine, manifest: Manifest, tell: Callable[[int, int], None]
) -> None:
    detached = open_table(engine, manifest.definition)
    total, done = manifest.bytes, 0
    # In the order of their blocks, so that the table reads like the one before.
    for part in sorted(manifest.parts, key=_blocks):
        _write(place, part, detached / part.name)
        attach(engine, part.name)
        done += sum(file.bytes for file in part.files)
        tell(done, total)


def _blocks(part: Part) -> tuple[int, str]:
    number = part.name.split("_")[1:2]
    return (int(number[0]) if number and number[0].isdigit() else 0, part.name)


def _write(place: Place, part: Part, folder: Path) -> None:
    folders = {folder}
    for file in part.files:
        path = folder / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        folders.add(path.parent)
        place.get(file.sha256, path)
    for one in sorted(folders, reverse=True):
        descriptor = os.open(one, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _missing(manifest: Manifest, others: Sequence[Manifest]) -> list[Erasure]:
    """Return what was erased of this store after the backup was taken."""
    known = set(manifest.erasures)
    later = (one for one in others if one.epoch == manifest.epoch and one.name > manifest.name)
    return sorted(
        {one for other in later for one in other.erasures} - known,
        key=lambda one: (one.position, one.team, one.fingerprint),
    )


def _with_erasures(dump: CatalogDump, again: Sequence[Erasure]) -> CatalogDump:
    rows = [
        {
            "team_id": one.team,
            "fingerprint": one.fingerprint,
            "position": one.position,
            "at_us": 0,
            "done_us": 0,
        }
        for one in again
    ]
    name = "livetally_erasures"
    return CatalogDump(dump.form, {**dump.tables, name: [*dump.tables.get(name, []), *rows]})
