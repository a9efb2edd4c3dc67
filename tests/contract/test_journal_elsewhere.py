"""What is not the server and finds a journal in a data directory: a restore, a move.

In the flow: directories with a journal that a killed server has left.
Guarantee: the journals hold whole commits.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from livetally.backup import Wanted
from livetally.clock import SystemClock
from livetally.errors import DataDirectoryUnusable
from livetally.ingest import joined_rows
from livetally.server.directory import DataDirectory
from livetally.server.erasing import note_position
from livetally.server.moving import replay_journal
from livetally.server.restoring import restore_into
from livetally.settings import Settings
from livetally.store.catalog import open_catalog
from livetally.store.events import EmbeddedEngine, create, encode_rows
from livetally.store.journal import Journal
from tests.contract.commit_houses import batch_of


def _left(folder: Path, *positions: int) -> None:
    journal = Journal(folder)
    for position in positions:
        batch = batch_of(b'{"type":"sale","id":"n%d"}' % position)
        journal.append(position, encode_rows(joined_rows([batch], [None]), position))
    journal.close()


def test_a_restore_does_not_put_a_store_under_anothers_journal(tmp_path: Path) -> None:
    """What is in it was acknowledged, and would get into the store that is put back."""
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "backups").mkdir()
    _left(data / "journal", 7)
    wanted = Wanted(None, None)
    with pytest.raises(DataDirectoryUnusable, match="There is data in"):
        restore_into(Settings(data=str(data)), str(tmp_path / "backups"), wanted, lambda *_: None)
    assert [entry.position for entry in Journal(data / "journal").entries()] == [7]


def test_a_move_brings_nothing_back_that_has_grown_too_old(tmp_path: Path) -> None:
    """Commits up to the position that was noted were in the store, whatever is left of them."""
    with DataDirectory(tmp_path / "data") as directory:
        catalog = open_catalog(directory.catalog, SystemClock())
        note_position(catalog, 2)
        catalog.close()
        _left(directory.journal, 1, 2, 3)
        engine = EmbeddedEngine(directory.events)
        try:
            create(engine)
            replay_journal(directory, engine, SystemClock())
            rows = engine.read("SELECT id FROM livetally.events")
        finally:
            engine.close()
        assert rows == [["n3"]]
        assert not list(directory.journal.iterdir())
