"""Columns written in the engine's own format are read back as they went in.

In the flow: inserts through ``store.events`` into a real engine in a temporary directory.
Guarantee: for every type of field, the column that we write equals the one that the engine reads
from the raw data by itself: a definition of today and one of tomorrow give the same numbers.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from livetally.definitions import read_toml
from livetally.event import EventLimits, check_limits, decode_lines
from livetally.ingest import Schema
from livetally.ingest.batch import Batch, prepare
from livetally.ingest.rows import joined_rows
from livetally.store.events import EmbeddedEngine, Engine, create, insert_rows, keep, native

NOW_US = 1_790_000_000_000_000
DECLARED = """
application = "all"
[event.all]
data.text = "string"
data.whole = "integer"
data.near = "number"
data.money = { type = "decimal", scale = 9 }
data.flag = "boolean"
data.at = "time"
data.mark = "uuid"
data.place.city = "string"
[event.other]
data.money = { type = "decimal", scale = 9 }
"""

VALUES: dict[str, list[str]] = {
    "text": [
        '""',
        '"a"',
        '"' + "x" * 127 + '"',
        '"' + "x" * 128 + '"',
        '"' + "é" * 9000 + '"',
        '"\\u0000"',
        '"\\ud83d\\ude00"',
        '"a\\"b\\\\c\\n"',
        "null",
    ],
    "whole": ["0", "-1", "9223372036854775807", "-9223372036854775808", "null"],
    "near": ["0", "-0.5", "1e308", "1e-320", "0.1", "3", "18446744073709551615", "null"],
    "money": [
        "0",
        "-0",
        "0.1",
        "-12.5",
        "1e3",
        "1.5E-3",
        '"1e2"',
        '"+5"',
        '" 5 "',
        '"1_000"',
        '".5"',
        '"5."',
        "1234567890123456.789",
        "-9999999999999999999.999999999",
        "null",
        '"9999999999999999999.999999999"',
        "0.000000001",
        "123456789.1234567890000",
    ],
    "flag": ["true", "false", "null"],
    "at": [
        '"2026-03-29T03:00:00+02:00"',
        '"1901-01-01T00:00:00Z"',
        '"1969-12-31T23:59:59.999999Z"',
        '"2298-12-31T23:59:59Z"',
        '"2026-03-01t10:00:00z"',
        '"2026-03-01T10:00:00.1234567Z"',
        '"2026-03-01T10:00:00.123456499Z"',
        '"2026-03-01T10:00:00.9999999-09:30"',
        "null",
    ],
    "mark": [
        '"6BA7B810-9DAD-11D1-80B4-00C04FD430C8"',
        '"6ba7b8109dad11d180b400c04fd430c8"',
        "null",
    ],
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Open an engine with the columns of everything declared above."""
    directory: Path = tmp_path_factory.mktemp("events")
    opened = EmbeddedEngine(directory)
    create(opened)
    declared = read_toml(DECLARED, "all.toml")
    fields = {f.column: f for event in declared.events.values() for f in event.fields.values()}
    keep(opened, fields, ())
    yield opened
    opened.close()


def batch_of(lines: list[str], team: int = 1) -> Batch:
    """Prepare a batch of lines, which must all be taken."""
    decoded = decode_lines("\n".join(lines).encode())
    within = check_limits(decoded.events, decoded.indexes, EventLimits(), NOW_US)
    schema = Schema(read_toml(DECLARED, "all.toml").events.values())
    batch, wrong = prepare(team, within, schema, NOW_US)
    assert (decoded.rejected, within.rejected, wrong) == ([], [], [])
    return batch


def column_of(engine: Engine, name: str, position: int) -> list[Any]:
    """Return a column of one commit in the order of ids."""
    sql = f"SELECT {name} FROM livetally.events WHERE position = {{at:UInt64}} ORDER BY id"  # noqa: S608
    return [row[0] for row in engine.read(sql, {"at": position})]


@pytest.mark.parametrize(("number", "field"), list(enumerate(VALUES, 100)), ids=list(VALUES))
def test_a_written_column_equals_what_the_engine_reads(
    engine: Engine, number: int, field: str
) -> None:
    """Values at the edges of each type: written by us, and read from the data by DEFAULT."""
    lines = [
        f'{{"type":"all","id":"{i:03d}","data":{{"x":1,"{field}":{value}}}}}'
        for i, value in enumerate([*VALUES[field], "null"])
    ]
    batch = batch_of(lines)
    rows = joined_rows([batch], [None])
    (column,) = [name for name in rows.fields if name.startswith(f"f_{field}__")]
    insert_rows(engine, rows, number)
    insert_rows(engine, rows._replace(fields={}), number + 1000)
    written = column_of(engine, column, number)
    assert written == column_of(engine, column, number + 1000)
    missing = [value is None for value in rows.fields[column][1]]
    assert [value is None for value in written] == missing
    assert len({str(value) for value in written}) > 1


