"""Rows that are read and written in blocks are byte for byte those that are taken one by one.

In the flow: reads random tables and random bytes of CSV both ways.
Guarantee: the cells are what blocks could trip over: quotes, line ends, signs of templates, numbers
that JSON writes otherwise, bytes that are no text, rows that are too short.
"""

from __future__ import annotations

import csv
import io
from typing import Any
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from livetally.cli.load import records
from livetally.cli.load.chain import Chain
from livetally.cli.load.item import Item, Refused
from livetally.cli.load.kinds import Kind
from livetally.cli.load.objects import Objects
from livetally.cli.load.records import CELL_CHARS_MAX, csv_rows, json_lines
from livetally.cli.load.shape import Shape
from livetally.cli.load.table import Table

CELLS = st.sampled_from(
    [
        *("", "NA", "1", "-0", "007", "1.50", ".5", "+3", "1e5", "9" * 30, "true", "Yes", "a"),
        *('say "x"', "a\nb", "a\\b", "100%", "%s", "{x}", "æ☃", "\udcff", "\x7f", "\x1f"),
        *("2026-01-01", "2026-01-01T10:00:00Z", "2026-01-01T10:00:00.5+02:00", "x" * 300),
        *(" 1 ", "a,b", "null"),
    ]
)
LINES = st.sampled_from(
    [
        *(b'{"id":"a","at":"2026-01-01T10:00:00Z","who":"ada","n":1.50}', b"{}", b"{ }", b" {}"),
        *(b'{"at":"2026-01-01","n":12345678901234567890123.0, "who" : "x"}', b'{"at":null}'),
        *(b'{"id":7,"who":"a\\u0062","at":"2026-01-01T10:00:00.5+02:00"}', b'{"id":""}'),
        *(b'{"n":1,"n":2}', b'{"rejected_line":3,"rejected_because":"x","id":"b"}'),
        *(b'{"id":true,"who":[1],"at":5}', b'{"who":"%s%%","id":"%b","100%":{"a":[{}]}}'),
        *(
            b'{"id":"\xff"}',
            b'{"who":"\x01"}',
            '{"who":"\u00e6\u2603","id":"\x7f"}'.encode(),
            b"[]",
        ),
        *(b"{} {}", b"{} {", b"}", b'{"n":[{}', b"]}", b"{}}", b"", b"  ", b"null", b'{"n":1e999}'),
    ]
)
NAMES = ["id", "at", "who", "n", "price", "ok", "100%", 'q"x']
OPTIONS: list[dict[str, Any]] = [
    {},
    {"id": "id"},
    {"id": "id", "subject": "who", "time": "at"},
    {"time": "at", "time_format": "s", "skip": frozenset({"n", "price"})},
    {"kinds": {"n": Kind.INTEGER, "price": Kind.DECIMAL, "ok": Kind.BOOLEAN, "at": Kind.TIME}},
]


def read(body: bytes, options: dict[str, Any], block_rows: int) -> list[Item | Refused]:
    """Turn CSV into items."""
    shape = Shape(type="t%s", source="f", nulls=frozenset({"", "NA"}), **options)
    rows = csv_rows(io.BytesIO(body), shape.encoding, shape.delimiter, block_rows)
    return list(Table(rows, shape, {}, Chain("seed"), block_rows).items())


@given(
    st.lists(st.lists(CELLS, min_size=len(NAMES), max_size=len(NAMES)), max_size=12),
    st.lists(st.sampled_from(range(len(NAMES))), max_size=3, unique=True),
    st.sampled_from(OPTIONS),
    st.sampled_from([2, 5, 100]),
    st.sampled_from([[], [["5"]]]),
)
def test_blocks_change_nothing(
    rows: list[list[str]],
    plain: list[int],
    options: dict[str, Any],
    size: int,
    short: list[list[str]],
) -> None:
    """The same events, ids, lines and refusals, whatever the size of a block."""
    table = [[cell if at not in plain else "5" for at, cell in enumerate(row)] for row in rows]
    text = io.StringIO()
    csv.writer(text).writerows([NAMES, *table, *short])
    body = text.getvalue().encode("utf-8", "surrogateescape")
    assert read(body, options, size) == read(body, options, 1)


@given(
    st.lists(
        st.sampled_from(
            [
                *(b"a", b"1.5", b",", b",", b";", b'"', b'""', b" ", b"\n", b"\n", b"\r\n", b"\r"),
                *(b"\0", "\u00e6\u2028\x85".encode(), b"\xff", b"\xef\xbb\xbf"),
            ]
        ),
        max_size=60,
    ).map(b"".join),
    st.sampled_from([2, 3, 7, 1000]),
    st.sampled_from([CELL_CHARS_MAX, 3]),
)
def test_reading_ahead_changes_nothing(body: bytes, ahead: int, chars_max: int) -> None:
    """The same rows, lines and complaints: of quotes, ends of lines, cells that are too long."""
    with patch.object(records, "CELL_CHARS_MAX", chars_max):
        one_by_one = list(csv_rows(io.BytesIO(body), "utf-8-sig", ","))
        assert list(csv_rows(io.BytesIO(body), "utf-8-sig", ",", ahead)) == one_by_one


@given(
    st.lists(LINES, max_size=12),
    st.sampled_from([*OPTIONS[:4], {"subject": "id", "id": "id"}, {"time": "at", "type": None}]),
    st.sampled_from([2, 3, 100]),
)
def test_lines_decoded_at_once_change_nothing(
    lines: list[bytes], options: dict[str, Any], block_lines: int
) -> None:
    """The same events and refusals, also where an object seems to go on in the next line."""

    def read_lines(block: int) -> list[Item | Refused]:
        shape = Shape(**{"type": "t%s", "source": "f%", **options})
        found = json_lines(io.BytesIO(b"\n".join(lines)))
        return list(Objects(found, shape, Chain("seed"), block).items())

    assert read_lines(block_lines) == read_lines(1)
