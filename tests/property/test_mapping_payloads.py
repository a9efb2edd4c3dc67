"""Whatever the payload, a mapping accounts for every record and keeps every digit.

In the flow: feeds any JSON to mappings that use every kind of entry.
Guarantee: nothing but a value comes out: no payload raises.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from livetally.definitions.problems import Problems
from livetally.mapping import Context, EventMapping, Lookup, decode_payload, encode_items
from livetally.mapping import read_mapping as read

KINDS = ["string", "integer", "number", "decimal", "boolean", "time", "uuid"]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False, places=3)
    | st.text()
    | st.sampled_from(["2026-01-01", "0.50", "1e5", "", "true"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from("abcdn"), inner),
    max_leaves=12,
)


def _mapping() -> EventMapping:
    data: dict[str, Any] = {kind: {"from": "a", "as": kind} for kind in KINDS}
    data |= {"unix": {"from": "b", "as": "time", "format": "unix_ns"}}
    data |= {"l": {"from": "c", "lookup": "t"}, "m": "not_null(lower(d), to_string(n))"}
    problems = Problems()
    entries = {"each": "@", "where": "n != `3`", "type": "'t'", "id": {"hash": ["a", "b"]}}
    mapping = read(entries | {"data": data}, (), problems, {"t": Lookup("t", {"1": 2})})
    assert not problems
    assert mapping is not None
    return mapping


MAPPING = _mapping()


@given(JSON)
def test_every_record_is_accounted_for(payload: Any) -> None:
    """Each record is an item, a fault or skipped, and items can be sent."""
    decoded = decode_payload(encode_items([payload]))
    mapped = MAPPING.events(decoded, Context(content_ids=True))
    if isinstance(decoded, list):
        assert mapped.records == len(decoded)
    lines = encode_items(mapped.items).decode().splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["t"] * len(mapped.items)
    assert all(fault.field and fault.reason for fault in mapped.faults)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30))
def test_a_decimal_keeps_every_digit(number: Decimal) -> None:
    """A number passes unchanged, as a number and as a text."""
    problems = Problems()
    entries = {"type": "'t'", "data": {"v": {"from": "v", "as": "decimal"}}}
    mapping = read(entries, (), problems, {})
    assert mapping is not None
    for written in (f"{number:f}", f'"{number:f}"'):
        (item,) = mapping.events(decode_payload(f'{{"v": {written}}}'.encode())).items
        assert str(Decimal(item["data"]["v"])) == str(Decimal(f"{number:f}"))
