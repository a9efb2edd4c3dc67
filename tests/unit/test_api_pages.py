"""A page on the wire: in which form, with which tag, and how one finds the next."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from starlette.requests import Request

from livetally.api.pages import Page, page_response
from livetally.api.tables import ARROW, CSV

ROWS: list[dict[str, Any]] = [
    {
        "id": "1",
        "time": "2026-03-29T01:00:00+00:00",
        "data": msgspec.Raw(b'{"a": 1.10}'),
        "fields": {"spent": 12, "open": True},
        "actions": ["close", "open"],
    },
    {"id": "2", "time": "2026-03-29T01:00:00.5+00:00", "data": msgspec.Raw(b"{}"), "attributes": 1},
]
PAGE = Page("events", ROWS, 41, "abc", {"entity": "sale"}, ("time",))


def request(accept: str = "", known: str = "") -> Request:
    """Return a request for a page."""
    headers = [(b"accept", accept.encode()), (b"if-none-match", known.encode())]
    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": "/v1/events"}
    return Request(
        scope
        | {
            "headers": [*headers, (b"host", b"h")],
            "query_string": b"type=a%26b&cursor=old",
            "scheme": "http",
            "server": ("h", 80),
        }
    )


def test_json_names_the_rows_and_the_next_cursor() -> None:
    """What the sender wrote is not written anew."""
    found = page_response(request(), PAGE, {"RateLimit": "x"})
    assert bytes(found.body).startswith(b'{"entity":"sale","position":41,"events":[{"id":"1"')
    assert b'"data":{"a": 1.10}' in bytes(found.body)
    assert bytes(found.body).endswith(b'"next":"abc"}')
    assert found.headers["RateLimit"] == "x"
    assert "link" not in found.headers


def test_csv_has_a_column_for_each_member_and_a_link_to_the_next_page() -> None:
    """The link keeps what was asked for and changes the cursor."""
    found = page_response(request(CSV), PAGE, {})
    lines = bytes(found.body).decode().splitlines()
    assert lines[0] == "id,time,data,fields.spent,fields.open,actions,attributes"
    assert lines[1] == '1,2026-03-29T01:00:00+00:00,"{""a"": 1.10}",12,true,close open,'
    assert found.headers["content-type"] == "text/csv; charset=utf-8"
    assert found.headers["link"] == '</v1/events?type=a%26b&cursor=abc>; rel="next"'
    assert "link" not in page_response(request(CSV), PAGE._replace(next=""), {}).headers


def test_arrow_has_instants() -> None:
    """With the microseconds."""
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.ipc.open_stream(bytes(page_response(request(ARROW), PAGE, {}).body)).read_all()
    assert table.schema.field("time").type == pyarrow.timestamp("us", "UTC")
    assert [one.microsecond for one in table.column("time").to_pylist()] == [0, 500_000]
    assert table.column("fields.spent").to_pylist() == [12, None]
    assert table.schema.metadata == {b"position": b"41"}


def test_a_page_that_says_the_same_is_not_sent_again() -> None:
    """Whatever was committed meanwhile; one row more or another form is another page."""
    tag = page_response(request(), PAGE, {}).headers["etag"]
    again = page_response(request(known=f'"x", {tag}'), PAGE._replace(position=99), {})
    assert again.status_code == 304
    assert not again.body
    for known in ("*", tag.removeprefix("W/")):
        assert page_response(request(known=known), PAGE, {}).status_code == 304
    changed = [
        page_response(request(CSV, tag), PAGE, {}),
        page_response(request(known=tag), PAGE._replace(rows=ROWS[:1]), {}),
        page_response(request(known=tag), PAGE._replace(next=""), {}),
        page_response(request(known=tag), PAGE._replace(head={"gone_before": "2026"}), {}),
    ]
    assert [one.status_code for one in changed] == [200] * 4


def test_a_page_without_rows_has_its_columns() -> None:
    """A program that reads a column by its name finds it empty."""
    columns = "key,fields.spent,first"
    empty = Page("entities", [], 41, "", instants=("first",), columns=columns.split(","))
    assert bytes(page_response(request(CSV), empty, {}).body).decode() == f"{columns}\r\n"
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.ipc.open_stream(bytes(page_response(request(ARROW), empty, {}).body)).read_all()
    assert table.column_names == columns.split(",")
    assert table.num_rows == 0
