"""Lines that are read by columns become what they become one by one.

In the flow: chunks of NDJSON through ``ingest.chunks``, both ways.
Guarantee: the same events with the same values, the same rejections with the same reasons, whatever
the lines are: alike, nearly alike, broken in any place.
"""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from livetally.definitions import read_toml
from livetally.event import EventLimits, alike, decode_lines
from livetally.event.alike import alike_lines
from livetally.ingest import Schema
from livetally.ingest import chunks as chunks_module
from livetally.ingest.batch import Batch, listed
from livetally.ingest.chunks import Preparing, ReadChunk
from livetally.ingest.rows import joined_rows
from livetally.testing import ManualClock

NOW_US = 1_790_000_000_000_000
DECLARED = """
application = "shop"
[event.sale]
data.amount = { type = "decimal", scale = 2, minimum = -50, maximum = 1000000 }
data.pieces = { type = "integer", minimum = -3, maximum = 1000000000000 }
data.weight = "number"
data.paid = "boolean"
data.at = "time"
data.key = "uuid"
data.shop = { type = "string", max_length = 12 }
data.kind = { type = "string", one_of = ["a", "b"] }
data.place.city = "string"
data.place.floor = "integer"
[event.visit]
data.page = { type = "string", required = true }
data.pieces = "integer"
"""
SCHEMA = Schema(read_toml(DECLARED, "shop.toml").events.values())
NUMBERS = (
    *("0", "-0", "-0.0", "0.0", "1", "-1", "10", "1.5", "-1.50", "0.05", "12.345", "1.0", "100.00"),
    *(
        "01",
        "-01",
        "00",
        "1.",
        ".5",
        "-.5",
        "+1",
        "-",
        "1e5",
        "1E-2",
        "1.5e3",
        "0e0",
        "1_0",
        "१",
        "",
    ),
    *("9" * 15, "9" * 16, "9" * 18, "9" * 19, "-" + "9" * 18, "0." + "9" * 17, "9" * 400, "1e999"),
    *(
        "9007199254740993",
        "0.1",
        "123456.789",
        "0.30000000000000004",
        "72.31415926535897",
        "0.8444218515250481",
        "1.7976931348623157e308",
    ),
    *(
        "true",
        "false",
        "null",
        '"1.5"',
        '"12"',
        '"-0"',
        '"x"',
        '""',
        "[1]",
        "{}",
        "NaN",
        "Infinity",
    ),
    # Digits of other scripts, and what Python takes for a part of a number beside them.
    *('"\u0663"', '"\uff11\uff12"', '"1\uff12"', '"1.\u0665"', '"1e\u0661"', '"\\u0663"'),
    *('"1_0"', '"_1"', '" 1"', '"1 "', '"1 0"', '"\\t1"', '"1\u00a0"', '"\u30001"', '"1\u2003"'),
    *('"1e1"', '"1E-1"', '"+1"', '"1."', '".5"', '"Infinity"', '"-inf"', '"NaN"', '"0e400"'),
)
TIMES = (
    *(
        "2026-03-29T12:00:00Z",
        "2024-02-29T23:59:59Z",
        "2026-02-29T00:00:00Z",
        "1970-01-01T00:00:00Z",
    ),
    *("2026-01-01T00:00:00.5Z", "2026-01-01T00:00:00.123456Z", "2026-01-01T00:00:00.1234567Z"),
    *("2026-01-01T00:00:00+02:00", "2026-01-01T00:00:00.25-11:30", "2026-01-01T00:00:00-00:00"),
    *("2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+02:60", "2026-01-01T24:00:00Z"),
    *(
        "2026-01-01T00:00:60Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-01-32T00:00:00Z",
    ),
    *("2026-01-01t00:00:00z", "2026-01-01 00:00:00Z", "2026-01-01T00:00:00", "2026-1-1T0:0:0Z"),
    *(
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00Z",
        "1900-12-31T23:59:59Z",
        "1901-01-01T00:00:00Z",
    ),
    *("2298-12-31T23:59:59Z", "2299-01-01T00:00:01Z", "9999-12-31T23:59:59Z", "2026-01-01T00:00Z"),
    *(
        "2100-02-29T00:00:00Z",
        "2000-02-29T00:00:00Z",
        "2026-01-01T00:00:00.Z",
        "2026-06-15",
        "",
        "Z",
    ),
    *("2026-01-01T00:00:00+0200", "2026-01-01T00:00:00+02", "\uff12026-01-01T00:00:00Z"),
    *("2026-01-0\u0661T00:00:00Z", "2026-01-01T00:00:00.\u0665Z", "2026-01-01T00:00:00+0\u0662:00"),
)
UUIDS = (
    *("c6a1a1b2-1111-4222-8333-444455556666", "C6A1A1B2-1111-4222-8333-444455556666"),
    *("c6a1a1b2111142228333444455556666", "c6a1a1b2-1111-4222-8333-44445555666", "x", ""),
    *("c6a1a1b2-1111-4222-8333-44445555666\u0666", "\uff436a1a1b2-1111-4222-8333-444455556666"),
)
TEXTS = st.text(st.sampled_from("abAB 0é€😀\x7f{}[]:,'/"), max_size=14)
QUOTED = TEXTS.map(lambda text: f'"{text}"')
VALUES: dict[str, st.SearchStrategy[str]] = {
    "amount": st.sampled_from(NUMBERS),
    "pieces": st.sampled_from(NUMBERS),
    "weight": st.sampled_from(NUMBERS),
    "paid": st.sampled_from(("true", "false", "true", "null", "1", '"true"', "tru", "True")),
    "at": st.sampled_from(TIMES).map(json.dumps),
    "key": st.sampled_from(UUIDS).map(json.dumps),
    "shop": QUOTED,
    "kind": st.sampled_from(('"a"', '"b"', '"b"', '"c"', "null", "1")),
    "page": QUOTED,
    "other": st.one_of(st.sampled_from(NUMBERS), QUOTED),
    "place": st.sampled_from(
        ('{"city":"Oslo","floor":2}', '{"city":"Rome","floor":-1}', "{}", "null", "[]", '"x"')
    ),
}
EASY: dict[str, st.SearchStrategy[str]] = {
    "amount": st.sampled_from(("1.50", "12", "-3.1", '"7.25"', '"8"')),
    "pieces": st.integers(-3, 10**11).map(str),
    "weight": st.floats(0, 10**6).map(lambda value: f"{value:.3f}") | st.floats(1, 99).map(repr),
    "paid": st.sampled_from(("true", "false")),
    "at": st.sampled_from(TIMES[:2]).map(json.dumps),
    "key": st.uuids().map(lambda value: f'"{value}"'),
    "shop": st.text(st.sampled_from("abc€"), max_size=3).map(lambda text: f'"{text}"'),
    "kind": st.sampled_from(('"a"', '"b"')),
    "page": st.text(st.sampled_from("abc/"), max_size=9).map(lambda text: f'"{text}"'),
    "other": st.integers(0, 99).map(str),
    "place": st.sampled_from(('{"city":"Oslo","floor":2}', '{"city":"Rome","floor":-1}')),
}
MEMBERS: dict[str, st.SearchStrategy[str]] = {
    "id": st.one_of(st.integers(0, 30).map(lambda n: f'"id-{n}"'), st.sampled_from(('""', "null"))),
    "source": st.sampled_from(('"till-1"', '"till-2"', '""', '"é"')),
    "time": st.sampled_from(TIMES).map(json.dumps),
    "subject": QUOTED,
    "attributes": st.sampled_from(('""', '"x"')),
    "tme": st.just("1"),
}
EASY_MEMBERS: dict[str, st.SearchStrategy[str]] = {
    "id": st.integers(0, 10**9).map(lambda n: f'"{n:012}"'),
    "source": st.sampled_from(('"till-1"', '"till-2"')),
    "time": st.sampled_from(TIMES[:2]).map(json.dumps),
    "subject": st.integers(0, 999).map(lambda n: f'"user-{n}"'),
}


