"""What a backup writes, what it keeps, and which damage is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import obstore
import pytest
from obstore.store import S3Store

from livetally.backup import (
    BucketPlace,
    Erasure,
    LocalPlace,
    Manifest,
    Place,
    Progress,
    Retention,
    Source,
    Target,
    Wanted,
    backups_in,
    open_place,
    prune,
    restore,
    take,
)
from livetally.backup.retention import chosen
from livetally.errors import BadInput, StoreFailed
from livetally.store.catalog import CatalogDump
from livetally.store.events.erase import fingerprint_of
from tests.buckets import S3_ENVIRONMENT, bucket_server, make_bucket
from tests.event_store import EventStore, event_store
from tests.query_model import Told
from tests.waiting import until

_DAY_US = 86_400_000_000
_SHOP = """
application = "shop"
[event.sale]
data.value = "integer"
[metric.revenue]
event = "sale"
aggregate = "sum"
value = "value"
by = ["subject"]
"""


class Shelf(Protocol):
    """A place, and a hand that reaches past it to what it keeps."""

    place: Place

    def read(self, key: str) -> bytes:
        """Return what is kept under a key, such as ``objects/ab/abcd``."""
        ...

    def write(self, key: str, data: bytes) -> None:
        """Put something else there."""
        ...

    def remove(self, key: str) -> None:
        """Take it away."""
        ...


class LocalShelf:
    """A directory."""

    def __init__(self, directory: Path) -> None:
        """Use the directory."""
        self.place: Place = LocalPlace(directory)
        self._directory = directory

    def read(self, key: str) -> bytes:
        """Return a file's bytes."""
        return (self._directory / key).read_bytes()

    def write(self, key: str, data: bytes) -> None:
        """Write a file."""
        (self._directory / key).write_bytes(data)

    def remove(self, key: str) -> None:
        """Remove a file."""
        (self._directory / key).unlink()


class BucketShelf:
    """A bucket, below a prefix."""

    def __init__(self, name: str) -> None:
        """Use the bucket; whoever writes is taken for dead soon."""
        self.place: Place = BucketPlace(f"s3://{name}/some/where", beat_s=0.1, dead_after_s=0.5)
        self.store = S3Store(name, prefix="some/where")

    def read(self, key: str) -> bytes:
        """Return an object's bytes."""
        return bytes(obstore.get(self.store, key).bytes())

    def write(self, key: str, data: bytes) -> None:
        """Write an object."""
        obstore.put(self.store, key, data)

    def remove(self, key: str) -> None:
        """Remove an object."""
        obstore.delete(self.store, key)


class Room:
    """A store, a place for its backups, and what was erased of it."""

    def __init__(self, store: EventStore, shelf: Shelf) -> None:
        """Have merges stopped: what is new is what was committed."""
        store.engine.execute("SYSTEM STOP MERGES livetally.events")
        self.store = store
        self.shelf = shelf
        self.place = shelf.place
        self.erasures: tuple[Erasure, ...] = ()
        self.now_us = 1_800_000_000_000_000

    def commit(self, number: int, subject: str = "ada") -> None:
        """Store one event."""
        told = Told("sale", number * 1_000_000, f"e{number}", subject, None, {"value": number})
        self.store.commit(2, [told])

    def take(self, *, full: bool = False) -> tuple[Manifest, int, list[Progress]]:
        """Take a backup."""
        told: list[Progress] = []
        self.now_us += 1_000_000
        source = Source(
            engine=self.store.engine,
            between=lambda run: run(),
            position=lambda: self.store.position,
            dump=lambda: CatalogDump("0003", {}),
            epoch=lambda: "abc",
            erasures=lambda: self.erasures,
            version="0",
            now_us=lambda: self.now_us,
        )
        taken = take(source, self.place, told.append, full=full)
        return taken.manifest, taken.new_bytes, told


def key_of(checksum: str) -> str:
    """Return where a file is kept."""
    return f"objects/{checksum[:2]}/{checksum}"


