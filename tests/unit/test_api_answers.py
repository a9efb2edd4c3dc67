"""An answer as JSON: which members a row has, in which order."""

from __future__ import annotations

from decimal import Decimal

from livetally.api.answers import encode_rows
from livetally.query import AnswerRow, parse_query

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
