"""An answer on the wire: as JSON, CSV and Arrow."""

from __future__ import annotations

from decimal import Decimal

import pytest

from livetally.api.answers import encode_rows, marks_of, written
from livetally.api.tables import ARROW, CSV, mark_headers
from livetally.query import Answer, AnswerRow, parse_query
from livetally.query.values import Value

DAY_US = 86_400_000_000
SUMMER_US = 1_774_746_000_000_000  # 2026-03-29T01:00Z: Oslo's clocks go forward


def rows(*given: AnswerRow, **parameters: str) -> str:
    """Return rows as JSON text."""
    query = parse_query("m", {name: [text] for name, text in parameters.items()})
    return encode_rows(query, given).decode()


def test_a_row_names_its_bucket_in_the_zone_of_the_question() -> None:
    """Also across a change of its offset, and in whatever order the rows are."""
    found = rows(
        AnswerRow(SUMMER_US, (), 2, 1),
        AnswerRow(SUMMER_US - 3_600_000_000, (), Decimal("0.10"), 1),
        interval="hour",
        tz="Europe/Oslo",
    )
    assert found == (
        '[{"time":"2026-03-29T03:00:00+02:00","value":2},'
        '{"time":"2026-03-29T01:00:00+01:00","value":0.10}]'
    )
    assert rows(AnswerRow(None, (), None, 0)) == '[{"value":null}]'


def test_dimensions_stand_between_the_bucket_and_the_value() -> None:
    """A row of all other groups has none and says so; nor has one of no group at all."""
    found = rows(
        AnswerRow(0, ("a", None), 5, 1, previous=4),
        AnswerRow(0, (None, None), 3, 1, other=True),
        AnswerRow(0, (), 0, 0),
        interval="day",
        by="shop,value",
        compare="previous",
        **{"from": "1970-01-01", "to": "1970-01-02", "top": "1"},
    )
    time = '"time":"1970-01-01T00:00:00+00:00"'
    assert found == (
        f'[{{{time},"shop":"a","data.value":null,"value":5,"previous":4}},'
        f'{{{time},"shop":null,"data.value":null,"other":true,"value":3,"previous":null}},'
        f'{{{time},"value":0,"previous":null}}]'
    )


ANSWER = Answer(
    parse_query("m", {"interval": ["day"], "by": ["shop"], "tz": ["Europe/Oslo"]}),
    7,
    -3_600_000_000,
    DAY_US,
    [
        AnswerRow(-3_600_000_000, ("a, b",), Decimal("12345678901234567890.50"), 3),
        AnswerRow(-3_600_000_000, (None,), 2**70, 5),
        AnswerRow(DAY_US - 3_600_000_000, ('"',), None, 7),
    ],
)


def test_csv_keeps_every_digit_and_leaves_out_what_is_missing() -> None:
    """Quoted where RFC 4180 asks for it."""
    _tag, body = written(ANSWER, CSV)
    assert body.decode().splitlines() == [
        "time,shop,value",
        '1970-01-01T00:00:00+01:00,"a, b",12345678901234567890.50',
        f"1970-01-01T00:00:00+01:00,,{2**70}",
        '1970-01-02T00:00:00+01:00,"""",',
    ]


def test_arrow_has_instants_of_the_zone_and_exact_decimals() -> None:
    """One record batch; the schema says up to which commit it is true."""
    pyarrow = pytest.importorskip("pyarrow")
    tag, body = written(ANSWER, ARROW)
    table = pyarrow.ipc.open_stream(body).read_all()
    assert table.schema.field("time").type == pyarrow.timestamp("us", "Europe/Oslo")
    assert pyarrow.types.is_decimal(table.schema.field("value").type)
    assert table.schema.metadata == {b"position": b"7"}
    assert table.column("value").to_pylist() == [row.value for row in ANSWER.rows]
    assert table.column("shop").to_pylist() == ["a, b", None, '"']
    assert tag != written(ANSWER, CSV)[0]
    assert tag == written(ANSWER._replace(position=8), ARROW)[0]


def test_what_an_answer_says_of_itself_is_in_every_form() -> None:
    """That it was cut, by how much it may be off, and what is gone."""
    pyarrow = pytest.importorskip("pyarrow")
    marked = ANSWER._replace(truncated=True, error=0.0029, gone_before_us=0)
    _tag, body = written(marked, ARROW)
    assert pyarrow.ipc.open_stream(body).read_all().schema.metadata == {
        b"position": b"7",
        b"truncated": b"true",
        b"standard_error": b"0.0029",
        b"gone_before": b"1970-01-01T01:00:00+01:00",
    }
    assert mark_headers(marks_of(marked)) == {
        "X-Livetally-Truncated": "true",
        "X-Livetally-Standard-Error": "0.0029",
        "X-Livetally-Gone-Before": "1970-01-01T01:00:00+01:00",
    }
    assert marks_of(ANSWER) == {}


@pytest.mark.parametrize(
    "values",
    [
        (1e-200, Decimal("2.5"), 3, None),
        (10**20, 1e300, 2**70),
        (Decimal("0.1"), 1e300),
    ],
    ids=str,
)
def test_beside_a_binary_number_arrow_has_binary_numbers(values: tuple[Value, ...]) -> None:
    """No decimal has room for both."""
    pyarrow = pytest.importorskip("pyarrow")
    mixed = [AnswerRow(0, (str(n),), value, 1) for n, value in enumerate(values)]
    _tag, body = written(ANSWER._replace(rows=mixed), ARROW)
    column = pyarrow.ipc.open_stream(body).read_all().column("value")
    assert column.type == pyarrow.float64()
    assert column.to_pylist() == [None if one is None else float(one) for one in values]
