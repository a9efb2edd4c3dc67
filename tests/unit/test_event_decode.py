"""Bytes become events or rejections: one bad item never costs a good one.

In the flow: calls ``event.decode`` with bodies as they are sent.
Guarantee: every item is accounted for once, with its index, the field and the reason.
"""

from __future__ import annotations

import gzip

import msgspec
import pytest

from livetally.errors import UnreadableBody
from livetally.event import Decoded, Rejection, decode_bodies, decode_json, decode_lines

GOOD = b'{"type":"a","data":{"n":1}}'


def types(decoded: Decoded) -> list[str]:
    """Return the types of what was decoded."""
    return [event.type for event in decoded.events]


def only(decoded: Decoded) -> Rejection:
    """Return the one rejection."""
    assert len(decoded.rejected) == 1
    return decoded.rejected[0]


def test_lines_may_end_in_any_way_and_be_blank() -> None:
    """CRLF, blank lines and a missing last end change neither items nor indexes."""
    decoded = decode_lines(b'{"type":"a"}\r\n\r\n \t\n{"type":"b"}\n\n{"type":"c"}', 10)
    assert types(decoded) == ["a", "b", "c"]
    assert decoded.indexes == [10, 11, 12]
    assert decoded.items == 3
    assert decode_lines(b"\n \r\n\t\n" * 3, 7) == ([], [], [])


def test_a_bad_line_is_rejected_at_its_own_index() -> None:
    """Blank lines are no items, so they do not shift the index of a bad one."""
    decoded = decode_lines(b'{"type":"a"}\n\nnope\n\n{"type":"b"}\n{"id":"x"}\n', 5)
    assert types(decoded) == ["a", "b"]
    assert decoded.indexes == [5, 7]
    assert [(one.index, one.field) for one in decoded.rejected] == [(6, ""), (8, "type")]
    assert decoded.items == 4


@pytest.mark.parametrize("line", [b'{"type":"a"} {"type":"b"}', b'{"type":"a"}{"type":"b"}'])
def test_two_events_on_a_line_are_no_ndjson(line: bytes) -> None:
    """The items of NDJSON are its lines: a line with two values is one bad item."""
    decoded = decode_lines(GOOD + b"\n" + line + b"\n" + GOOD)
    assert decoded.indexes == [0, 2]
    assert only(decoded).index == 1


def test_an_event_over_two_lines_is_no_ndjson() -> None:
    """An event that spans lines is two bad items, however the body is cut into chunks."""
    decoded = decode_lines(b'{"type":\n"a"}\n' + GOOD)
    assert decoded.indexes == [2]
    assert [one.index for one in decoded.rejected] == [0, 1]


@pytest.mark.parametrize(
    ("item", "field", "reason"),
    [
        (b'{"type":"a","tme":"x"}', "tme", "unknown member"),
        (b'{"id":"x"}', "type", "required, but missing"),
        (b'{"type":5}', "type", "expected str"),
        (b'{"type":"a","id":7}', "id", "expected str"),
        (b'{"type":"a","time":"yesterday"}', "time", "RFC 3339"),
        (b'{"type":"a","time":1767225600}', "time", "RFC 3339"),
        (b'{"type":"a","time":"2016-12-31T23:59:60Z"}', "time", "leap seconds"),
        (b'{"type":"a","attributes":"{}"}', "attributes", "unknown member"),
        (b"[]", "event", "expected object"),
        (b"7", "event", "expected object"),
        (b"null", "event", "expected object"),
    ],
)
def test_a_rejection_names_the_field_and_the_reason(item: bytes, field: str, reason: str) -> None:
    """Whether in an array or on a line, a bad item says which member is wrong and why."""
    in_array = only(decode_json(b"[" + GOOD + b"," + item + b"," + GOOD + b"]"))
    on_line = only(decode_lines(GOOD + b"\n" + item + b"\n" + GOOD))
    assert in_array == on_line
    assert (in_array.index, in_array.field) == (1, field)
    assert reason in in_array.error


