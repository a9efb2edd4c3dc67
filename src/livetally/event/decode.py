"""Bytes of JSON or NDJSON become events, item by item.

In the flow: receives a body or a chunk of whole lines from ``ingest``, hands ``Incoming`` items and
``Rejection`` items back.
Guarantee: one bad item never costs a good one; every item is either decoded or rejected with its
index, the field and the reason. The whole body fails only when it is not JSON at all.

A chunk is decoded in one call, which is several times faster than item by item; only when that call
fails is the chunk walked line by line to find the culprits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from livetally.errors import UnreadableBody
from livetally.event.cloudevents import incoming_from_attributes
from livetally.event.fractions import cut_array, cut_item, cut_items, cut_lines
from livetally.event.model import Incoming, Rejection
from livetally.event.refusal import NOT_JSON, own_member, refusal, why_unreadable

__all__ = ["Decoded", "decode_bodies", "decode_json", "decode_lines"]

_one = msgspec.json.Decoder(Incoming)
_many = msgspec.json.Decoder(list[Incoming])
_raw_items = msgspec.json.Decoder(list[msgspec.Raw])
_SPACES = b" \t\r\n"


class Decoded(NamedTuple):
    """``events[i]`` was item ``indexes[i]`` of the request; ``rejected`` are the others."""

    events: list[Incoming]
    indexes: list[int]
    rejected: list[Rejection]

    @property
    def items(self) -> int:
        """How many items the bytes held."""
        return len(self.events) + len(self.rejected)


def decode_json(body: bytes) -> Decoded:
    """Decode a body that is one event object or an array of them.

    Raises:
        UnreadableBody: the body is not JSON, or neither an object nor an array.
    """
    _require_utf8(body)
    first = body[:1]
    if first in _SPACES:
        first = body[:64].lstrip(_SPACES)[:1] or body.lstrip(_SPACES)[:1]
    if first == b"[":
        return _decode_array(body)
    if first != b"{":
        raise UnreadableBody("The body must be a JSON object (one event) or an array of them.")
    event = _decode_item(body, 0)
    if isinstance(event, Incoming):
        return Decoded([event], [0], [])
    if event.field == "":
        raise UnreadableBody(f"The body is not JSON: {event.error}.")
    return Decoded([], [], [event])


def decode_bodies(bodies: Sequence[bytes]) -> list[Incoming] | None:
    """Decode bodies that are one plain event each; None: decode them one by one, some is not.

    What comes out is what ``decode_json`` finds in each.
    """
    joined = b"\n".join(bodies)  # no letter of UTF-8 reaches over the end of a line
    try:
        joined.decode()
        events = list(map(_one.decode, bodies))
        if not _fit_to_send(events):
            return None
        # It decodes again, deeper in the stack: what is nested too deep for that is not plain.
        cut_items(events, bodies, joined)
    except (*NOT_JSON, msgspec.ValidationError):
        return None
    return events


def decode_lines(chunk: bytes, first_index: int = 0) -> Decoded:
    """Decode whole lines of NDJSON; blank lines are no items.

    Args:
        chunk: lines separated by LF or CRLF; the last may lack its end.
        first_index: index of the chunk's first item in the request.
    """
    try:
        chunk.decode()
        events = _one.decode_lines(chunk)
    except (*NOT_JSON, msgspec.ValidationError):
        events = []
    if not events and chunk.isspace():
        return Decoded([], [], [])  # cheaper than to cut a flood of line ends apart
    # The decoder takes any space between items; NDJSON has one on each line.
    if _fit_to_send(events) and _count_lines(chunk, len(events)) == len(events):
        cut_lines(events, chunk)
        return Decoded(events, list(range(first_index, first_index + len(events))), [])
    return _each(_lines(chunk), first_index)


def _count_lines(chunk: bytes, expected: int) -> int:
    """Count the lines that are not blank, the usual chunk without looking for blank ones."""
    # Faster than to count them: this skips from one to the next, count() looks at every byte.
    ends = len(chunk) - len(chunk.replace(b"\n", b""))
    if ends == expected and chunk.endswith(b"\n"):
        return ends
    return len(_lines(chunk))


def _lines(chunk: bytes) -> list[bytes]:
    return [line for line in chunk.split(b"\n") if line and not line.isspace()]


def _decode_array(body: bytes) -> Decoded:
    try:
        try:
            events = _many.decode(body)
        except msgspec.ValidationError:
            events = []  # some item is of the wrong shape
        if events and _fit_to_send(events):
            cut_array(events, body)
            return Decoded(events, list(range(len(events))), [])
        return _each([bytes(item) for item in _raw_items.decode(body)], 0)
    except NOT_JSON as error:
        raise UnreadableBody(f"The body is not JSON: {why_unreadable(error)}.") from None


def _fit_to_send(events: Sequence[Incoming]) -> bool:
    """Tell whether no sender filled in the member that only this room may fill."""
    return {event.attributes for event in events} <= {""}


def _each(items: list[bytes], first_index: int) -> Decoded:
    decoded = Decoded([], [], [])
    for index, item in enumerate(items, first_index):
        event = _decode_item(item, index)
        if isinstance(event, Rejection):
            decoded.rejected.append(event)
        else:
            decoded.events.append(event)
            decoded.indexes.append(index)
    return decoded


def _decode_item(item: bytes, index: int) -> Incoming | Rejection:
    try:
        item.decode()
        event = _one.decode(item)
    except msgspec.ValidationError as error:
        return _as_cloudevent(item, index) or refusal(index, error)
    except NOT_JSON as error:
        return Rejection(index, "", why_unreadable(error))
    if event.attributes:
        return own_member(index, "attributes")
    cut_item(event, item)
    return event


def _as_cloudevent(item: bytes, index: int) -> Incoming | Rejection | None:
    """Read an item that names its ``specversion`` as a CloudEvent, extension attributes and all."""
    if b'"specversion"' not in item or item.lstrip()[:1] != b"{":
        return None
    attributes = msgspec.json.decode(item, type=dict[str, msgspec.Raw])
    if "specversion" not in attributes:
        return None
    return incoming_from_attributes(attributes, index)


def _require_utf8(body: bytes) -> None:
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise UnreadableBody(f"The body is not JSON: {why_unreadable(error)}.") from None
