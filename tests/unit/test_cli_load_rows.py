"""Rows of CSV and lines of JSON become events with an identity, or are refused with a reason."""

from __future__ import annotations

import io
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livetally.cli.load.chain import Chain
from livetally.cli.load.item import Item, Refused
from livetally.cli.load.kinds import Kind
from livetally.cli.load.objects import Objects, array_lines
from livetally.cli.load.records import LINE_BYTES_MAX, Row, csv_rows, json_lines
from livetally.cli.load.shape import Shape
from livetally.cli.load.table import Table
from livetally.errors import LivetallyError

CSV = b"""id,at,who,amount,zip,paid\r
t1,2026-01-01T10:00:00Z,ada,12.50,00501,true\r
t2,2026-01-01T11:00:00Z,,7.00,10001,false\r
"""


def rows_of(body: bytes, encoding: str = "utf-8-sig", delimiter: str = ",") -> list[Row]:
    """Read CSV."""
    return list(csv_rows(io.BytesIO(body), encoding, delimiter))


def table(
    body: bytes, declared: Mapping[str, Kind] | None = None, **shape: Any
) -> list[Item | Refused]:
    """Turn CSV into items."""
    made = Shape(**{"type": "tap", "source": "file", **shape})
    rows = csv_rows(io.BytesIO(body), made.encoding, made.delimiter)
    return list(Table(rows, made, declared or {}, Chain("seed")).items())


def objects(body: bytes, **shape: Any) -> list[Item | Refused]:
    """Turn lines of JSON into items."""
    made = Shape(**{"type": None, "source": "", **shape})
    return list(Objects(json_lines(io.BytesIO(body)), made, Chain("seed")).items())


def event(item: Item | Refused) -> dict[str, Any]:
    """Read the event of an item, exactly."""
    assert isinstance(item, Item), item
    decoded: dict[str, Any] = msgspec.json.Decoder(float_hook=Decimal).decode(item.event)
    return decoded


def refused(item: Item | Refused) -> tuple[int, str, str]:
    """Return the line, the field and the error of a refused record."""
    assert isinstance(item, Refused), item
    return item.line, item.field, item.error


def test_columns_become_members_and_data() -> None:
    """Named columns are members, the others data; an empty cell is no value."""
    first, second = table(CSV, id="id", time="at", subject="who")
    assert event(first) == {
        "type": "tap",
        "source": "file",
        "id": "t1",
        "time": "2026-01-01T10:00:00Z",
        "subject": "ada",
        "data": {"amount": Decimal("12.50"), "zip": "00501", "paid": True},
    }
    assert "subject" not in event(second)
    assert (first.line, second.line) == (2, 3)


def test_the_servers_definition_wins_over_a_guess_and_an_option_over_both() -> None:
    """A code of digits only is a text when it is declared as one."""
    body = b"code,n\n12,1\n"
    assert event(table(body)[0])["data"] == {"code": 12, "n": 1}
    declared = {"code": Kind.STRING, "n": Kind.STRING}
    assert event(table(body, declared)[0])["data"] == {"code": "12", "n": "1"}
    data = event(table(body, declared, kinds={"n": Kind.INTEGER})[0])["data"]
    assert data == {"code": "12", "n": 1}


def test_columns_can_be_left_out_and_texts_can_stand_for_nothing() -> None:
    """--skip and --null."""
    body = b"a,b,c\nNA,1,x\n"
    data = event(table(body, skip=frozenset({"c"}), nulls=frozenset({"", "NA"}))[0])["data"]
    assert data == {"b": 1}


def test_ids_follow_from_the_content() -> None:
    """The same file gives the same ids; equal rows have different ones; growing keeps the old."""
    short = [event(item)["id"] for item in table(b"a\n1\n1\n2\n")]
    again = [event(item)["id"] for item in table(b"a\r\n1\r\n1\r\n2\r\n3\r\n")]
    assert again[:3] == short
    assert len(set(again)) == 4
    changed = [event(item)["id"] for item in table(b"a\n9\n1\n2\n")]
    assert not set(changed) & set(short)


def test_one_broken_row_costs_no_other() -> None:
    """Each refused row has its line, the column and the reason, and what it was."""
    body = b'n,t\n1,2026\n1,2026,9\n2,yesterday\n"3\n",2027\n4,2028\n'
    items = table(body, time="t", kinds={"n": Kind.INTEGER})
    assert [event(one)["data"]["n"] for one in items if isinstance(one, Item)] == [1, 4]
    told = [refused(one) for one in items if isinstance(one, Refused)]
    assert [(line, field) for line, field, _ in told] == [(3, "row"), (4, "t"), (5, "n")]
    assert told[0][2] == "has 3 cells, the heading 2"
    assert [one.line for one in items] == [2, 3, 4, 5, 7]
    assert items[1].original == ["1", "2026", "9"]