@pytest.fixture(scope="module")
def buckets(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a server for buckets, and let this process know where it is."""
    with (
        bucket_server(tmp_path_factory.mktemp("s3")) as address,
        pytest.MonkeyPatch.context() as env,
    ):
        for name, value in {**S3_ENVIRONMENT, "AWS_ENDPOINT_URL": address}.items():
            env.setenv(name, value)
        yield address


@pytest.fixture
def bucket(buckets: str) -> BucketShelf:
    """Make a bucket."""
    name = f"b{uuid4().hex}"
    make_bucket(buckets, name)
    return BucketShelf(name)


@pytest.fixture(params=["directory", "bucket"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    """Make each kind of place."""
    if request.param == "directory":
        return LocalShelf(tmp_path / "backups")
    made: BucketShelf = request.getfixturevalue("bucket")
    return made


@pytest.fixture
def room(shelf: Shelf, tmp_path: Path) -> Iterator[Room]:
    """Open a store with five commits."""
    (tmp_path / "events").mkdir()
    with event_store(tmp_path / "events", _SHOP) as store:
        made = Room(store, shelf)
        for number in range(1, 6):
            made.commit(number)
        yield made


def test_a_second_backup_writes_only_what_is_new(room: Room) -> None:
    """Nothing new: nothing is written; one commit: its part; full: everything again."""
    first, written, told = room.take()
    assert written == first.bytes
    assert len(first.parts) == 5
    assert told[-1].bytes == told[-1].bytes_total == first.bytes - first.catalog.bytes
    second, written, _ = room.take()
    assert written == 0
    assert second.parts == first.parts
    room.commit(6)
    third, written, _ = room.take()
    assert 0 < written == sum(file.bytes for file in third.parts[-1].files)
    assert third.position == 6
    _, written, _ = room.take(full=True)
    assert written == third.bytes


def test_what_is_missing_in_the_place_is_written_again(room: Room) -> None:
    """An incremental backup does not trust an earlier one whose files are gone or cut short."""
    first, _, _ = room.take()
    file = first.parts[0].files[0]
    key = key_of(file.sha256)
    room.shelf.write(key, room.shelf.read(key)[:-1])
    _, written, _ = room.take()
    assert written == file.bytes
    assert len(room.shelf.read(key)) == file.bytes


def test_damage_is_noticed_and_named(room: Room, tmp_path: Path) -> None:
    """A changed byte in a file or in the manifest, and a lost file, stop a restore."""
    manifest, _, _ = room.take()
    file = manifest.parts[0].files[0]
    stored = key_of(file.sha256)
    sound = room.shelf.read(stored)
    written = f"backups/{manifest.name}.json"
    text = room.shelf.read(written)
    target = Target(tmp_path / "again" / "events", lambda _dump, _facts: None)
    target.events.mkdir(parents=True)
    room.store.close()
    room.store.engine.close()

    room.shelf.remove(stored)
    with pytest.raises(StoreFailed, match="missing or cut short"):
        restore(room.place, Wanted(), target, lambda _done, _total: None)
    room.shelf.write(stored, sound[:-1] + bytes([sound[-1] ^ 1]))
    with pytest.raises(StoreFailed, match="is damaged"):
        restore(room.place, Wanted(), target, lambda _done, _total: None)
    room.shelf.write(stored, sound)
    room.shelf.write(written, text.replace(b'"position":5', b'"position":4'))
    with pytest.raises(StoreFailed, match="its manifest is not what was written"):
        restore(room.place, Wanted(), target, lambda _done, _total: None)
    room.shelf.write(written, text[: len(text) // 2])
    with pytest.raises(StoreFailed, match="is damaged"):
        restore(room.place, Wanted(), target, lambda _done, _total: None)
    room.shelf.write(written, text)
    with pytest.raises(BadInput, match="6 is in no backup; the last one has 5"):
        restore(room.place, Wanted(position=6), target, lambda _done, _total: None)
    with pytest.raises(BadInput, match="there is no 'x'"):
        restore(room.place, Wanted(name="x"), target, lambda _done, _total: None)


def test_what_was_erased_later_is_erased_again(room: Room, tmp_path: Path) -> None:
    """An older backup that is put back loses the subjects that a newer one knows as erased."""
    room.commit(7, "bob")
    old, _, _ = room.take()
    room.erasures = (Erasure(2, fingerprint_of(2, "bob"), 7),)
    room.take()
    room.store.close()
    room.store.engine.close()
    dumps: list[CatalogDump] = []
    target = Target(tmp_path / "again" / "events", lambda dump, _facts: dumps.append(dump))
    target.events.mkdir(parents=True)
    told = restore(room.place, Wanted(name=old.name), target, lambda _done, _total: None)
    assert told.erased_again == 1
    assert told.position == 5
    assert [row["fingerprint"] for row in dumps[0].tables["livetally_erasures"]] == [
        fingerprint_of(2, "bob")
    ]


def test_retention_keeps_the_newest_and_one_a_day(room: Room) -> None:
    """Of many backups, the newest few and the last of each recent day stay; files go with them."""
    made = [room.take()[0]]
    for day in range(1, 5):
        room.now_us += _DAY_US
        room.commit(10 + day)
        made.append(room.take()[0])
        made.append(room.take()[0])
    stay = chosen(made, Retention(newest=1, days=3), room.now_us)
    assert stay == {made[4].name, made[6].name, made[8].name}
    assert chosen(made, Retention(newest=2, days=0), room.now_us) == {
        made[7].name,
        made[8].name,
    }
    assert prune(room.place, Retention(newest=1, days=3), room.now_us) == 6
    left = backups_in(room.place)
    assert {one.name for one in left} == stay
    assert set(room.place.objects()) == {file.sha256 for one in left for file in one.files()}


def test_a_place_takes_one_writer(room: Room) -> None:
    """While one writes, another is refused, and told why; afterwards it may."""
    with room.place.alone(), pytest.raises(StoreFailed, match="Somebody else is writing"):
        room.take()
    assert room.take()[0].position == 5


def test_a_dead_writers_bucket_is_taken_over(bucket: BucketShelf) -> None:
    """A lock that nobody rewrites is the next one's; whoever comes back too late writes nothing."""
    bucket.write("lock", b"of a writer that was killed")
    with bucket.place.alone():
        assert bucket.read("lock") != b"of a writer that was killed"
        bucket.write("lock", b"of one that thought this one dead")
        until(lambda: refused(bucket.place), "the writer to notice")
    # What is another's is left to it.
    assert bucket.read("lock") == b"of one that thought this one dead"


def refused(place: Place) -> bool:
    """Tell whether a writer may finish no backup any more."""
    try:
        place.write_manifest("late", b"{}")
    except StoreFailed as error:
        assert "has taken" in error.message  # noqa: PT017 - asked again until it is so
        return True
    return False


def test_a_large_file_goes_in_pieces_and_is_checked(bucket: BucketShelf, tmp_path: Path) -> None:
    """Of 20 MiB every byte comes back; other bytes than announced leave nothing behind."""
    data = bytes(range(256)) * 4096 * 20
    checksum = sha256(data).hexdigest()
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(data)
    bucket.place.put(source, checksum)
    bucket.place.get(checksum, target)
    assert target.read_bytes() == data
    with pytest.raises(StoreFailed, match="is damaged"):
        bucket.place.put(source, "ab" * 32)
    with pytest.raises(StoreFailed, match="is damaged"):
        bucket.place.put_bytes(data, "ab" * 32)
    assert bucket.place.objects() == {checksum: len(data)}


def test_a_bucket_that_can_not_be_used_is_told(buckets: str, tmp_path: Path) -> None:
    """No such bucket, no name, nobody there: words, and no trace."""
    nowhere = BucketPlace("s3://nobody-has-made-this/x")
    for use in (
        nowhere.names,
        nowhere.objects,
        lambda: nowhere.put_bytes(b"", sha256().hexdigest()),
    ):
        with pytest.raises(StoreFailed, match="can't be"):
            use()
    with pytest.raises(StoreFailed, match="can't be read"):
        nowhere.get("ab" * 32, tmp_path / "file")
    with pytest.raises(BadInput, match="must name a bucket"):
        open_place("s3:///x")
    with pytest.raises(BadInput, match="absolute path of a directory, or s3"):
        open_place("gs://bucket/x")
