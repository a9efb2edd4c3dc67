"""What the engine is relied on for, beyond SQL."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from livetally.definitions import Field, FieldType
from livetally.store.events import (
    EmbeddedEngine,
    Engine,
    EngineError,
    Projection,
    create,
    existing_columns,
    keep,
    try_out,
)
from livetally.store.events.snapshot import freeze, thaw
from tests.event_store import KINDS, opened_engine

FAILING = "SELECT throwIf(number = 2000000), number FROM numbers(3000000)"


@pytest.fixture(scope="module", params=KINDS)
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    """Open an engine of each kind without tables."""
    with opened_engine(tmp_path_factory.mktemp("events"), request.param) as opened:
        yield opened


@pytest.mark.parametrize("read", [Engine.read, Engine.read_columns])
def test_rows_of_a_question_that_failed_are_in_no_other_answer(
    engine: Engine, read: Callable[..., object]
) -> None:
    """The driver keeps what was written before an error, and puts it before the next rows."""
    with pytest.raises(EngineError):
        read(engine, FAILING, None, {"max_threads": 1})
    assert engine.read("SELECT 1, 2") == [[1, 2]]
    with pytest.raises(EngineError):
        read(engine, FAILING, None, {"max_threads": 1})
    assert engine.read_columns("SELECT 1, 2") == [[1], [2]]
    with pytest.raises(EngineError):
        engine.read_bytes(f"{FAILING} SETTINGS max_threads = 1", "CSV")
    assert engine.read_bytes("SELECT 1, 2", "CSV") == b"1,2\n"


def test_a_snapshot_follows_one_that_was_killed(tmp_path: Path) -> None:
    """The engine counts them in a file, and refuses for ever when it finds that empty."""
    engine = EmbeddedEngine(tmp_path)
    create(engine)
    counter = tmp_path / "shadow" / "increment.txt"
    freeze(engine, "first")
    assert counter.read_text()
    thaw(engine, "first")
    counter.write_text("")
    freeze(engine, "second")
    assert counter.read_text()
    engine.close()


def test_merges_take_what_the_processor_has_left(engine: Engine) -> None:
    """Ours in this process; a server's threads are the business of whoever runs it."""
    rows = engine.read(
        "SELECT value FROM system.server_settings WHERE name = 'os_threads_nice_value_merge_mutate'"
    )
    assert rows == [["0" if engine.layout.server else "10"]]


def test_merges_join_ten_parts_of_like_size(engine: Engine) -> None:
    """Also in a table that was made before they did; a server may not know the setting."""

    def made() -> str:
        rows = engine.read(
            "SELECT create_table_query FROM system.tables"
            " WHERE database = 'livetally' AND name = 'events'"
        )
        return str(rows[0][0])

    create(engine)
    if engine.layout.server:
        assert "merge_selector_base" not in made()
        return
    engine.execute(f"{engine.layout.altering} RESET SETTING merge_selector_base")
    assert "merge_selector_base" not in made()
    create(engine)
    assert "merge_selector_base = 10" in made()


def test_what_can_not_be_kept_is_found_without_a_change(engine: Engine) -> None:
    """A definition is tried out before it is stored: with the columns that it would add."""
    create(engine)
    columns = existing_columns(engine)
    field = Field("size", FieldType.DECIMAL, scale=2)
    wanted = Projection(("subject",), (f"sum(`{field.column}`)", "count()"))
    try_out(engine, {field.column: field}, [wanted])
    unknown = Projection(("subject",), (f"p50OrNullIf(`{field.column}`, 1)",))
    with pytest.raises(EngineError, match="p50OrNullIf"):
        try_out(engine, {field.column: field}, [wanted, unknown])
    assert existing_columns(engine) == columns
    keep(engine, {field.column: field}, [wanted])
    try_out(engine, {field.column: field}, [wanted])


def test_columns_are_the_rows_turned(engine: Engine) -> None:
    """Long integers keep every digit, decimals arrive as text."""
    sql = (
        "SELECT number, toInt128('170141183460469231731687303715884105727') AS big,"
        " toDecimal128('0.10', 2) AS price, nullIf(number, 1) AS gap, 18446744073709551615 AS most"
        " FROM numbers(2) ORDER BY number"
    )
    rows = engine.read(sql)
    assert [list(row) for row in zip(*engine.read_columns(sql), strict=True)] == rows
    assert rows[1][0] == 1
    assert rows[1][3] is None
    assert rows[0][4] == 2**64 - 1
    assert isinstance(rows[0][2], str)
    assert int(rows[0][1]) == 2**127 - 1
    assert engine.read_columns("SELECT number FROM numbers(0)") == []