def test_a_fraction_among_whole_numbers_is_no_reason_to_make_texts_of_them() -> None:
    """The option that keeps it a number is named."""
    bad = table(b"n\n" + b"1\n" * 1_500 + b"1.5\n")[-1]
    assert refused(bad)[2].endswith("if it should be, give --types n=number")


def test_a_guess_that_fails_later_says_how_to_help_it() -> None:
    """The option is named."""
    body = b"n\n" + b"1\n" * 1_500 + b"x\n"
    *good, bad = table(body)
    assert len(good) == 1_500
    assert refused(bad)[2] == "'x' is no whole number; if it should be, give --types n=string"


def test_bytes_that_are_no_text_cost_their_row_only() -> None:
    """The encoding is asked for."""
    items = table(b"name\ncaf\xe9\nok\n")
    assert refused(items[0])[:2] == (2, "name")
    assert "--encoding" in refused(items[0])[2]
    assert event(items[1])["data"] == {"name": "ok"}
    assert event(table(b"name\ncaf\xe9\n", encoding="latin-1")[0])["data"] == {"name": "café"}


@pytest.mark.parametrize("body", [b"", b"\n\n"], ids=repr)
def test_a_file_without_a_heading_is_refused(body: bytes) -> None:
    """The message says what is missing."""
    with pytest.raises(LivetallyError, match="heading"):
        table(body)


@pytest.mark.parametrize("body", [b"caf\xe9,n\n1,2\n", "id,n\n1,2\n".encode("utf-16")], ids=repr)
def test_a_heading_that_is_no_text_asks_for_the_encoding(body: bytes) -> None:
    """A byte of cp1252, or all of UTF-16."""
    with pytest.raises(LivetallyError, match="--encoding"):
        table(body)


def test_a_heading_that_names_a_column_twice_is_refused() -> None:
    """One of the two would be lost."""
    with pytest.raises(LivetallyError, match="twice: a"):
        table(b"a,b,a\n1,2,3\n")


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ({"time": "att"}, "--time: the file has no column 'att'; did you mean 'at'?"),
        ({"id": "nothing"}, "--id: the file has no column 'nothing'"),
        ({"skip": frozenset({"x"})}, "--skip"),
        ({"kinds": {"y": Kind.TIME}}, "--types"),
    ],
    ids=str,
)
def test_a_column_that_is_not_there_is_named(shape: dict[str, Any], said: str) -> None:
    """With the nearest one that is."""
    with pytest.raises(LivetallyError) as caught:
        table(CSV, **shape)
    assert said in caught.value.message


def test_an_empty_id_refuses_its_row() -> None:
    """An id made up would count the row twice the next time."""
    items = table(b"id,n\n,1\nx,2\n", id="id")
    assert refused(items[0]) == (2, "id", "is empty; it is the id")
    assert event(items[1])["id"] == "x"


def test_csv_knows_quotes_delimiters_and_a_byte_order_mark() -> None:
    """Cells may hold line ends; line numbers are those of the file."""
    body = b'\xef\xbb\xbfa;b\r\n"1\n2";"x ""y"""\r\n\r\n3;4\r\n'
    assert rows_of(body, delimiter=";") == [
        Row(1, ["a", "b"]),
        Row(2, ["1\n2", 'x "y"']),
        Row(5, ["3", "4"]),
    ]


def test_a_quote_that_is_never_closed_is_told_with_its_line() -> None:
    """Only its own line is refused: those after it are rows, to the end of the file."""
    body = b'a,b\n1,"x\n2,y\n"3\n4",z\n5,"w"\n6,"v\n7,u\n'
    found = rows_of(body)
    assert [(row.line, row.cells) for row in found if not row.broken] == [
        (1, ["a", "b"]),
        (3, ["2", "y"]),
        (4, ["3\n4", "z"]),
        (6, ["5", "w"]),
        (8, ["7", "u"]),
    ]
    assert [(row.line, row.cells) for row in found if row.broken] == [(2, ['1,"x']), (7, ['6,"v'])]
    assert {row.broken for row in found} == {
        "",
        "has a quote that is not closed, or not at the end of a cell",
    }


def test_text_behind_a_quote_that_closes_is_refused() -> None:
    """What the cell was meant to be can't be known; no other row is lost."""
    found = rows_of(b'a\n"1"x\n2\n')
    assert [(row.line, row.cells, bool(row.broken)) for row in found] == [
        (1, ["a"], False),
        (2, ['"1"x'], True),
        (3, ["2"], False),
    ]


