"""What ingest makes of a value, the store's history and ``verify`` make of it too.

In the flow: hypothesis writes values; ``ingest.fields``, the engine's DEFAULT expressions and
``query.recompute`` read the same bytes.
Guarantee: three readers that share no code agree, refusals included, on every declared type.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from livetally.definitions import Field, FieldType, read_toml
from livetally.ingest.fields import FieldReader
from livetally.query.recompute import _typed
from livetally.store.events import Engine
from livetally.store.events.columns import default_expression, engine_type
from tests.event_store import opened_engine

SCALE = 3
EVENTS = read_toml(
    """
application = "shop"
[event.decimal]
data.v = { type = "decimal", scale = 3 }
[event.integer]
data.v = "integer"
[event.number]
data.v = "number"
[event.boolean]
data.v = "boolean"
[event.time]
data.v = "time"
[event.uuid]
data.v = "uuid"
""",
    "shop.toml",
).events
READERS = {name: FieldReader(event) for name, event in EVENTS.items()}
# Digits in five scripts, what may stand beside them, and what other readers take for a space.
MARKS = "+-._eE, \t\n\x1f\x85\u00a0\u2003\u3000\u2212"
DIGITS = "0123456789\u0663\u06f5\u0967\uff11\U0001d7cf\u00b2"
NUMBERS = (
    st.text(st.sampled_from("0123456789" + MARKS), max_size=12)
    | st.text(st.sampled_from(DIGITS + MARKS), max_size=8)
    | st.from_regex(r"\A ?[-+]?[0-9_]{0,9}\.?[0-9]{0,6}([eE][-+]?[0-9]{1,3})? ?\Z")
    | st.sampled_from(("Infinity", "-inf", "NaN", "true", "false", "null"))
)
BARE = st.from_regex(r"\A-?(0|[1-9][0-9]{0,19})(\.[0-9]{1,6})?([eE][-+]?[0-9]{1,2})?\Z")
UUID = "c6a1a1b2-1111-4222-8333-444455556666"
TIMES = ("2026-03-29T12:00:00Z", "2026-03-29t12:00:00.25z", "2026-03-29 12:00:00+02:00")


@st.composite
def damaged(draw: st.DrawFn, texts: tuple[str, ...]) -> str:
    """Put a strange sign into a text that is right."""
    text: str = draw(st.sampled_from(texts))
    at = draw(st.integers(0, len(text)))
    put: str = draw(st.sampled_from(["", *DIGITS, *MARKS, "{", "}", ":", "Z"]))
    return text[:at] + put + text[at + draw(st.integers(0, 2)) :]


def values() -> st.SearchStrategy[tuple[str, str]]:
    """Write a value for a field of some type: as a text, or bare."""
    of_all = st.sampled_from(sorted(EVENTS))
    quoted = st.one_of(
        NUMBERS, damaged(TIMES), damaged((UUID, UUID.upper(), UUID.replace("-", "")))
    )
    texts = st.builds(
        lambda text, escaped: json.dumps(text, ensure_ascii=escaped), quoted, st.booleans()
    )
    return st.tuples(of_all, texts | BARE | st.sampled_from(("true", "null", "[]", "{}")))


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """Open an engine; nothing is stored in it."""
    with opened_engine(tmp_path_factory.mktemp("events")) as opened:
        yield opened


def as_ingest_reads(name: str, data: bytes) -> Any:
    """Return the value in the column, None where it is refused or missing."""
    columns, wrong = READERS[name].read([data])
    (values_of,) = columns.values()
    value = None if wrong else values_of[0]
    if value is not None and name == "decimal":
        return Decimal(value).scaleb(-SCALE)
    return value


def as_verify_reads(field: Field, data: bytes) -> Any:
    """Return the value in what was sent."""
    sent = msgspec.json.Decoder(float_hook=Decimal).decode(data)["v"]
    return None if sent is None else _typed(field, sent)


def as_history_reads(engine: Engine, fields: list[Field], data: list[bytes]) -> list[Any]:
    """Return what the DEFAULT of each field reads from its data."""
    read = ", ".join(
        f"(SELECT CAST({default_expression(field)} AS {engine_type(field)})"  # noqa: S608 - ours
        f" FROM (SELECT {{d{place}:String}} AS data))"
        for place, field in enumerate(fields)
    )
    parameters = {f"d{place}": one.decode() for place, one in enumerate(data)}
    (row,) = engine.read(f"SELECT {read}", parameters)
    # The engine writes a binary number in as few digits as tell it, without a point: as an int.
    kinds = {FieldType.DECIMAL: Decimal, FieldType.NUMBER: float}
    return [
        kinds[field.type](value) if value is not None and field.type in kinds else value
        for field, value in zip(fields, row, strict=True)
    ]


@given(st.lists(values(), min_size=1, max_size=12))
@example([("decimal", '"\u0663"'), ("decimal", '"\\u0663"'), ("decimal", '"1\u00a0"')])
@example([("decimal", '"-"'), ("decimal", '"1 0"'), ("decimal", '"+ 1"'), ("decimal", '"e5"')])
@example([("decimal", '"0e400"'), ("decimal", "0e400"), ("decimal", '"1e-9999999"')])
@example([("decimal", '" 1_0 "'), ("decimal", '"1e2"'), ("decimal", '"Infinity"')])
def test_three_readers_agree(engine: Engine, given_values: list[tuple[str, str]]) -> None:
    """The same value, or none for all of them."""
    fields = [EVENTS[name].fields["v"] for name, _ in given_values]
    data = [f'{{"v":{text}}}'.encode() for _, text in given_values]
    stored = as_history_reads(engine, fields, data)
    for (name, text), field, one, kept in zip(given_values, fields, data, stored, strict=True):
        assert as_ingest_reads(name, one) == kept, (name, text)
        assert as_verify_reads(field, one) == kept, (name, text)