MADE_UP = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")


@st.composite
def shapes(draw: st.DrawFn) -> tuple[str, list[str], list[str], str]:
    """Draw what lines have in common: type, members, names of the data, and where a space is."""
    kind = draw(st.sampled_from(("sale", "sale", "visit", "undeclared", "bad type", "")))
    members = draw(st.lists(st.sampled_from(sorted(MEMBERS)), max_size=4, unique=True))
    names = draw(st.lists(st.sampled_from(sorted(VALUES)), max_size=5))
    return kind, members, names, draw(st.sampled_from(("", "", " ")))


@st.composite
def chunks(draw: st.DrawFn) -> bytes:
    """Draw lines of a few shapes, some of them with a strange value, some damaged."""
    known = draw(st.lists(shapes(), min_size=1, max_size=2))
    strange = draw(st.sampled_from((0.0, 0.0, 0.1, 1.0)))
    lines: list[str] = []
    for _ in range(draw(st.integers(2, 12))):
        kind, members, names, space = draw(st.sampled_from(known))
        odd = draw(st.floats(0, 1, exclude_max=True)) < strange
        given_values = VALUES if odd else EASY
        given_members = MEMBERS if odd else {**MEMBERS, **EASY_MEMBERS}
        data = ",".join(f'"{name}":{space}{draw(given_values[name])}' for name in names)
        parts = [f'"type":"{kind}"']
        parts += [f'"{name}":{space}{draw(given_members[name])}' for name in members]
        parts.append(f'"data":{space}{{{data}}}')
        lines.append("{" + f",{space}".join(parts) + "}")
    if draw(st.sampled_from((False, False, True))):
        place = draw(st.integers(0, len(lines) - 1))
        at = draw(st.integers(0, len(lines[place])))
        put = draw(st.sampled_from(("", "x", '"', "{", "}", ",", ":", "0", "\\", "\t", "\n", "é")))
        lines[place] = lines[place][:at] + put + lines[place][at + draw(st.integers(0, 2)) :]
    end = draw(st.sampled_from(("\n", "\n", "", "\r\n")))
    return "\n".join(lines).encode() + end.encode()


