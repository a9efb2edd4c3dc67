"""What a text has to be written in to count as a decimal."""

from __future__ import annotations

import json

import pytest

from livetally.definitions import read_toml
from livetally.ingest.fields import FieldReader

EVENT = read_toml(
    """
application = "shop"
[event.sale]
data.price = { type = "decimal", scale = 2 }
data.name = "string"
data.pieces = "integer"
data.order.total = { type = "decimal", scale = 2, required = true }
""",
    "shop.toml",
).events["sale"]
PRICE, TOTAL = EVENT.fields["price"].column, EVENT.fields["order.total"].column
NO_DECIMAL = "invalid decimal string"


def read(*data: str) -> tuple[list[tuple[int | None, int | None]], list[tuple[int, str, str]]]:
    """Return price and total of each event, and what is wrong with which."""
    columns, wrong = FieldReader(EVENT).read([one.encode() for one in data])
    return list(zip(columns[PRICE], columns[TOTAL], strict=True)), wrong


@pytest.mark.parametrize("escaped", [False, True], ids=["written", "escaped"])
@pytest.mark.parametrize(
    "text",
    [
        *("\u0663", "\uff11\uff12", "1\uff12", "\u06f3.5", "1.\u0665", "1e\u0661", "\U0001d7cf"),
        *("\t1", "1\n", "\u00a01", "1\u3000", "\u20031", "1\x85", "\x1f1"),
    ],
)
def test_what_only_the_decoder_takes_for_a_number_is_no_decimal(
    text: str, *, escaped: bool
) -> None:
    """The store could not read it back: wherever it stands, and however JSON writes it."""
    text = json.dumps(text, ensure_ascii=escaped)
    _, wrong = read(
        '{"price":"1.5","order":{"total":"2"}}',
        f'{{"price":{text},"order":{{"total":2}}}}',
        f'{{"price":3,"order":{{"total":{text}}}}}',
    )
    assert wrong == [(1, "data.price", NO_DECIMAL), (2, "data.order.total", NO_DECIMAL)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *(("12", 1200), ("-0.50", -50), ("+1", 100), (".5", 50), ("5.", 500), ("1e1", 1000)),
        *(("1E-2", 1), ("007", 700), ("1_000", 100_000), (" 1 ", 100)),
    ],
)
def test_a_text_in_plain_digits_is_a_decimal_whatever_stands_beside_it(
    text: str, value: int
) -> None:
    """Names in any script, escapes, and a digit that is itself written as an escape."""
    escape = "".join(f"\\u{ord(char):04x}" for char in text)
    values, wrong = read(
        f'{{"price":"{text}","order":{{"total":0}},"name":"\u0663"}}',
        f'{{"price":"{text}","order":{{"total":0}},"name":"a\\tb"}}',
        f'{{"price":"{escape}","order":{{"total":0}}}}',
        '{"price":null,"order":{"total":1.25},"name":"\u0663"}',
        '{"order":{"total":1},"name":"\u0663"}',
    )
    assert wrong == []
    assert values == [(value, 0), (value, 0), (value, 0), (None, 125), (None, 100)]


@pytest.mark.parametrize("text", ["", "x", "1 0", "+ 1", "-", ".", "e5", "1__e", "0x1"])
def test_any_other_text_is_refused_with_the_same_words(text: str) -> None:
    """Whether the decoder refuses it or we do."""
    _, wrong = read(f'{{"price":"{text}","order":{{"total":1}}}}')
    assert wrong == [(0, "data.price", NO_DECIMAL)]


@pytest.mark.parametrize("name", ["a", "\u0663"])
@pytest.mark.parametrize("text", ["Infinity", "-inf", "NaN"])
def test_a_text_that_names_no_finite_number_is_refused(text: str, name: str) -> None:
    """In words that don't depend on what else the event says."""
    _, wrong = read(f'{{"price":"{text}","order":{{"total":1}},"name":"{name}"}}')
    assert wrong == [(0, "data.price", "must be a finite number")]


def test_one_complaint_for_an_event_that_is_wrong_twice() -> None:
    """What the decoder refuses first is not looked at again."""
    _, wrong = read('{"price":"\u0663","order":{"total":"\u0663"}}', '{"price":"\u0663"}', "{")
    assert sorted((place, field) for place, field, _ in wrong) == [
        (0, "data.price"),
        (1, "data.order"),
        (2, "data"),
    ]
