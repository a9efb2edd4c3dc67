"""A payload becomes events by a mapping: records, members, casts, look-ups, ids.

In the flow: reads mappings as ``definitions`` does, without a definition around them.
Guarantee: values are compared as JSON text, so that a lost digit is seen.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from livetally.definitions.problems import Problems
from livetally.errors import UnreadableBody
from livetally.mapping import (
    Context,
    EventMapping,
    Fault,
    Lookup,
    decode_payload,
    encode_items,
    read_mapping,
)

TAGS = {"tags": Lookup("tags", {"7": "blue", "x": "red"})}


def mapping(**entries: Any) -> EventMapping:
    """Read a mapping that has no mistake."""
    problems = Problems()
    read = read_mapping({"type": "'t'"} | entries, ("map",), problems, TAGS, ["id"])
    assert problems.located({}) == ()
    assert read is not None
    return read


def one(payload: str, **entries: Any) -> str:
    """Return the only event of a payload as JSON."""
    mapped = mapping(**entries).events(decode_payload(payload.encode()))
    assert mapped.faults == []
    return encode_items(mapped.items).decode().rstrip("\n")


def value(payload: str, entry: Any) -> str:
    """Return what becomes of one field of the data, as JSON."""
    event = one(payload, data={"v": entry})
    return event.removeprefix('{"type":"t"').removeprefix(',"data":{"v":').removesuffix("}}")


def fault(payload: str, entry: Any) -> str:
    """Return why one field of the data can't be made."""
    mapped = mapping(data={"v": entry}).events(decode_payload(payload.encode()))
    assert mapped.items == []
    (found,) = mapped.faults
    assert found.field == "data.v"
    return found.reason


def test_a_record_becomes_an_event() -> None:
    """Expressions, constants and paths give the members and the data of an event."""
    event = one(
        '{"id": 5, "who": {"name": "ann"}, "at": "2026-03-29T01:30:00+01:00", "n": 12.50}',
        type="'add_revenue'",
        id="id",
        time="at",
        subject="who.name",
        source={"value": "shop"},
        data={"amount": "n", "address": {"city": "'Oslo'"}, "nothing": "absent"},
    )
    assert event == (
        '{"type":"add_revenue","id":"5","source":"shop","time":"2026-03-29T00:30:00+00:00",'
        '"subject":"ann","data":{"amount":12.50,"address":{"city":"Oslo"}}}'
    )


def test_each_finds_the_records_and_where_leaves_some_out() -> None:
    """Records keep their place in the payload, whatever happens to those before them."""
    read = mapping(
        each="page.items[]", where="n > `0.1`", data={"n": {"from": "n", "as": "integer"}}
    )
    payload = decode_payload(b'{"page": {"items": [{"n": 0.1}, {"n": 0.5}, {"n": 2}, 7]}}')
    mapped = read.events(payload)
    assert mapped.items == [{"type": "t", "data": {"n": 2}}]
    assert mapped.indexes == [2]
    assert mapped.faults == [Fault(1, "data.n", "is not a whole number")]
    assert mapped.skipped == 2
    assert mapped.records == 4


@pytest.mark.parametrize(
    ("payload", "what"),
    [('{"rows": []}', "nothing"), ('{"items": "x"}', "a text"), ('{"items": 3}', "a number")],
)
def test_a_payload_without_records_is_a_fault(payload: str, what: str) -> None:
    """A payload of another shape is told, and not taken for an empty one."""
    mapped = mapping(each="items").events(decode_payload(payload.encode()))
    assert mapped.faults == [
        Fault(0, "each", f"'items' is {what}; an object or a list was expected")
    ]


def test_an_empty_list_is_no_fault() -> None:
    """A page may have nothing on it."""
    mapped = mapping(each="items").events({"items": []})
    assert mapped.records == 0


