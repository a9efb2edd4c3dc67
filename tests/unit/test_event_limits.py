"""Sizes, times and dangerous JSON: what may pass to the store.

In the flow: calls ``event.check_limits`` and ``says_the_same``.
Guarantee: every limit is tried on both sides.
"""

from __future__ import annotations

import json

import pytest

from livetally.event import (
    EventLimits,
    Incoming,
    Rejection,
    Within,
    check_limits,
    decode_json,
    decode_lines,
    instant_us,
    says_the_same,
)

NOW_US = 1_790_000_000_000_000
LIMITS = EventLimits(future_days_max=10)


def check(*items: dict[str, object] | bytes) -> Within:
    """Decode items and check them."""
    texts = [item if isinstance(item, bytes) else json.dumps(item).encode() for item in items]
    decoded = decode_lines(b"\n".join(texts))
    assert not decoded.rejected
    return check_limits(decoded.events, decoded.indexes, LIMITS, NOW_US)


def complaint(**members: object) -> Rejection | None:
    """Return what is said about one event between two good ones, which must both pass."""
    good: dict[str, object] = {"type": "a", "id": "x", "time": "2026-01-01T00:00:00Z"}
    within = check(good, {"type": "a", **members}, good)
    assert within.indexes[0] == 0
    assert within.indexes[-1] == 2
    assert len(within.events) == len(within.data) == len(within.given_us) == len(within.indexes)
    return within.rejected[0] if within.rejected else None


@pytest.mark.parametrize(
    ("field", "fits", "is_too_much"),
    [
        ("type", "t" * 100, "t" * 101),
        ("type", "a.b/c", "a b"),
        ("type", "é", ""),
        ("id", "i" * 256, "i" * 257),
        ("id", " ", ""),
        ("source", "s" * 256, "s" * 257),
        ("subject", "s" * 1024, "s" * 1025),
        ("data", {"a": "x" * 262_134}, {"a": "x" * 262_144}),
        ("data", {}, []),
        ("data", {}, "text"),
        ("data", {}, None),
        ("time", "1901-01-01T00:00:00Z", "1900-12-31T23:59:59.999999Z"),
        ("time", "2026-10-01T14:13:20Z", "2026-10-01T14:13:20.000001Z"),
        ("time", "2026-01-01T00:00:00+00:00", "2026-01-01T00:00:00"),
    ],
)
def test_each_limit_has_two_sides(field: str, fits: object, is_too_much: object) -> None:
    """What is at the limit passes; what is just beyond is rejected by the name of its field."""
    assert complaint(**{field: fits}) is None
    refused = complaint(**{field: is_too_much})
    assert refused is not None
    assert (refused.index, refused.field) == (1, field)


def test_attributes_are_bounded() -> None:
    """CloudEvents extension attributes count too."""
    event = Incoming(type="a", attributes="x" * (LIMITS.attributes_chars_max + 1))
    within = check_limits([event], [0], LIMITS, NOW_US)
    assert [one.field for one in within.rejected] == ["attributes"]


@pytest.mark.parametrize(
    ("text", "expected_us"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("2298-12-31T23:59:59.999999Z", 10_382_255_999_999_999),
        ("2026-03-29T03:00:00.000001+02:00", 1_774_746_000_000_001),
    ],
)
def test_instants_are_exact(text: str, expected_us: int) -> None:
    """Microseconds survive in any year; floats of seconds lose them after 2106."""
    (event,) = decode_json(json.dumps({"type": "a", "time": text}).encode()).events
    assert event.time is not None
    assert instant_us(event.time) == expected_us
    far = check_limits([event], [0], EventLimits(future_days_max=200_000), NOW_US)
    assert far.given_us == [expected_us]


@pytest.mark.parametrize(
    "number",
    [
        "1e999",
        "-1E+400",
        "1" * 400,
        "-" + "9" * 309,
        "1.0e0309",
        "123.5e+999999999999",
        # Neither a long exponent nor more digits than a float has, but both together.
        "1" + "0" * 250 + "e99",
        "-1" + "0" * 210 + "E+0099",
        "9" * 308 + "e1",
        "2" + "0" * 209 + "." + "0" * 209 + "e99",
    ],
)
def test_a_number_beyond_every_float_is_rejected(number: str) -> None:
    """The engine would read every member of such an event as missing, or an infinity into a sum."""
    data = f'{{"type":"a","data":{{"a":"x","b":[{number}]}}}}'.encode()
    within = check(b'{"type":"a"}', data)
    assert within.indexes == [0]
    assert [(one.index, one.field) for one in within.rejected] == [(1, "data")]
    assert "number" in within.rejected[0].error


@pytest.mark.parametrize(
    "value",
    [
        "1e308",
        "1e-999",
        "1" * 308,
        "1" + "0" * 209 + "e99",
        "1" * 200 + "." + "1" * 200 + "e99",
        "1" * 300 + "." + "1" * 300,
        "1" * 300 + "e-99",
        "0." + "0" * 300 + "1e99",
        '"1e999"',
        '"' + "1" * 400 + '"',
        '"6e1e999-uuid-3e5"',
        "18446744073709551616",
        '"a: 1e999"',
    ],
)
def test_what_only_looks_like_such_a_number_passes(value: str) -> None:
    """Texts are not numbers, and small numbers are not large ones."""
    within = check(f'{{"type":"a","data":{{"b":{value}}}}}'.encode())
    assert within.rejected == []


@pytest.mark.parametrize(("depth", "passes"), [(99, True), (100, False), (900, False)])
def test_nesting_is_bounded(depth: int, passes: bool) -> None:  # noqa: FBT001 - a table
    """A hundred levels with the object itself; more would be read differently by each parser."""
    data = b'{"type":"a","data":{"a":' + b"[" * depth + b"]" * depth + b"}}"
    within = check(b'{"type":"a"}', data)
    assert (within.rejected == []) is passes


def test_brackets_in_texts_do_not_count() -> None:
    """A text full of brackets is not deep."""
    assert check({"type": "a", "data": {"a": '[{"' * 300}}).rejected == []


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ('{"a":1,"b":[1,2]}', '{ "b": [1.0, 2e0], "a": 1 }', True),
        ('{"a":1.10}', '{"a":1.1}', True),
        ('{"a":0.1}', '{"a":0.1000000000000000000000000001}', False),
        ('{"a":1}', '{"a":true}', False),
        ('{"a":0}', '{"a":null}', False),
        ('{"a":null}', "{}", False),
        ('{"a":[1,2]}', '{"a":[2,1]}', False),
        ('{"a":"\\u00e9"}', '{"a":"é"}', True),
        ('{"a":"1"}', '{"a":1}', False),
        ("nope", "no", False),
    ],
)
def test_sameness_is_of_meaning(one: str, other: str, same: bool) -> None:  # noqa: FBT001 - a table
    """Spelling does not matter, types and digits do, at any length."""
    assert says_the_same(one.encode(), other.encode()) is same