def test_decimals_keep_every_digit(engine: Engine) -> None:
    """What is read back equals what was sent, to the last of 28 digits."""
    sent = ["0", "-12.5", "9999999999999999999.999999999", "-9999999999999999999.999999999", "1e3"]
    lines = [
        f'{{"type":"other","id":"{i}","data":{{"money":"{value}"}}}}'
        for i, value in enumerate(sent)
    ]
    rows = joined_rows([batch_of(lines)], [None])
    insert_rows(engine, rows, 1)
    assert [Decimal(value) for value in column_of(engine, "f_money__decimal9", 1)] == [
        Decimal(value) for value in sent
    ]


def test_the_plain_columns_are_read_back(engine: Engine) -> None:
    """Team, type, times, texts of any length and bytes, data and attributes survive."""
    subjects = ["", "x" * 127, "x" * 128, "é" * 500, "a\0b", "'\\\t"]
    lines = [
        json.dumps({"type": f"t{i % 2}", "id": str(i), "source": "s" * i, "subject": subject})
        for i, subject in enumerate(subjects)
    ]
    timed = '{"type":"t","id":"9","time":"1901-12-10T00:00:00.000001Z","data": {"a" : 1}}'
    batch = batch_of([*lines, timed], team=4_000_000_000)
    insert_rows(engine, joined_rows([batch], [None]), 2)
    assert column_of(engine, "subject", 2) == [*subjects, ""]
    assert column_of(engine, "type", 2) == ["t0", "t1", "t0", "t1", "t0", "t1", "t"]
    assert column_of(engine, "source", 2) == ["s" * i for i in range(6)] + [""]
    assert column_of(engine, "team", 2) == [4_000_000_000] * 7
    assert column_of(engine, "timed", 2) == [0] * 6 + [1]
    assert column_of(engine, "data", 2) == ["{}"] * 6 + ['{"a" : 1}']
    occurred = column_of(engine, "toUnixTimestamp64Micro(occurred_at)", 2)
    assert occurred == [NOW_US] * 6 + batch.occurred_us[-1:]
    assert column_of(engine, "toUnixTimestamp64Micro(received_at)", 2) == [NOW_US] * 7


def test_what_a_type_does_not_declare_is_still_there_for_later(engine: Engine) -> None:
    """Beside events that declare a field, others keep theirs: the engine reads it from the data."""
    declared = '{"type":"other","id":"1","data":{"money":1.5}}'
    beside = [
        '{"type":"unknown","id":"2","data":{"money":"2.5"}}',
        '{"type":"unknown","id":"3","data":{"n":1}}',
        '{"type":"unknown","id":"4","data":{"\\u006doney":4}}',
    ]
    expected = ["1.5", "2.5", None, "4"]
    together = batch_of([declared, *beside])
    insert_rows(engine, joined_rows([together], [None]), 3)
    assert column_of(engine, "f_money__decimal9", 3) == expected
    apart = [batch_of([declared]), batch_of(beside)]
    insert_rows(engine, joined_rows(apart, [None, None]), 4)
    assert column_of(engine, "f_money__decimal9", 4) == expected
    some = [batch_of([declared]), batch_of(beside)]
    insert_rows(engine, joined_rows(some, [[], [0, 2]]), 5)
    assert column_of(engine, "f_money__decimal9", 5) == ["2.5", "4"]


@pytest.mark.parametrize("lengths", [[0, 127], [128], [127, 128, 16_383, 16_384, 2_097_152]])
def test_strings_state_their_length(lengths: list[int]) -> None:
    """Lengths are LEB128: seven bits a byte, the highest says that more follow."""
    encoded = native.strings([b"x" * length for length in lengths])
    read: list[int] = []
    while encoded:
        length = shift = 0
        while True:
            byte, encoded = encoded[0], encoded[1:]
            length |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        read.append(length)
        encoded = encoded[length:]
    assert read == lengths


@pytest.mark.parametrize("values", [["a", "a", "a"], ["a", "é", "a", "é", "a"], ["a", "b", ""], []])
def test_texts_are_strings(values: list[str]) -> None:
    """However often a text repeats, it is encoded as if it stood alone."""
    assert native.texts(values) == native.strings([value.encode() for value in values])


@pytest.mark.parametrize("values", [[0, 1, -1, 2**63 - 1, -(2**63)], [2**63, -(2**127), 5], []])
def test_wide_integers_are_little_endian(values: list[int]) -> None:
    """Both the short way and the long way give 16 bytes in two's complement."""
    expected = b"".join(value.to_bytes(16, "little", signed=True) for value in values)
    assert native.int128s(values) == expected
