"""Where backups are: files under their checksums, so that a second backup writes only what is new.

In the flow: ``taking`` writes, ``restoring`` reads, ``retention`` takes away.
Guarantee: what is listed is complete and on disk: a file appears under its name when its bytes have
been synced, never before.

    objects/ab/abcdef…   a file, named by the SHA-256 of its bytes
    backups/NAME.json    a backup: what it consists of
    lock                 held by whoever writes
"""

from __future__ import annotations

import fcntl
import io
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Protocol

from livetally.backup.bucket import BucketPlace
from livetally.backup.checked import blocks_of, write_checked
from livetally.errors import BadInput, StoreFailed
from livetally.store.folders import sync_folder

__all__ = ["LocalPlace", "Place", "open_place"]

_PARTIAL = ".partial-"


class Place(Protocol):
    """A place for backups. Every method blocks, and raises StoreFailed when it can't."""

    def names(self) -> list[str]:
        """Return the names of the whole backups, oldest first."""
        ...

    def read_manifest(self, name: str) -> bytes:
        """Return a backup's manifest."""
        ...

    def write_manifest(self, name: str, text: bytes) -> None:
        """Write a backup's manifest; the backup is whole from now on."""
        ...

    def drop_manifest(self, name: str) -> None:
        """Take a backup away; its files are there until they are dropped."""
        ...

    def objects(self) -> dict[str, int]:
        """Return the bytes of each file by its checksum."""
        ...

    def put(self, path: Path, checksum: str) -> None:
        """Keep a file under its checksum."""
        ...

    def put_bytes(self, data: bytes, checksum: str) -> None:
        """Keep bytes under their checksum."""
        ...

    def get(self, checksum: str, path: Path) -> None:
        """Write a kept file to ``path``, synced, after checking it."""
        ...

    def drop(self, checksum: str) -> None:
        """Take a file away."""
        ...

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other writers out."""
        ...


def open_place(text: str) -> Place:
    """Return the place that ``text`` names: a directory by its absolute path, or ``s3://BUCKET``.

    Raises:
        BadInput: it names none.
    """
    if text.startswith("s3://"):
        return BucketPlace(text)
    if "://" in text or not Path(text).is_absolute():
        raise BadInput("to", "must be the absolute path of a directory, or s3://BUCKET/PREFIX")
    return LocalPlace(Path(text))


class LocalPlace:
    """A directory; readable by its owner only, because it holds all there is."""

    def __init__(self, directory: Path) -> None:
        """Name the directory; it is made when something is written."""
        self._directory = directory
        self._objects = directory / "objects"
        self._backups = directory / "backups"

    def names(self) -> list[str]:
        """Return the names of the whole backups, oldest first."""
        return sorted(path.stem for path in self._backups.glob("*.json"))

    def read_manifest(self, name: str) -> bytes:
        """Return a backup's manifest."""
        with _told(f"There is no backup '{name[:60]}' in {self._directory}"):
            return (self._backups / f"{Path(name).name}.json").read_bytes()

    def write_manifest(self, name: str, text: bytes) -> None:
        """Write a backup's manifest; the backup is whole from now on."""
        with _told("The backup's manifest can't be written"):
            partial = self._backups / f"{_PARTIAL}{name}"
            with partial.open("wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            partial.rename(self._backups / f"{name}.json")
            sync_folder(self._backups)

    def drop_manifest(self, name: str) -> None:
        """Take a backup away; its files are there until they are dropped."""
        with _told("A backup can't be taken away"):
            (self._backups / f"{name}.json").unlink(missing_ok=True)
            sync_folder(self._backups)

    def objects(self) -> dict[str, int]:
        """Return the bytes of each file by its checksum."""
        with _told("The backup directory can't be read"):
            found = self._objects.glob("??/*")
            return {path.name: path.stat().st_size for path in found if _PARTIAL not in path.name}

    def put(self, path: Path, checksum: str) -> None:
        """Keep a file under its checksum."""
        with _told("The backup can't be written"), path.open("rb") as source:
            self._put(source, checksum)

    def put_bytes(self, data: bytes, checksum: str) -> None:
        """Keep bytes under their checksum."""
        with _told("The backup can't be written"):
            self._put(io.BytesIO(data), checksum)

    def _put(self, source: BinaryIO, checksum: str) -> None:
        target = self._object(checksum)
        if not target.parent.is_dir():
            target.parent.mkdir(mode=0o700, exist_ok=True)
            sync_folder(self._objects)
        partial = target.parent / f"{_PARTIAL}{secrets.token_hex(4)}"
        try:
            write_checked(blocks_of(source), partial, checksum)
            partial.rename(target)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        sync_folder(target.parent)

    def get(self, checksum: str, path: Path) -> None:
        """Write a kept file to ``path``, synced, after checking it."""
        what = "A file of the backup can't be read, or not be written here"
        with _told(what), self._object(checksum).open("rb") as source:
            write_checked(blocks_of(source), path, checksum)

    def drop(self, checksum: str) -> None:
        """Take a file away."""
        with _told("A file can't be taken away"):
            self._object(checksum).unlink(missing_ok=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other writers out, and clear away what one that was killed has left."""
        with _told(f"The backup directory {self._directory} can't be used"):
            for path in (self._directory, self._objects, self._backups):
                path.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self._directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise StoreFailed(f"Somebody else is writing to {self._directory}.") from None
            for path in (*self._objects.glob(f"??/{_PARTIAL}*"), *self._backups.glob(".*")):
                path.unlink(missing_ok=True)
            yield
        finally:
            os.close(lock)

    def _object(self, checksum: str) -> Path:
        return self._objects / checksum[:2] / checksum


@contextmanager
def _told(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreFailed(f"{what}: {error.strerror or error}.") from None
