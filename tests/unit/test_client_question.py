"""Questions become parameters, answers become rows with exact values."""

from __future__ import annotations

import inspect
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import anyio
import httpx2
import pytest

from livetally.client import Answer, Asked, AsyncClient, Client
from livetally.client.answer import decode_exact
from livetally.client.question import entities_question, question
from livetally.definitions import parse_filter
from livetally.errors import BadInput, LivetallyError

BODY = b"""{"metric":"revenue","interval":"day","tz":"Europe/Oslo",
"from":"2026-03-28T00:00:00+01:00","to":"2026-03-30T00:00:00+02:00","position":7,"rows":[
{"time":"2026-03-28T00:00:00+01:00","shop":"a","value":0},
{"time":"2026-03-29T00:00:00+01:00","shop":"b","value":12345678901234567890.123456789},
{"time":"2026-03-29T00:00:00+01:00","shop":null,"value":null}]}"""


def params(**asked: Any) -> list[tuple[str, str]]:
    """Return the parameters of a question."""
    return list(question("taps", **asked).params)


def test_every_argument_of_a_question_is_declared_for_type_checkers() -> None:
    """``Asked`` and the function take the same names."""
    taken = set(inspect.signature(question).parameters) - {"metric"}
    assert taken == set(Asked.__annotations__)


def test_only_what_is_given_is_asked() -> None:
    """Without arguments, the server's defaults hold."""
    assert params() == []
    assert params(interval="day", start=None, limit=5, by=()) == [
        ("interval", "day"),
        ("limit", "5"),
    ]
    assert params(top=3, compare="previous") == [("top", "3"), ("compare", "previous")]


def test_times_are_texts_dates_or_instants() -> None:
    """A text is the server's to read; a date is a date of the asked zone."""
    assert params(start="2026-03", end=date(2026, 4, 1)) == [
        ("from", "2026-03"),
        ("to", "2026-04-01"),
    ]
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert params(start=at) == [("from", "2026-03-01T12:00:00+00:00")]


def test_a_datetime_without_a_zone_is_refused() -> None:
    """It would mean another instant on every machine."""
    with pytest.raises(BadInput, match="start"):
        params(start=datetime(2026, 3, 1))  # noqa: DTZ001 - that is the point


def test_dimensions_are_one_name_or_several() -> None:
    """Several are joined by commas."""
    assert params(by="carrier") == [("by", "carrier")]
    assert params(by=["carrier", "origin"]) == [("by", "carrier,origin")]


def test_a_metric_name_is_escaped_in_the_address() -> None:
    """No name reaches another resource."""
    assert question("../keys").path == "/v1/metrics/..%2Fkeys"
    assert question("..").path == "/v1/metrics/%2E%2E"
    assert entities_question(".", key="..").path == "/v1/entities/%2E/%2E%2E"
    assert entities_question("a.b", key="...").path == "/v1/entities/a.b/%2E%2E%2E"


@pytest.mark.parametrize("key", [".", "..", "...", "a.", "/", "%2E", "\u00f8"], ids=ascii)
def test_a_key_arrives_as_it_is(key: str) -> None:
    """Neither client takes dots out of the address, or escapes it once more."""
    arrived = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        arrived.append(request.url.raw_path.decode())
        return httpx2.Response(200, json={})

    async def ask() -> None:
        async with AsyncClient("http://fake/base", transport=transport) as client:
            await client.request(call)

    transport = httpx2.MockTransport(answer)
    call = entities_question("user", key=key)
    with Client("http://fake/base", transport=transport) as client:
        client.request(call)
    anyio.run(ask)
    before, _, last = arrived[0].rpartition("/")
    assert (before, unquote(last)) == ("/base/v1/entities/user", key)
    assert last not in (".", "..")
    assert arrived[0] == arrived[1]


@pytest.mark.parametrize("name", ["", "\ud800"], ids=ascii)
def test_a_name_that_no_resource_can_have_is_refused(name: str) -> None:
    """An empty one would ask for the list above it."""
    with pytest.raises(BadInput, match="metric: must"):
        question(name)
    with pytest.raises(BadInput, match="entity: must"):
        entities_question(name)
    with pytest.raises(BadInput, match="key: must"):
        entities_question("user", key=name)