def preparing() -> Preparing:
    """Return a reader that has never tried in vain."""
    return Preparing(ManualClock(NOW_US), lambda _team: SCHEMA, EventLimits())


def events_of(batches: list[Batch]) -> dict[int, tuple[Any, ...]]:
    """Return what is stored of each event, by its index in the request."""
    if not batches:
        return {}
    rows = joined_rows(batches, [None] * len(batches))
    indexes = [index for batch in batches for index in batch.indexes]
    keys = [key for batch in batches for key in batch.keys]
    sums = [one for batch in batches for one in batch.sums]
    times = listed(rows.occurred_us)
    fields = {name: listed(values) for name, (_, values) in rows.fields.items()}
    found = {
        index: (
            *(rows.type[place], rows.source[place], rows.subject[place]),
            *_identity(rows.id[place], keys[place]),
            *(rows.data[place], rows.attributes[place], rows.timed[place], times[place]),
            sums[place],
            # A column that is left out is read from the data: nothing of none is the same.
            {
                name: (type(value), repr(value))
                for name, values in fields.items()
                if (value := values[place]) is not None
            },
        )
        for place, index in enumerate(indexes)
    }
    assert len(found) == len(indexes)
    return found


def _identity(event_id: bytes, key: bytes) -> tuple[bytes, bytes]:
    """Return id and key, nothing where the id was made up: it differs from call to call."""
    return (b"", b"") if MADE_UP.fullmatch(event_id) else (event_id, key)


def read_one_by_one(chunk: bytes) -> ReadChunk:
    """Read a chunk as if no two of its lines were alike."""
    return preparing()._one_by_one(1, decode_lines(chunk, 5))