@pytest.mark.parametrize(
    "item",
    [
        b'{"type":"a","data":{"a":"\xff"}}',
        b'{"type":"a","data":{"a":"\\ud800"}}',
        b'{"type":"a","data":{"a":01}}',
        b'{"type":"a","data":{"a":NaN}}',
        b'{"type":"a","data":{"a":"\x00"}}',
        b'{"type":"a","data":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"type":"a"',
        b'{"type":"a"}}',
        b"\xef\xbb\xbf" + GOOD,
        gzip.compress(GOOD, mtime=0).replace(b"\n", b""),
    ],
    ids=[
        "invalid UTF-8",
        "half a surrogate pair",
        "leading zero",
        "NaN",
        "NUL",
        "bottomless",
        "cut off",
        "too long",
        "byte order mark",
        "gzip",
    ],
)
def test_a_line_that_is_no_json_costs_nothing_else(item: bytes) -> None:
    """Invalid UTF-8, half a pair of surrogates, endless nesting: the lines around are taken."""
    decoded = decode_lines(GOOD + b"\n" + item + b"\n" + GOOD + b"\n")
    assert decoded.indexes == [0, 2]
    assert only(decoded).index == 1
    assert only(decoded).error


@pytest.mark.parametrize(
    "body", [b"", b" ", b"7", b'"a"', b"nope", b"[1,", b"{", b'{"type":"\xff"}', b"[" * 100_000]
)
def test_a_body_that_is_no_json_is_refused_whole(body: bytes) -> None:
    """One JSON text is readable or it is not: half of an array is no batch."""
    with pytest.raises(UnreadableBody):
        decode_json(body)


def test_the_data_stays_as_it_was_sent() -> None:
    """Spaces, spelling and order of the sender's data are kept, byte for byte."""
    data = b'{ "b" : 1.50, "a":\t"\\u00e9" }'
    (event,) = decode_json(b'{"type":"a","data":' + data + b"}").events
    assert bytes(event.data) == data
    assert bytes(decode_lines(b'{"type":"a","data":' + data + b"}\n").events[0].data) == data


def test_an_item_with_a_specversion_is_a_cloudevent() -> None:
    """CloudEvents in plain JSON or NDJSON keep their extension attributes."""
    item = b'{"specversion":"1.0","id":"1","source":"s","type":"a","trace":"t","time":null}'
    event = decode_lines(GOOD + b"\n" + item).events[1]
    assert (event.id, event.source, event.time) == ("1", "s", None)
    assert msgspec.json.decode(event.attributes) == {"trace": "t"}


PLAIN = [
    GOOD,
    b' {"type":"b"}\n'.strip() + b"\n ",
    b'{"type":"\xc3\xa9","time":"2026-01-01T23:59:59.9999999Z"}',
    b'{"type":"c","time":"2026-01-01T23:59:59.5+02:00","data":{"v":1.5}}',
]
NOT_PLAIN = [
    b"{",
    b"{}",
    b'{"type":"a"}{"type":"b"}',
    b'{"type":"a"}7',
    b'{"type":"\xc3',
    b'{"type":"a","attributes":"x"}',
    b'{"type":"a","time":"never"}',
    b'{"type":"a","other":7}',
    b'{"specversion":"1.0","id":"1","source":"s","type":"t","a":"b"}',
]


def test_bodies_are_decoded_together_as_one_by_one() -> None:
    """Each is the event that it is alone; times are cut off, not rounded."""
    together = decode_bodies(PLAIN)
    assert together == [decode_json(body).events[0] for body in PLAIN]
    assert together is not None
    assert str(together[2].time) == "2026-01-01 23:59:59.999999+00:00"
    assert decode_bodies([]) == []


@pytest.mark.parametrize("body", NOT_PLAIN)
def test_bodies_are_not_decoded_together_with_one_that_is_not_plain(body: bytes) -> None:
    """Wherever it stands: what it is, is found out by itself."""
    for place in range(3):
        bodies = PLAIN[:2]
        bodies.insert(place, body)
        assert decode_bodies(bodies) is None


@pytest.mark.parametrize("finer", [b"\\u0030", b""])
def test_nesting_that_only_one_of_two_decoders_stands_is_not_plain(finer: bytes) -> None:
    """The second one is called deeper in the stack: wherever the bound is, nothing is raised."""
    fates = set()
    for depth in (*range(700, 1_010), 200_000):  # the last is too deep for every version
        nested = b'{"type":"a","data":{"a":%s1%s,"b":"%s"}}' % (b"[" * depth, b"]" * depth, finer)
        fates.add(decode_bodies([GOOD, nested, GOOD]) is None)
    assert fates == {True, False}


def test_halves_of_an_event_in_two_bodies_are_no_event() -> None:
    """Nor are they when a third one makes the number right."""
    halves = [b'{"type":"a","data":', b'{"x":1}}', b'{"type":"b"}{"type":"c"}']
    assert decode_bodies(halves) is None
    assert decode_bodies([b'{"type":"\xc3', b'\xa9"}']) is None
