"""What a backup consists of: one small file that names all others and how to check them.

In the flow: written last by ``taking``, read first by ``restoring``.
Guarantee: a manifest that can be read names files that were on disk before it was.
"""

from __future__ import annotations

import re
from hashlib import sha256

import msgspec

from livetally.errors import StoreFailed

__all__ = ["FORMAT", "Erasure", "Manifest", "Part", "StoredFile", "decoded", "encoded"]

FORMAT = 1
"""The number of this form of a backup; one with a higher number is refused."""

_HASH = re.compile(r"[0-9a-f]{64}\Z")
_PATH = re.compile(r"[A-Za-z0-9_.%-]+(/[A-Za-z0-9_.%-]+)*\Z")


class StoredFile(msgspec.Struct, frozen=True):
    """A file: its path within its part, its bytes, and the SHA-256 that it is kept under."""

    path: str
    bytes: int
    sha256: str


class Part(msgspec.Struct, frozen=True):
    """A part of the events table; ``table`` and ``name`` name its content for ever."""

    table: str
    name: str
    files: tuple[StoredFile, ...]


class Erasure(msgspec.Struct, frozen=True):
    """A subject that was erased up to ``position``; it is named by a fingerprint only."""

    team: int
    fingerprint: str
    position: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """A whole backup.

    Attributes:
        name: the backup's own, in the order of time.
        made_us: microseconds since 1970 UTC.
        version: the program that made it.
        epoch: the store's name.
        position: the last commit that is in it.
        definition: how the events table is made.
        parts: its parts.
        catalog: the catalog's rows, as JSON.
        erasures: what must stay erased when an older backup is put back.
    """

    format: int = FORMAT
    name: str
    made_us: int
    version: str
    epoch: str
    position: int
    definition: str
    parts: tuple[Part, ...]
    catalog: StoredFile
    erasures: tuple[Erasure, ...] = ()

    @property
    def bytes(self) -> int:
        """What is needed to put it back."""
        return sum(file.bytes for file in self.files())

    def files(self) -> list[StoredFile]:
        """Return every file."""
        return [self.catalog, *(file for part in self.parts for file in part.files)]


class _Sealed(msgspec.Struct, frozen=True):
    """A manifest as it is written: with the checksum of itself."""

    sha256: str
    manifest: msgspec.Raw


def encoded(manifest: Manifest) -> bytes:
    """Write a manifest, sealed by its own checksum."""
    text = msgspec.json.encode(manifest)
    seal = sha256(text).hexdigest()
    return msgspec.json.encode(_Sealed(seal, msgspec.Raw(text)))


def decoded(text: bytes, name: str) -> Manifest:
    """Read a manifest.

    Raises:
        StoreFailed: it is damaged, or of a newer program.
    """
    try:
        sealed = msgspec.json.decode(text, type=_Sealed)
        form = msgspec.json.decode(sealed.manifest, type=dict[str, object]).get("format")
        if isinstance(form, int) and form > FORMAT:
            raise StoreFailed(f"Backup '{name}' was made by a newer Livetally: install that.")
        manifest = msgspec.json.decode(sealed.manifest, type=Manifest)
    except msgspec.DecodeError as error:
        raise StoreFailed(f"Backup '{name}' is damaged: {error}.") from None
    if sha256(bytes(sealed.manifest)).hexdigest() != sealed.sha256 or not _sound(manifest):
        raise StoreFailed(f"Backup '{name}' is damaged: its manifest is not what was written.")
    return manifest


def _sound(manifest: Manifest) -> bool:
    """Tell whether no name in it leads anywhere but into its own folder."""
    return all(
        _HASH.match(file.sha256) and _PATH.match(file.path) and ".." not in file.path.split("/")
        for file in manifest.files()
    )