@pytest.mark.parametrize(
    ("payload", "entry", "expected"),
    [
        ('{"v": 1.10}', {"from": "v", "as": "decimal"}, "1.10"),
        ('{"v": " 1.10 "}', {"from": "v", "as": "decimal"}, "1.10"),
        ('{"v": 1234567890123456789.12345678901}', "v", "1234567890123456789.12345678901"),
        ('{"v": 1e2}', {"from": "v", "as": "integer"}, "100"),
        ('{"v": "-7"}', {"from": "v", "as": "integer"}, "-7"),
        ('{"v": 7}', {"from": "v", "as": "string"}, '"7"'),
        ('{"v": 7.0}', {"from": "v", "as": "string"}, '"7.0"'),
        ('{"v": true}', {"from": "v", "as": "string"}, '"true"'),
        ('{"v": "Yes"}', {"from": "v", "as": "boolean"}, "true"),
        ('{"v": 0}', {"from": "v", "as": "boolean"}, "false"),
        ('{"v": "0B0F6C1E0C6F4C5E9F0E4A5A7C0C8E11"}', {"from": "v", "as": "uuid"},
         '"0b0f6c1e-0c6f-4c5e-9f0e-4a5a7c0c8e11"'),
        ('{"v": 7}', {"from": "v", "lookup": "tags"}, '"blue"'),
        ('{"v": "y"}', {"from": "v", "lookup": "tags", "default": "none"}, '"none"'),
        ('{"v": 7}', "lookup('tags', v)", '"blue"'),
        ('{"v": [1.5, 2.25]}', "sum(v)", "3.75"),
        ('{"v": 1.5}', "to_string(v)", '"1.5"'),
        ('{"v": 1.5}', "type(v)", '"number"'),
        ('{"v": "1.50"}', "to_number(v)", "1.50"),
        ('{"v": " A,b "}', "split(lower(trim(v)), ',')", '["a","b"]'),
        ('{"v": 3}', {"value": 4}, "4"),
        ('{"v": null}', {"from": "v", "default": 9}, "9"),
    ],
)  # fmt: skip
def test_values_arrive_exactly(payload: str, entry: Any, expected: str) -> None:
    """A value keeps every digit, and becomes the kind that was asked for."""
    assert value(payload, entry) == expected


@pytest.mark.parametrize("text", ['""', '"  "', "null"])
@pytest.mark.parametrize("kind", ["integer", "decimal", "boolean", "time", "uuid"])
def test_a_blank_text_is_not_given(text: str, kind: str) -> None:
    """An empty cell is no number: the field is left out."""
    assert one(f'{{"v": {text}}}', data={"v": {"from": "v", "as": kind}}) == '{"type":"t"}'


