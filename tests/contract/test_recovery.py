"""An index of identities is completed from the table, also where the table fills out of order."""

from __future__ import annotations

from pathlib import Path

from livetally.event import identity_keys
from livetally.ingest import Part, joined_rows, recover
from livetally.store.events import EmbeddedEngine, create, insert_rows
from livetally.store.identities import IdentityIndex
from tests.contract.commit_houses import batch_of


def test_what_appears_late_is_not_passed_over(tmp_path: Path) -> None:
    """A loader that stands by sees position 20 of one partition before 10 of another."""
    (tmp_path / "events").mkdir()
    engine = EmbeddedEngine(tmp_path / "events")
    index = IdentityIndex(tmp_path / "identities")
    create(engine)

    def store(name: str, position: int) -> None:
        batch = batch_of(b'{"type":"sale","id":"%s"}' % name.encode())
        insert_rows(engine, joined_rows([batch], [None]), position)

    def known(*names: str) -> set[int]:
        keys = identity_keys(1, [""] * len(names), [name.encode() for name in names])
        return set(index.look_up(index.hashed([keys])).positions.tolist())

    try:
        ours = set(identity_keys(1, ["", ""], [b"early", b"late"]))
        store("early", 5)
        store("other", 20)
        assert recover(engine, index, part=Part(ours.__contains__, 5)) == 20
        assert known("early", "late", "other") == {5}
        assert index.complete_to == 5
        store("late", 10)
        recover(engine, index, part=Part(ours.__contains__, 5))
        assert known("early", "late", "other") == {5, 10}
        recover(engine, index, part=Part(ours.__contains__, 20))
        assert index.complete_to == 20
    finally:
        index.close()
        engine.close()
