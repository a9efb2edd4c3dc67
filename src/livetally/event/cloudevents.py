"""CloudEvents 1.0: structured, batch and binary mode become the same ``Incoming`` items.

In the flow: called by ``event.decode`` for items that carry ``specversion``, and by ``ingest`` for
the CloudEvents media types and for ``ce-*`` headers.
Guarantee: required attributes are required, extension attributes are kept, nothing else changes.

Source: CloudEvents specification 1.0.2, JSON format (section 2 and 4) and HTTP binding (section 3).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from urllib.parse import unquote

import msgspec

from livetally.errors import UnreadableBody
from livetally.event.model import Incoming, Rejection
from livetally.event.refusal import NOT_JSON, refusal, why_unreadable

__all__ = ["decode_binary", "decode_structured", "incoming_from_attributes"]

_NAME = re.compile(r"[a-z0-9]{1,40}\Z")
_OWN = frozenset({"id", "source", "type", "subject", "time", "data", "data_base64", "specversion"})
_REQUIRED = ("id", "source", "type", "specversion")


def decode_structured(body: bytes, *, batch: bool) -> tuple[list[Incoming], list[int], list[Rejection]]:
    """Decode a structured CloudEvent, or a batch of them.

    Raises:
        UnreadableBody: the body is not JSON of that shape.
    """
    try:
        body.decode()
        shape = list[dict[str, msgspec.Raw]] if batch else dict[str, msgspec.Raw]
        decoded = msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        kind = "an array of CloudEvents" if batch else "one CloudEvent"
        raise UnreadableBody(f"The body is not {kind} in JSON: {error}.") from None
    items = decoded if isinstance(decoded, list) else [decoded]
    return sort_out(incoming_from_attributes(item, index) for index, item in enumerate(items))


def decode_binary(headers: Iterable[tuple[bytes, bytes]], body: bytes) -> Incoming | Rejection:
    """Decode a binary-mode CloudEvent: attributes in percent-encoded ``ce-*`` headers, data as body.

    Args:
        headers: raw header pairs with lower-case names.
        body: the event's data, a JSON object, or empty.
    """
    attributes = {
        name[3:].decode("latin-1"): msgspec.Raw(msgspec.json.encode(_header_text(value)))
        for name, value in headers
        if name.startswith(b"ce-")
    }
    if body.strip():
        attributes["data"] = msgspec.Raw(body)
    return incoming_from_attributes(attributes, 0)


def incoming_from_attributes(attributes: Mapping[str, msgspec.Raw], index: int) -> Incoming | Rejection:
    """Turn the members of one CloudEvent into an event, or say which one is wrong."""
    for name in _REQUIRED:
        if name not in attributes:
            return Rejection(index, name, "required in a CloudEvent, but missing")
    if bytes(attributes["specversion"]) != b'"1.0"':
        return Rejection(index, "specversion", 'only "1.0" is supported')
    extensions = {name: value for name, value in attributes.items() if name not in _OWN}
    for name in extensions:
        if not _NAME.match(name):
            return Rejection(index, name, "attribute names are lower-case letters and digits")
    members = {name: attributes[name] for name in _OWN & attributes.keys() - {"specversion"}}
    encoded = members.pop("data_base64", None)
    if encoded is not None:
        try:
            text = msgspec.json.decode(encoded, type=str)
            members["data"] = msgspec.Raw(base64.b64decode(text, validate=True))
        except (msgspec.DecodeError, binascii.Error):
            return Rejection(index, "data_base64", "not base64")
    return _incoming(members, extensions, index)


def sort_out(
    results: Iterable[Incoming | Rejection],
) -> tuple[list[Incoming], list[int], list[Rejection]]:
    """Part results into events, their indexes and rejections."""
    events: list[Incoming] = []
    indexes: list[int] = []
    rejected: list[Rejection] = []
    for index, result in enumerate(results):
        if isinstance(result, Rejection):
            rejected.append(result)
        else:
            events.append(result)
            indexes.append(index)
    return events, indexes, rejected


def _incoming(
    members: dict[str, msgspec.Raw], extensions: dict[str, msgspec.Raw], index: int
) -> Incoming | Rejection:
    if extensions:
        members["attributes"] = msgspec.Raw(msgspec.json.encode(_text(extensions)))
    try:
        return msgspec.json.decode(msgspec.json.encode(members), type=Incoming)
    except msgspec.ValidationError as error:
        return refusal(index, error)
    except NOT_JSON as error:
        return Rejection(index, "data", why_unreadable(error))


def _text(extensions: dict[str, msgspec.Raw]) -> str:
    return msgspec.json.encode(extensions, order="sorted").decode()


def _header_text(value: bytes) -> str:
    """Percent-decode a header value; quotes around it are part of the HTTP binding's leniency."""
    text = value.decode("latin-1").strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = re.sub(r"\\(.)", r"\1", text[1:-1])
    return unquote(text)