def test_a_cell_that_is_too_long_costs_no_other_line() -> None:
    """Neither the one in which a quote opens nor those that are read again after it."""
    found = rows_of(b'a\n1\n"2\n' + b"x" * 2_000_000 + b"\n3\n")
    assert [(row.line, row.cells[0][:3], bool(row.broken)) for row in found] == [
        (1, "a", False),
        (2, "1", False),
        (3, '"2', True),
        (4, "xxx", True),
        (5, "3", False),
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16-le"])
def test_a_byte_order_mark_is_part_of_no_name(encoding: str) -> None:
    """Whatever the encoding is called, and with quotes around the name."""
    body = '\ufeff"id",n\n1,2\n'.encode(encoding)
    assert rows_of(body, encoding)[0] == Row(1, ["id", "n"])


@given(
    st.lists(
        st.lists(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=8), min_size=2, max_size=2
        ),
        max_size=8,
    )
)
def test_any_texts_survive_the_way_from_csv_to_json(cells: list[list[str]]) -> None:
    """What a spreadsheet writes is what the server reads."""
    import csv

    out = io.StringIO()
    csv.writer(out).writerows([["a", "b"], *cells])
    kinds = {"a": Kind.STRING, "b": Kind.STRING}
    items = table(out.getvalue().encode(), kinds=kinds)
    expected = [{name: text for name, text in zip("ab", row, strict=True) if text} for row in cells]
    assert [event(item)["data"] for item in items] == expected


def test_an_event_is_sent_as_it_stands() -> None:
    """Its very bytes, when it has an id."""
    line = b'{"type": "tap", "id": "x", "data": {"n": 1.10}}'
    (item,) = objects(line)
    assert isinstance(item, Item)
    assert item.event == line


def test_an_event_without_an_id_gets_one_that_follows_from_the_file() -> None:
    """Absent or null; numbers keep their digits."""
    body = b'{"type":"tap","data":{"n":1.10}}\n{"id":null,"type":"tap"}\n'
    first, second = (event(item) for item in objects(body))
    assert str(first["data"]["n"]) == "1.10"
    assert first["id"] != second["id"]
    assert [event(item)["id"] for item in objects(body)] == [first["id"], second["id"]]


def test_a_source_is_added_where_there_is_none() -> None:
    """An event's own source stays."""
    body = b'{"type":"a","id":"1"}\n{"type":"a","id":"2","source":"till"}\n'
    assert [event(item)["source"] for item in objects(body, source="shop")] == ["shop", "till"]


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"[1]", "is no JSON object"),
        (b'{"type":', "is no JSON"),
        (b'{"type":"\xff"}', "is no UTF-8, at its byte 9"),
        (b"[" * 100_000, "is no JSON object"),
    ],
    ids=["array", "cut", "latin", "deep"],
)
def test_a_line_that_is_no_event_costs_no_other(line: bytes, error: str) -> None:
    """Its line and the reason are told."""
    items = objects(b'{"id":"a"}\n' + line + b'\n{"id":"b"}\n')
    assert [event(one)["id"] for one in items if isinstance(one, Item)] == ["a", "b"]
    number, field, said = refused(items[1])
    assert (number, field) == (2, "line")
    assert error in said


def test_a_line_without_end_is_refused_and_passed_over() -> None:
    """Memory stays bounded; the next line is read."""
    body = b'{"id":"' + b"x" * (LINE_BYTES_MAX + 100) + b'"}\n{"id":"b"}\n'
    items = objects(body)
    assert "is longer than" in refused(items[0])[2]
    assert event(items[1])["id"] == "b"


def test_blank_lines_are_no_records_but_count_as_lines() -> None:
    """Line numbers are those of the file."""
    assert [(one.line, one.text) for one in json_lines(io.BytesIO(b"\n{}\r\n\n \n{}"))] == [
        (2, b"{}"),
        (5, b"{}"),
    ]


def test_objects_can_be_data_of_a_type_that_the_options_name() -> None:
    """As the columns of CSV; values keep their JSON types and digits."""
    body = b'{"at":"2026-01-01","who":7,"n":1.10,"deep":{"x":[1]},"no":null}\n'
    (item,) = objects(body, type="tap", source="file", time="at", subject="who")
    made = event(item)
    assert made.pop("id")
    assert made == {
        "type": "tap",
        "source": "file",
        "time": "2026-01-01T00:00:00Z",
        "subject": "7",
        "data": {"n": Decimal("1.10"), "deep": {"x": [1]}, "no": None},
    }


def test_an_object_without_its_id_is_refused() -> None:
    """As an empty cell is."""
    items = objects(b'{"n":1}\n{"k":true,"n":1}\n{"k":[],"n":1}\n', type="tap", id="k")
    assert refused(items[0]) == (1, "k", "is missing; it is the id")
    assert event(items[1])["id"] == "true"
    assert refused(items[2])[2] == "must be a text or a number"


def test_an_array_is_its_items() -> None:
    """Written over several lines or not; one object is an array of one."""
    body = b'[\n  {"id": "a",\n   "n": 1.10},\n  5\n]'
    assert [(one.line, one.text) for one in array_lines(body)] == [
        (1, b'{"id":"a","n":1.10}'),
        (2, b"5"),
    ]
    assert [one.text for one in array_lines(b'{"id": "a"}')] == [b'{"id":"a"}']
    with pytest.raises(ValueError, match="no JSON array"):
        list(array_lines(b"[1,"))