@pytest.fixture(autouse=True, scope="module")
def _few_lines_are_enough() -> Any:
    """Read by columns from two lines on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alike, "_LINES_MIN", 2)
        yield


@settings(max_examples=600)
@given(chunks())
@example(b'{"type":"sale","data":{"amount":1.5}}\n{"type":"sale","data":{"amount":01.5}}\n')
@example(b'{"type":"sale","data":{"pieces":1,"pieces":2}}\n' * 2)
@example(b'{"type":"visit","id":"1"}\n{"type":"visit","id":"2"}\n')
def test_by_columns_and_one_by_one_are_the_same(chunk: bytes) -> None:
    """Events, values, sums, keys, rejections and their reasons."""
    read = preparing().lines(1, chunk, 5)
    expected = read_one_by_one(chunk)
    assert read.items == expected.items
    assert read.rejected == expected.rejected
    assert events_of(read.batches) == events_of(expected.batches)


def test_lines_that_are_alike_are_read_by_columns() -> None:
    """Otherwise the comparison above would compare the slow way with itself."""
    lines = [
        b'{"type":"sale","id":"%d","source":"s","time":"2026-03-29T12:00:%02dZ","subject":"u%d",'
        b'"data":{"amount":%d.%d,"pieces":%d,"weight":%d.25,"paid":%s,"shop":"%s",'
        b'"at":"2026-03-29T12:00:00.%dZ","place":{"city":"Oslo","floor":%d},"note":{"a":["b"]}}}'
        % (n, n, n, n, n % 10, n * 7, n, (b"true", b"false")[n % 2], b"x" * (n % 9), n + 1, n % 3)
        for n in range(60)
    ]
    chunk = b"\n".join(lines)
    found = alike_lines(chunk)
    assert found is not None
    groups, others = found
    assert [len(group.lines) for group in groups] == [60]
    assert not len(others)
    read = preparing().lines(1, chunk, 5)
    assert len(read.batches) == 1
    assert isinstance(read.batches[0].occurred_us, np.ndarray)
    assert events_of(read.batches) == events_of(read_one_by_one(chunk).batches)


def test_of_two_shapes_each_is_a_group() -> None:
    """And what is like neither is read by itself, with its own index and reason."""
    sale, visit = '{"type":"sale","id":"s%d","data":{"pieces":%d}}', '{"type":"visit","id":"v%d",'
    visit += '"data":{"page":"/%d"}}'
    lines = [(sale, visit)[n % 2] % (n, n) for n in range(40)]
    lines[7] = '{"type":"visit","id":"v7","data":{}}'
    lines[12] = "no json"
    chunk = "\n".join(lines).encode() + b"\n"
    groups, others = alike_lines(chunk) or ([], np.zeros(0))
    assert [group.shape.type for group in groups] == ["sale", "visit"]
    assert others.tolist() == [7, 12]
    read = preparing().lines(1, chunk, 100)
    assert [(one.index, one.field) for one in read.rejected] == [(107, "data.page"), (112, "")]
    assert read.items == 40
    assert events_of(read.batches) == events_of(
        preparing()._one_by_one(1, decode_lines(chunk, 100)).batches
    )


def test_the_first_of_an_identity_counts_whatever_its_shape() -> None:
    """Two groups would change the order, so a chunk where that matters is read line by line."""
    lines = [
        f'{{"type":"sale","id":"{n // 2}","data":{{"pieces":{n}}}}}'
        if n % 2
        else f'{{"type":"undeclared","id":"{n // 2}","data":{{"n":{n}}}}}'
        for n in range(40)
    ]
    read = preparing().lines(1, "\n".join(lines).encode(), 0)
    (batch,) = read.batches
    assert batch.indexes == list(range(40))


def test_after_tries_in_vain_they_are_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sends lines of which one is always refused does not pay for both ways each time."""
    tried: list[bytes] = []

    def counted(chunk: bytes) -> object:
        tried.append(chunk)
        return alike_lines(chunk)

    monkeypatch.setattr(chunks_module, "alike_lines", counted)
    good = [b'{"type":"visit","id":"%d","data":{"page":"/"}}' % n for n in range(40)]
    bad = b"\n".join([*good, good[0].replace(b'"/"', b'""'), b'{"type":"visit","data":{"page":1}}'])
    refused = b"\n".join([line.replace(b'"/"', b"1") for line in good])
    reader = preparing()
    for _ in range(100):
        assert len(reader.lines(1, refused, 0).rejected) == 40
    assert 5 <= len(tried) <= 10
    for _ in range(40):
        reader.lines(1, bad, 0)
    tried.clear()
    for _ in range(10):
        assert len(reader.lines(1, bad, 0).rejected) == 1
    assert len(tried) == 10