@pytest.mark.parametrize(
    ("payload", "entry", "reason"),
    [
        ('{"v": "12,5"}', {"from": "v", "as": "decimal"}, "is a text that is no number"),
        ('{"v": true}', {"from": "v", "as": "decimal"}, "is true or false, not a number"),
        ('{"v": 9223372036854775808}', {"from": "v", "as": "integer"},
         "is a whole number of over 64 bits"),
        ('{"v": [1]}', {"from": "v", "as": "string"}, "is a list, not a text"),
        ('{"v": "maybe"}', {"from": "v", "as": "boolean"}, "is none of true, false, yes, no, 1, 0"),
        ('{"v": "x"}', {"from": "v", "as": "uuid"}, "is no UUID"),
        ('{"v": 5}', {"from": "v", "as": "time"},
         "is no text; for a number say format = 'unix', 'unix_ms', ..."),
        ('{"v": 1e30}', {"from": "v", "as": "time", "format": "unix"},
         "is no number that can be a time"),
        ('{"v": "31.02.2026"}', {"from": "v", "as": "time", "format": "%d.%m.%Y"},
         "is not written as '%d.%m.%Y'"),
        ("{}", {"from": "v.w", "required": True}, "required, but missing: nothing at 'v.w'"),
        ('{"v": 1}', {"from": "v", "lookup": "tags", "required": True},
         "required, but missing: nothing at 'v', or has no row in look-up table 'tags'"),
        ('{"v": 1}', "lower(v)", "lower() takes string, not number"),
        ('{"v": [1, "a"]}', "sum(v)", "sum() takes array-number, not str"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told(payload: str, entry: Any, reason: str) -> None:
    """A value that can't be of the kind is a fault with field and reason, never a guess."""
    assert fault(payload, entry) == reason


@pytest.mark.parametrize(
    ("text", "entry", "instant"),
    [
        ("1700000000", {"format": "unix"}, "2023-11-14T22:13:20+00:00"),
        ('"1700000000.123456789"', {"format": "unix"}, "2023-11-14T22:13:20.123456+00:00"),
        ("1700000000123", {"format": "unix_ms"}, "2023-11-14T22:13:20.123000+00:00"),
        ('"29.03.2026 03:30"', {"format": "%d.%m.%Y %H:%M", "tz": "Europe/Oslo"},
         "2026-03-29T01:30:00+00:00"),
        ('"25.10.2026 02:30"', {"format": "%d.%m.%Y %H:%M", "tz": "Europe/Oslo"},
         "2026-10-25T00:30:00+00:00"),
        ('"2026-10-25"', {"tz": "Europe/Oslo"}, "2026-10-24T22:00:00+00:00"),
        ('"Tue, 14 Nov 2023 22:13:20 +0100"', {"format": "%a, %d %b %Y %H:%M:%S %z"},
         "2023-11-14T21:13:20+00:00"),
    ],
)  # fmt: skip
def test_times_are_read_in_their_form_and_zone(
    text: str, entry: dict[str, str], instant: str
) -> None:
    """A time is the same instant, however the payload writes it, on both DST days too."""
    event = one(f'{{"at": {text}}}', time={"from": "at"} | entry)
    assert json.loads(event)["time"] == instant


def test_the_request_can_be_asked() -> None:
    """Path, headers and query are there beside the payload, and the payload from every record."""
    read = mapping(
        each="rows",
        data={
            "id": "param('id')",
            "event": "header('X-GitHub-Event')",
            "page": "query('page')",
            "of": "root().name",
        },
    )
    context = Context({"id": "5"}, {"x-github-event": "push"}, {"page": "2"})
    mapped = read.events({"name": "all", "rows": [{}]}, context)
    assert mapped.items[0]["data"] == {"id": "5", "event": "push", "page": "2", "of": "all"}


def test_data_may_be_one_expression() -> None:
    """The whole object can be taken over; what is no object is a fault."""
    assert one('{"a": 1.0}', data="@") == '{"type":"t","data":{"a":1.0}}'
    mapped = mapping(data="a").events({"a": [1]})
    assert mapped.faults == [Fault(0, "data", "is a list, not an object")]


def test_ids_of_content_tell_a_repetition_from_a_change() -> None:
    """The same record, spelt otherwise, has the same id; another value has another one."""
    read = mapping(data={"n": "n", "s": "s"})

    def made(payload: bytes) -> str:
        mapped = read.events(decode_payload(payload), Context(content_ids=True))
        return str(mapped.items[0]["id"])

    first = made(b'{"n": 1.10, "s": "a", "other": 1}')
    assert first == made(b'{"s": "a", "n": 11e-1, "other": 2}') == made(b'{"n":1.1,"s":"a"}')
    assert first != made(b'{"n": 1.11, "s": "a"}')
    assert made(b'{"n": 1, "s": "a"}') != made(b'{"n": "1", "s": "a"}')
    assert first == "6c02fe6c25c1d27c1eed416cd79d375e", "ids must not change between versions"


def test_a_hash_is_an_id_of_what_it_names() -> None:
    """Only the named parts count; when none is there, there is no id."""
    read = mapping(id={"hash": ["a", "b"]})
    same = [read.events(payload).items[0]["id"] for payload in ({"a": 1}, {"a": 1, "c": 2})]
    assert same[0] == same[1]
    assert read.events({"a": 1, "b": 1}).items[0]["id"] != same[0]
    assert read.events({"c": 1}).faults[0].field == "id"


@pytest.mark.parametrize(
    ("entries", "used"),
    [
        ({"data": {"v": {"from": "x", "lookup": "tags"}}}, {"tags"}),
        ({"data": {"v": "lookup('tags', x)"}}, {"tags"}),
        ({"data": "{v: lookup('tags', x)}"}, {"tags"}),
        ({"id": {"hash": ["lookup('tags', x)"]}}, {"tags"}),
        ({"where": "lookup('tags', x)"}, {"tags"}),
        ({"each": "[?lookup('tags', x)]"}, {"tags"}),
        ({"data": {"v": "x"}}, set()),
    ],
)
def test_the_tables_that_an_event_depends_on_are_known(
    entries: dict[str, Any], used: set[str]
) -> None:
    """Wherever they are asked: whoever keeps what came of a payload has to know."""
    assert set(mapping(**entries).lookups_used) == used


def test_a_table_is_known_by_its_rows() -> None:
    """Whatever their order."""
    one = Lookup("tags", {"a": 1, "b": Decimal("2.5")})
    assert one.digest == one.digest == Lookup("others", {"b": Decimal("2.5"), "a": 1}).digest
    assert one.digest != Lookup("tags", {"a": 1, "b": 2}).digest


def test_a_byte_order_mark_is_passed_over() -> None:
    """Windows programs write one before JSON; anywhere else it is what it was."""
    assert decode_payload(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}
    assert decode_payload(b'\xef\xbb\xbf"\xef\xbb\xbf"') == "\ufeff"
    with pytest.raises(UnreadableBody, match="invalid"):
        decode_payload(b"\xef\xbb\xbf\xef\xbb\xbf1")


@pytest.mark.parametrize("body", [b"<html>", b'{"a": 1e999999}', b"\xff", b"[" * 100_000, b""])
def test_what_is_no_json_is_refused(body: bytes) -> None:
    """A payload that can't be read is one error that says why."""
    with pytest.raises(UnreadableBody, match=r"The body is not JSON: \w"):
        decode_payload(body)


@pytest.mark.parametrize(
    ("entry", "constant"), [("'tap'", "tap"), ({"value": "tap"}, "tap"), ("kind", None)]
)
def test_the_type_may_be_known_before(entry: Any, constant: str | None) -> None:
    """A constant type can be checked when the definition is read."""
    assert mapping(type=entry).constant_type == constant
