"""CloudEvents whose sender made a mistake: each costs one event, and nothing becomes another."""

from __future__ import annotations

import pytest

from livetally.errors import UnreadableBody
from livetally.event import Incoming, Rejection, decode_binary, decode_structured

GOOD = b'{"specversion":"1.0","id":"1","source":"s","type":"a"}'
HEADERS = ((b"ce-specversion", b"1.0"), (b"ce-source", b"s"), (b"ce-type", b"a"))


def binary(event_id: bytes, subject: bytes = b"") -> Incoming | Rejection:
    """Decode an event in binary mode."""
    return decode_binary([*HEADERS, (b"ce-id", event_id), (b"ce-subject", subject)], b"{}")


@pytest.mark.parametrize("wrong", [b"5", b"null", b"[]", b'"text"'])
def test_an_item_of_a_batch_that_is_no_object_costs_only_itself(wrong: bytes) -> None:
    """The others are taken, and the rejection has the item's own index."""
    body = b"[" + b",".join([GOOD, wrong, GOOD]) + b"]"
    events, indexes, rejected = decode_structured(body, batch=True)
    assert (len(events), indexes) == (2, [0, 2])
    assert [(one.index, one.field) for one in rejected] == [(1, "event")]
    assert "expected object" in rejected[0].error


@pytest.mark.parametrize(
    ("body", "batch"), [(b"5", False), (b"[]", False), (GOOD, True), (b"[" + GOOD + b",", True)]
)
def test_a_body_of_another_shape_is_refused_whole(body: bytes, batch: bool) -> None:  # noqa: FBT001 - a table
    """What is no event, or no array, can't be counted item by item."""
    with pytest.raises(UnreadableBody):
        decode_structured(body, batch=batch)


@pytest.mark.parametrize("value", [b"a%FF", b"a%FE", b"%ED%A0%80", b"caf\xe9", b"%C3"])
def test_a_header_that_is_no_utf8_is_rejected_by_its_name(value: bytes) -> None:
    """With replaced characters two different ids would be the same."""
    assert binary(value) == Rejection(0, "id", "not UTF-8, as it is or percent-encoded")


@pytest.mark.parametrize("value", ["Ærø".encode(), b"%C3%86r%C3%B8", "Ær%C3%B8".encode()])
def test_a_header_may_be_utf8_as_it_is(value: bytes) -> None:
    """Many clients encode nothing; what they mean is plain."""
    event = binary(b"1", value)
    assert isinstance(event, Incoming)
    assert event.subject == "Ærø"