@pytest.mark.parametrize(
    "value", ["UA", "a,b", "*", "a..b", ' "x" ', ">5", "", "ø\n", "5", '\\"'], ids=repr
)
def test_a_value_in_where_means_itself(value: str) -> None:
    """The server reads back the very text, whatever stands in it."""
    ((name, text),) = params(where={"field": value})
    assert name == "where"
    assert parse_filter(text).values == (value,)


def test_where_takes_values_of_every_kind() -> None:
    """Booleans, numbers, instants, several values, and none."""
    where = {
        "a": True,
        "b": Decimal("1.50"),
        "c": [1, 2],
        "d": None,
        "e": datetime(2026, 1, 1, tzinfo=UTC),
    }
    texts = [text for _, text in params(where=where)]
    assert texts == [
        'a:"true"',
        'b:"1.50"',
        'c:"1","2"',
        "!d:*",
        'e:"2026-01-01T00:00:00+00:00"',
    ]


@pytest.mark.parametrize("value", [Ellipsis, [], {"x": 1}], ids=str)
def test_a_value_that_nothing_can_equal_is_refused(value: object) -> None:
    """The field is named."""
    with pytest.raises(BadInput, match="'a'"):
        params(where={"a": value})


def test_filters_as_texts_are_sent_as_they_are() -> None:
    """One, or several."""
    assert params(where="a:>5") == [("where", "a:>5")]
    assert params(where=["a:>5", "!b:*"]) == [("where", "a:>5"), ("where", "!b:*")]


def test_values_of_an_answer_are_exact() -> None:
    """Decimals have every digit; whole numbers are whole."""
    answer = Answer.of(decode_exact(BODY))
    assert [row["value"] for row in answer] == [0, Decimal("12345678901234567890.123456789"), None]
    assert (answer.metric, answer.position, answer.truncated, len(answer)) == (
        "revenue",
        7,
        False,
        3,
    )
    huge = 2**126
    assert decode_exact(b'{"value":%d}' % huge) == {"value": huge}


def test_the_value_of_one_number_is_that_number() -> None:
    """An answer of several rows has no single value; one of none has None."""
    answer = Answer.of(decode_exact(BODY))
    with pytest.raises(LivetallyError, match="3 values"):
        _ = answer.value
    single = Answer.of(decode_exact(BODY) | {"rows": [{"value": 5}]})
    assert single.value == 5
    assert Answer.of(decode_exact(BODY) | {"rows": []}).value is None


def test_an_arrow_table_keeps_decimals_and_the_zone() -> None:
    """Times are instants in the asked zone; a zero among decimals is a decimal."""
    pyarrow = pytest.importorskip("pyarrow")
    made = Answer.of(decode_exact(BODY)).to_arrow()
    assert made.column_names == ["time", "shop", "value"]
    assert made.schema.field("time").type == pyarrow.timestamp("us", "Europe/Oslo")
    assert pyarrow.types.is_decimal(made.schema.field("value").type)
    assert made["value"].to_pylist()[1] == Decimal("12345678901234567890.123456789")
    assert made["time"].to_pylist()[0].isoformat() == "2026-03-28T00:00:00+01:00"


def test_an_answer_without_rows_still_has_its_columns() -> None:
    """A table of nothing has the time and the value."""
    pytest.importorskip("pyarrow")
    empty = Answer.of(decode_exact(BODY) | {"rows": []})
    assert empty.to_arrow().column_names == ["time", "value"]


def test_a_data_frame_has_floats_to_draw_or_decimals_to_count() -> None:
    """Exactness is asked for."""
    pytest.importorskip("pandas")
    answer = Answer.of(decode_exact(BODY))
    frame = answer.to_pandas()
    assert str(frame["time"].dt.tz) == "Europe/Oslo"
    assert frame["value"].dtype == "float64"
    exact = answer.to_pandas(exact=True)
    assert exact["value"][1] == Decimal("12345678901234567890.123456789")
