"""What was acknowledged and is only in the journal gets into the store at the next start, once.

In the flow: a writer over real files whose store fails, and the one that comes after it.
Guarantee: the commits of the first are acknowledged while the store has none of them.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from livetally.definitions import read_toml
from livetally.errors import NotDurable, StoreFailed
from livetally.event import EventLimits, check_limits, decode_lines
from livetally.ingest import Schema, joined_rows, replay
from livetally.ingest.batch import prepare
from livetally.query import declared_fields
from livetally.store.events import (
    EmbeddedEngine,
    EngineError,
    create,
    encode_rows,
    existing_columns,
    keep,
)
from livetally.store.journal import Journal
from tests.contract.commit_houses import alone, batch_of

_SHOP = 'application = "shop"\n[event.sale]\ndata.value = "integer"\n'


def line(name: str) -> bytes:
    """Return an event of this id."""
    return b'{"type":"sale","id":"%s","data":{"value":3}}' % name.encode()


def encoded(position: int, *names: str, declared: bool = False) -> Any:
    """Return a commit; ``declared``: with a column for its value."""
    lines = b"\n".join(map(line, names))
    batch = batch_of(lines)
    if declared:
        decoded = decode_lines(lines)
        within = check_limits(decoded.events, decoded.indexes, EventLimits(), 0)
        schema = Schema(read_toml(_SHOP, "shop.toml").events.values())
        batch, _ = prepare(1, within, schema, 0)
    return encode_rows(joined_rows([batch], [None]), position)


async def test_a_store_that_fails_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was acknowledged before it failed is there after the next start, and known."""
    async with alone(tmp_path) as house:
        await house.send(line("a"))
        await house.writer.reached(0)
        failed, loop = asyncio.Event(), asyncio.get_running_loop()

        def note(_: BaseException) -> None:
            loop.call_soon_threadsafe(failed.set)

        def full(*_: object) -> None:
            raise EngineError("the disk is full")

        house.writer.on_failure = note
        monkeypatch.setattr(house.engine, "insert", full)
        assert (await house.send(line("b"))).stored == 1
        await asyncio.wait_for(failed.wait(), 20)
        with pytest.raises(NotDurable):
            await house.send(line("c"))
        with pytest.raises(NotDurable):
            await asyncio.to_thread(house.writer.settled)
        with pytest.raises(StoreFailed, match="the disk is full"):
            await house.writer.reached(0)
    async with alone(tmp_path) as house:
        assert house.writer.position == 2
        assert await house.count() == 2
        told = await house.send(line("b") + b"\n" + line("c"))
        assert (told.stored, told.repeated, told.position) == (1, (0,), 3)


async def test_errands_see_all_that_was_acknowledged(tmp_path: Path) -> None:
    """Between two commits the store has everything and the journal nothing."""
    async with alone(tmp_path) as house:
        for number in range(20):
            await house.send(line(f"n{number}"))

        def look() -> tuple[int, int]:
            rows = house.engine.read("SELECT count() FROM livetally.events")
            return int(rows[0][0]), len(list((tmp_path / "journal").iterdir()))

        assert await asyncio.to_thread(house.writer.between, look) == (20, 0)
    assert not list((tmp_path / "journal").iterdir())


def test_replay_takes_what_the_store_lacks(tmp_path: Path) -> None:
    """In order, whatever columns they have; what it has is passed over; then nothing is left."""
    (tmp_path / "events").mkdir()
    engine = EmbeddedEngine(tmp_path / "events")
    try:
        create(engine)
        keep(engine, declared_fields([read_toml(_SHOP, "shop.toml")]), [])
        column = next(name for name in existing_columns(engine) if name.startswith("f_"))
        journal = Journal(tmp_path / "journal")
        plan = [(1, "ab", False), (2, "c", True), (3, "d", True), (4, "e", False), (5, "f", True)]

        def append(since: int) -> None:
            for position, names, declared in plan:
                if position > since:
                    rows = encoded(position, *names, declared=declared)
                    journal.append(position, rows)

        def stored() -> list[tuple[str, int]]:
            sql = "SELECT id, position, {column:Identifier} FROM livetally.events ORDER BY id"
            rows = engine.read(sql, {"column": column})
            assert {int(row[2]) for row in rows} == {3}
            return [(row[0], int(row[1])) for row in rows]

        append(0)
        assert replay(Journal(tmp_path / "journal"), engine, 0) == (6, 0)
        wanted = [("a", 1), ("b", 1), ("c", 2), ("d", 3), ("e", 4), ("f", 5)]
        assert stored() == wanted
        assert not list((tmp_path / "journal").iterdir())
        journal = Journal(tmp_path / "journal")
        append(2)
        plan.append((7, "g", False))
        append(5)
        assert replay(journal, engine, 0) == (1, 1)  # commit 6 is nowhere
        assert stored() == [*wanted, ("g", 7)]
        append(0)
        assert replay(journal, engine, 9) == (0, 0)
        assert stored() == [*wanted, ("g", 7)]
    finally:
        engine.close()


async def test_what_was_lost_with_a_damaged_file_can_be_sent_again(tmp_path: Path) -> None:
    """The server says what is damaged; moved away, the rest is there, and the lost is new again."""
    folder = tmp_path / "journal"
    async with alone(tmp_path) as house:
        for name in "abc":
            await house.send(line(name))
    journal = Journal(folder, file_bytes=1)
    for position, name in zip((4, 5, 6), "def", strict=True):
        journal.append(position, encoded(position, name))
    async with alone(tmp_path, lost=0):
        pass
    for position, name in zip((7, 8, 9), "ghi", strict=True):
        journal.append(position, encoded(position, name))
    damaged = folder / f"{8:020d}"
    content = bytearray(damaged.read_bytes())
    content[-1] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(StoreFailed, match="damaged"):
        async with alone(tmp_path, lost=0):
            pass
    damaged.unlink()
    async with alone(tmp_path, lost=1) as house:
        assert await house.count() == 8
        told = await house.send(b"\n".join(map(line, "abcdefghi")))
        assert (told.stored, len(told.repeated)) == (1, 8)
