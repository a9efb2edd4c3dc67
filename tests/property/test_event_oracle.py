"""CloudEvents as the SDK understands them, and every item of any batch accounted for once.

In the flow: hypothesis makes events; the CloudEvents SDK writes them, ``event`` reads them.
Guarantee: the SDK is the judge of what a CloudEvent says; nothing of it runs in the program.
"""

from __future__ import annotations

import json
import string
from datetime import datetime, timedelta, timezone
from typing import Any

from cloudevents.core.bindings.http import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from livetally.event import Incoming, decode_binary, decode_json, decode_lines, decode_structured

TEXT = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=30).filter(
    lambda text: text == text.strip() and '"' not in text
)
NAMES = st.text(string.ascii_lowercase + string.digits, min_size=1, max_size=20).filter(
    lambda name: (
        name not in {"id", "source", "type", "time", "subject", "data", "specversion"}
        and name not in {"datacontenttype", "dataschema"}
    )
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
TIMES = st.datetimes(
    datetime(1950, 1, 1),  # noqa: DTZ001 - hypothesis adds the zone
    datetime(2100, 1, 1),  # noqa: DTZ001 - as above
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m))),
)


@st.composite
def cloud_events(draw: st.DrawFn) -> CloudEvent:
    """Make an event with extension attributes and an object as data, or none."""
    attributes: dict[str, Any] = {name: draw(TEXT) for name in ("id", "source", "type")}
    attributes |= draw(st.dictionaries(NAMES, TEXT, max_size=3))
    if draw(st.booleans()):
        attributes["subject"] = draw(TEXT)
    if draw(st.booleans()):
        attributes["time"] = draw(TIMES)
    data = draw(st.none() | st.dictionaries(TEXT, VALUES, max_size=4))
    return CloudEvent(attributes | {"specversion": "1.0"}, data)


def agree(event: Incoming, sdk: CloudEvent) -> None:
    """Compare what we read with what the SDK holds."""
    assert (event.id, event.source, event.type) == (
        sdk.get_id(),
        sdk.get_source(),
        sdk.get_type(),
    )
    assert event.subject == (sdk.get_subject() or "")
    assert event.time == sdk.get_time()
    assert json.loads(bytes(event.data)) == (sdk.get_data() or {})
    own = {"id", "source", "type", "subject", "time", "specversion"}
    rest = {name: value for name, value in sdk.get_attributes().items() if name not in own}
    assert json.loads(event.attributes or "{}") == rest


@given(cloud_events())
def test_structured_mode_reads_as_the_sdk_wrote_it(sdk: CloudEvent) -> None:
    """One event in a body, in an array, on a line: the same event."""
    body = to_structured(sdk, JSONFormat()).body
    events, indexes, rejected = decode_structured(body, batch=False)
    assert (indexes, rejected) == ([0], [])
    agree(events[0], sdk)
    agree(decode_json(body).events[0], sdk)
    agree(decode_lines(body + b"\n").events[0], sdk)


@given(st.lists(cloud_events(), max_size=4))
def test_batch_mode_reads_as_the_sdk_wrote_it(batch: list[CloudEvent]) -> None:
    """A batch is the array of its events; an empty one is a batch."""
    bodies = [to_structured(sdk, JSONFormat()).body for sdk in batch]
    body = b"[" + b",".join(bodies) + b"]"
    events, indexes, rejected = decode_structured(body, batch=True)
    assert (indexes, rejected) == (list(range(len(batch))), [])
    for event, sdk in zip(events, batch, strict=True):
        agree(event, sdk)


@given(cloud_events())
def test_binary_mode_reads_as_the_sdk_wrote_it(sdk: CloudEvent) -> None:
    """Attributes in percent-encoded headers, data as the body."""
    message = to_binary(sdk, JSONFormat())
    headers = [
        (name.lower().encode(), value.encode("latin-1")) for name, value in message.headers.items()
    ]
    event = decode_binary(headers, message.body)
    assert isinstance(event, Incoming)
    agree(event, sdk)


GOOD = st.builds(lambda kind: json.dumps({"type": kind}).encode(), TEXT)
BAD = st.sampled_from(
    [b"nope", b"{}", b"[]", b'{"type":1}', b'{"type":"a","x":1}', b'{"type":"\xff"}', b"7", b"{"]
)


@given(st.lists(st.tuples(st.booleans(), GOOD, BAD), max_size=30), st.integers(0, 1000))
def test_every_line_is_accounted_for_once(
    lines: list[tuple[bool, bytes, bytes]], first: int
) -> None:
    """Whatever the mixture, good lines are events and bad ones rejections, each by its index."""
    chosen = [good if is_good else bad for is_good, good, bad in lines]
    decoded = decode_lines(b"\n".join(chosen), first)
    expected = [first + i for i, (is_good, _, _) in enumerate(lines) if is_good]
    assert decoded.indexes == expected
    assert sorted([*decoded.indexes, *[one.index for one in decoded.rejected]]) == list(
        range(first, first + len(lines))
    )
    types = [json.loads(good)["type"] for is_good, good, _ in lines if is_good]
    assert [event.type for event in decoded.events] == types
