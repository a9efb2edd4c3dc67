"""Takes a backup while everything goes on.

In the flow: run by ``server.backups`` on a thread; asks the writer for a moment between two
commits, freezes the events there, and copies in peace.
Guarantee: the backup holds the commits up to its position and no others; the catalog in it is of
the same moment or a little later, so that every team an event names is there. The manifest is
written when all else is on the disk.

Incremental by itself: files are kept under their checksums, and parts are never altered, so only
parts that are new are read. ``full`` reads all of them again and replaces kept files whose size is
not what it was.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import msgspec

from livetally.backup.manifest import Erasure, Manifest, Part, StoredFile, decoded, encoded
from livetally.backup.place import Place
from livetally.errors import StoreFailed
from livetally.store.catalog import CatalogDump
from livetally.store.events import Engine
from livetally.store.events.snapshot import Frozen, freeze, thaw

__all__ = ["Progress", "Source", "Taken", "take"]

_BLOCK_BYTES = 1024 * 1024


class Progress(NamedTuple):
    """How far a backup is: files and bytes that are safe already, and of how many."""

    files: int
    files_total: int
    bytes: int
    bytes_total: int


class Taken(NamedTuple):
    """A finished backup, and how many bytes it had to write."""

    manifest: Manifest
    new_bytes: int


class Source(NamedTuple):
    """What is backed up.

    Attributes:
        engine: the events.
        between: runs something between two commits, and returns what it returns.
        position: the last commit.
        dump: returns the catalog's rows.
        epoch: the store's name.
        erasures: what was erased so far.
        version: the program's.
        now_us: microseconds since 1970 UTC.
    """

    engine: Engine
    between: Callable[[Callable[[], tuple[Frozen, int]]], tuple[Frozen, int]]
    position: Callable[[], int]
    dump: Callable[[], CatalogDump]
    epoch: Callable[[], str]
    erasures: Callable[[], tuple[Erasure, ...]]
    version: str
    now_us: Callable[[], int]


def take(
    source: Source, place: Place, tell: Callable[[Progress], None], *, full: bool = False
) -> Taken:
    """Take a backup. Blocks until it is whole.

    Args:
        source: what is backed up.
        place: where to.
        tell: called with how far it is, from this thread.
        full: read everything again, also what an earlier backup has.

    Raises:
        StoreFailed: it could not be taken; what is in ``place`` is as good as before.
    """
    with place.alone():
        name = _name(source.now_us(), place.names())
        frozen, position = source.between(lambda: (freeze(source.engine, name), source.position()))
        try:
            return _copied(source, place, tell, _Chosen(frozen, position, full=full))
        finally:
            thaw(source.engine, name)


class _Chosen(NamedTuple):
    frozen: Frozen
    position: int
    full: bool


def _copied(
    source: Source, place: Place, tell: Callable[[Progress], None], chosen: _Chosen
) -> Taken:
    frozen = chosen.frozen
    known = {} if chosen.full else _known(place)
    kept = {} if chosen.full else place.objects()
    folders = frozen.parts()
    sizes = {folder: sum(p.stat().st_size for p in _files(folder)) for folder in folders}
    total, done, new = sum(sizes.values()), 0, 0
    parts: list[Part] = []
    for number, folder in enumerate(folders):
        tell(Progress(number, len(folders), done, total))
        part = known.get((frozen.table, folder.name))
        if part is None or not _still_kept(part, kept):
            part, written = _part(place, kept, frozen.table, folder)
            new += written
        parts.append(part)
        done += sizes[folder]
    catalog, written = _catalog(source, place, kept)
    manifest = Manifest(
        name=frozen.name,
        made_us=source.now_us(),
        version=source.version,
        epoch=source.epoch(),
        position=chosen.position,
        definition=frozen.definition,
        parts=tuple(parts),
        catalog=catalog,
        erasures=source.erasures(),
    )
    place.write_manifest(frozen.name, encoded(manifest))
    tell(Progress(len(folders), len(folders), total, total))
    return Taken(manifest, new + written)


def _name(now_us: int, names: list[str]) -> str:
    """Name a backup so that names are in the order of time, whatever the clock does."""
    number = max([now_us // 1000, *(int(n.split("-")[0]) + 1 for n in names if _is_ours(n))])
    return f"{number:014d}-{secrets.token_hex(3)}"


def _is_ours(name: str) -> bool:
    return name.split("-", maxsplit=1)[0].isdigit()


def _known(place: Place) -> dict[tuple[str, str], Part]:
    """Return the parts of the newest backup that can be read."""
    for name in reversed(place.names()):
        try:
            manifest = decoded(place.read_manifest(name), name)
        except StoreFailed:
            continue
        return {(part.table, part.name): part for part in manifest.parts}
    return {}


def _still_kept(part: Part, kept: dict[str, int]) -> bool:
    return all(kept.get(file.sha256) == file.bytes for file in part.files)


def _part(place: Place, kept: dict[str, int], table: str, folder: Path) -> tuple[Part, int]:
    files, written = [], 0
    for path in _files(folder):
        file = StoredFile(path.relative_to(folder).as_posix(), path.stat().st_size, _sum_of(path))
        written += _put(place, kept, path, file)
        files.append(file)
    return Part(table, folder.name, tuple(files)), written


def _catalog(source: Source, place: Place, kept: dict[str, int]) -> tuple[StoredFile, int]:
    text = msgspec.json.encode(source.dump())
    file = StoredFile("catalog.json", len(text), sha256(text).hexdigest())
    if kept.get(file.sha256) == file.bytes:
        return file, 0
    place.put_bytes(text, file.sha256)
    return file, file.bytes


def _put(place: Place, kept: dict[str, int], path: Path, file: StoredFile) -> int:
    if kept.get(file.sha256) == file.bytes:
        return 0
    place.put(path, file.sha256)
    kept[file.sha256] = file.bytes
    return file.bytes


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _sum_of(path: Path) -> str:
    seen = sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            seen.update(block)
    return seen.hexdigest()
