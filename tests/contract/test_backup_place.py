"""What a backup writes, what it keeps, and which damage is noticed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from livetally.backup import (
    Erasure,
    LocalPlace,
    Manifest,
    Progress,
    Retention,
    Source,
    Target,
    Wanted,
    backups_in,
    prune,
    restore,
    take,
)
from livetally.backup.retention import chosen
from livetally.errors import BadInput, StoreFailed
from livetally.store.catalog import CatalogDump
from livetally.store.events.erase import fingerprint_of
from tests.event_store import EventStore, event_store
from tests.query_model import Told

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


class Room:
    """A store, a place for its backups, and what was erased of it."""

    def __init__(self, store: EventStore, directory: Path) -> None:
        """Have merges stopped: what is new is what was committed."""
        store.engine.execute("SYSTEM STOP MERGES livetally.events")
        self.store = store
        self.place = LocalPlace(directory / "backups")
        self.directory = directory
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


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    """Open a store with five commits."""
    (tmp_path / "events").mkdir()
    with event_store(tmp_path / "events", _SHOP) as store:
        made = Room(store, tmp_path)
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
    path = room.directory / "backups" / "objects" / file.sha256[:2] / file.sha256
    path.write_bytes(path.read_bytes()[:-1])
    _, written, _ = room.take()
    assert written == file.bytes
    assert path.stat().st_size == file.bytes


def test_damage_is_noticed_and_named(room: Room, tmp_path: Path) -> None:
    """A changed byte in a file or in the manifest, and a lost file, stop a restore."""
    manifest, _, _ = room.take()
    file = manifest.parts[0].files[0]
    stored = room.directory / "backups" / "objects" / file.sha256[:2] / file.sha256
    sound = stored.read_bytes()
    written = room.directory / "backups" / "backups" / f"{manifest.name}.json"
    text = written.read_bytes()
    target = Target(tmp_path / "again" / "events", lambda _dump, _facts: None)
    target.events.mkdir(parents=True)
    room.store.close()
    room.store.engine.close()

    stored.unlink()
    with pytest.raises(StoreFailed, match="missing or cut short"):
        restore(room.place, Wanted(), target, lambda _done, _total: None)
    stored.write_bytes(sound[:-1] + bytes([sound[-1] ^ 1]))
    with pytest.raises(StoreFailed, match="is damaged"):
        restore(room.place, Wanted(), target, lambda _done, _total: None)
    stored.write_bytes(sound)
    written.write_bytes(text.replace(b'"position":5', b'"position":4'))
    with pytest.raises(StoreFailed, match="its manifest is not what was written"):
        restore(room.place, Wanted(), target, lambda _done, _total: None)
    written.write_bytes(text[: len(text) // 2])
    with pytest.raises(StoreFailed, match="is damaged"):
        restore(room.place, Wanted(), target, lambda _done, _total: None)
    written.write_bytes(text)
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
    """While one writes, another is refused, and told why."""
    with room.place.alone(), pytest.raises(StoreFailed, match="Somebody else is writing"):
        room.take()
