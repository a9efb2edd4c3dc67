"""A bucket of S3, or of what speaks its language, as a place for backups.

In the flow: made by ``place.open_place`` for ``s3://BUCKET/PREFIX``; laid out like a directory.
Guarantee: what is listed is complete, because the store shows an object when all of it is there;
two writers are kept apart by an object that is made only where there is none (a conditional write)
and rewritten while its owner lives. What nobody rewrites for a while was left by the dead.

Keys, region and endpoint come from the variables that every tool for S3 reads: AWS_ACCESS_KEY_ID,
AWS_SECRET_ACCESS_KEY, AWS_REGION, AWS_ENDPOINT_URL, or the machine's role.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from livetally.backup.checked import BLOCK_BYTES, blocks_of, damaged, write_checked
from livetally.errors import BadInput, StoreFailed

if TYPE_CHECKING:
    from obstore import PutMode
    from obstore.store import S3Store

__all__ = ["BucketPlace"]

_WHOLE_BYTES_MAX = 8 * 1024 * 1024
_LOCK = "lock"
_BEAT_S = 5.0
_DEAD_AFTER_S = 20.0


class BucketPlace:
    """A bucket, or what is below a prefix in one. Who may read it is for the bucket to say."""

    def __init__(
        self, address: str, *, beat_s: float = _BEAT_S, dead_after_s: float = _DEAD_AFTER_S
    ) -> None:
        """Name the bucket; nothing is asked of it yet.

        Args:
            address: ``s3://BUCKET`` or ``s3://BUCKET/PREFIX``.
            beat_s: how often a writer shows that it lives.
            dead_after_s: how long another one waits for that.

        Raises:
            BadInput: the address names none, or the package for buckets is missing.
        """
        bucket, _, prefix = address.removeprefix("s3://").partition("/")
        if not bucket:
            raise BadInput("to", "must name a bucket: s3://BUCKET/PREFIX")
        self._address = address
        self._store = _store(bucket, prefix)
        self._beat_s = beat_s
        self._dead_after_s = dead_after_s
        self._lost = threading.Event()

    def names(self) -> list[str]:
        """Return the names of the whole backups, oldest first."""
        found = self._sizes("backups/")
        return sorted(key.removesuffix(".json") for key in found if key.endswith(".json"))

    def read_manifest(self, name: str) -> bytes:
        """Return a backup's manifest."""
        with _told(f"Backup '{name[:60]}' can't be read from {self._address}"):
            return self._read(f"backups/{Path(name).name}.json")

    def write_manifest(self, name: str, text: bytes) -> None:
        """Write a backup's manifest; the backup is whole from now on."""
        self._require_held()
        with _told("The backup's manifest can't be written"):
            self._write(f"backups/{name}.json", text)

    def drop_manifest(self, name: str) -> None:
        """Take a backup away; its files are there until they are dropped."""
        self._require_held()
        with _told("A backup can't be taken away"):
            self._delete(f"backups/{name}.json")

    def objects(self) -> dict[str, int]:
        """Return the bytes of each file by its checksum."""
        return {key.rpartition("/")[2]: size for key, size in self._sizes("objects/").items()}

    def put(self, path: Path, checksum: str) -> None:
        """Keep a file under its checksum."""
        with _told("The backup can't be written"), path.open("rb") as source:
            if path.stat().st_size <= _WHOLE_BYTES_MAX:
                self.put_bytes(source.read(), checksum)
                return
            # Raising from within, as it does for other bytes than these, ends the upload unseen.
            self._write(_key(checksum), _verified(blocks_of(source), checksum))

    def put_bytes(self, data: bytes, checksum: str) -> None:
        """Keep bytes under their checksum."""
        if sha256(data).hexdigest() != checksum:
            raise damaged(checksum)
        with _told("The backup can't be written"):
            self._write(_key(checksum), data)

    def get(self, checksum: str, path: Path) -> None:
        """Write a kept file to ``path``, synced, after checking it."""
        import obstore

        with _told("A file of the backup can't be read, or not be written here"):
            answer = obstore.get(self._store, _key(checksum))
            write_checked(map(bytes, answer.stream(BLOCK_BYTES)), path, checksum)

    def drop(self, checksum: str) -> None:
        """Take a file away."""
        self._require_held()
        with _told("A file can't be taken away"):
            self._delete(_key(checksum))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other writers out, and take over from one that is dead."""
        with _told(f"{self._address} can't be used"):
            tag = self._locked()
        self._lost.clear()
        done = threading.Event()
        beating = threading.Thread(target=self._beat, args=(tag, done), name="backup lock")
        beating.start()
        try:
            yield
        finally:
            done.set()
            beating.join()
            if not self._lost.is_set():
                with _told(f"{self._address} can't be given free"):
                    self._delete(_LOCK)

    def _locked(self) -> str | None:
        """Make the lock; return what the store calls this state of it."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, PreconditionError

        mine = secrets.token_bytes(16)
        try:
            return self._write(_LOCK, mine, "create")
        except AlreadyExistsError:
            pass
        # Clocks of two machines can't be compared; whether it is rewritten can be seen.
        before = obstore.head(self._store, _LOCK)["e_tag"]
        threading.Event().wait(self._dead_after_s)
        try:
            if obstore.head(self._store, _LOCK)["e_tag"] == before:
                return self._write(_LOCK, mine, {"e_tag": before})
        except (FileNotFoundError, PreconditionError):
            pass
        raise StoreFailed(f"Somebody else is writing to {self._address}.")

    def _beat(self, tag: str | None, done: threading.Event) -> None:
        from obstore.exceptions import BaseError, PreconditionError

        while not done.wait(self._beat_s):
            try:
                tag = self._write(_LOCK, secrets.token_bytes(16), {"e_tag": tag})
            except (FileNotFoundError, PreconditionError):
                self._lost.set()
                return
            except BaseError:
                continue  # the next one may come through; until another took it, it is ours

    def _require_held(self) -> None:
        if self._lost.is_set():
            raise StoreFailed(f"Another one has taken {self._address} over: this one was silent.")

    def _sizes(self, prefix: str) -> dict[str, int]:
        import obstore

        with _told(f"{self._address} can't be listed"):
            pages = obstore.list(self._store, prefix)
            return {one["path"].removeprefix(prefix): one["size"] for page in pages for one in page}

    def _read(self, key: str) -> bytes:
        import obstore

        return bytes(obstore.get(self._store, key).bytes())

    def _write(
        self, key: str, data: bytes | Iterator[bytes], mode: PutMode = "overwrite"
    ) -> str | None:
        import obstore

        return obstore.put(self._store, key, data, mode=mode)["e_tag"]

    def _delete(self, key: str) -> None:
        import obstore

        obstore.delete(self._store, key)


def _store(bucket: str, prefix: str) -> S3Store:
    try:
        from obstore.exceptions import BaseError
        from obstore.store import S3Store
    except ImportError:
        hint = "needs a further package: pip install 'livetally[s3]'"
        raise BadInput("to", hint) from None
    try:
        return S3Store(bucket, prefix=prefix.strip("/") or None)
    except (BaseError, ValueError) as error:
        raise BadInput("to", str(error).splitlines()[0][:200]) from None


def _key(checksum: str) -> str:
    return f"objects/{checksum[:2]}/{checksum}"


def _verified(blocks: Iterator[bytes], checksum: str) -> Iterator[bytes]:
    seen = sha256()
    for block in blocks:
        seen.update(block)
        yield block
    if seen.hexdigest() != checksum:
        raise damaged(checksum)


@contextmanager
def _told(what: str) -> Iterator[None]:
    from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError

    try:
        yield
    except (AlreadyExistsError, PreconditionError):
        raise
    except FileNotFoundError:
        raise StoreFailed(f"{what}: it is not there.") from None
    except (BaseError, OSError) as error:
        reason = str(error).strip().splitlines() or ["no reason was given"]
        raise StoreFailed(f"{what}: {reason[0][:300]}.") from None
