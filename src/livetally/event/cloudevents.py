"""CloudEvents 1.0: structured, batch and binary mode become the same ``Incoming`` items.

In the flow: called by ``event.decode`` for items that carry ``specversion``, and by ``ingest`` for
the CloudEvents media types and for ``ce-*`` headers.
Guarantee: required attributes are required, extension attributes are kept, nothing else changes.

Source: CloudEvents specification 1.0.2, JSON format (section 2 and 4) and HTTP binding (section 3).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any, TypeAlias
from urllib.parse import unquote

import msgspec

from livetally.errors import UnreadableBody
from livetally.event.fractions import cut_item
from livetally.event.model import EMPTY_DATA, Incoming, Rejection
from livetally.event.refusal import NOT_JSON, refusal, why_unreadable

__all__ = ["decode_binary", "decode_structured", "incoming_from_attributes", "sort_out"]

_NAME = re.compile(r"[a-z0-9]{1,40}\Z")
_PLAIN = frozenset({"id", "source", "type", "subject", "time"})
_OWN = _PLAIN | {"data", "data_base64", "specversion"}
_Members: TypeAlias = dict[str, msgspec.Raw]
_REQUIRED = ("id", "source", "type", "specversion")


def decode_structured(
    body: bytes, *, batch: bool
) -> tuple[list[Incoming], list[int], list[Rejection]]:
    """Decode a structured CloudEvent, or a batch of them.

    Raises:
        UnreadableBody: the body is not JSON of that shape.
    """
    try:
        body.decode()
        decoded: Any = msgspec.json.decode(body, type=list[msgspec.Raw] if batch else _Members)
    except NOT_JSON as error:
        kind = "an array of CloudEvents" if batch else "one CloudEvent"
        raise UnreadableBody(f"The body is not {kind} in JSON: {error}.") from None
    if batch:
        return sort_out(map(_structured, decoded, count()))
    return sort_out([incoming_from_attributes(decoded, 0)])


def decode_binary(headers: Iterable[tuple[bytes, bytes]], body: bytes) -> Incoming | Rejection:
    """Decode a binary-mode CloudEvent: attributes in percent-encoded ``ce-*`` headers.

    Args:
        headers: raw header pairs with lower-case names.
        body: the event's data, a JSON object, or empty.
    """
    attributes: dict[str, msgspec.Raw] = {}
    for header, value in headers:
        if header.startswith(b"ce-"):
            name = header[3:].decode("latin-1")
            try:
                attributes[name] = msgspec.Raw(msgspec.json.encode(_header_text(value)))
            except UnicodeDecodeError:
                return Rejection(0, name[:60], "not UTF-8, as it is or percent-encoded")
    if body.strip():
        attributes["data"] = msgspec.Raw(body)
    return incoming_from_attributes(attributes, 0)


def _structured(item: msgspec.Raw, index: int) -> Incoming | Rejection:
    try:
        members = msgspec.json.decode(item, type=_Members)
    except msgspec.ValidationError as error:
        return refusal(index, error)
    return incoming_from_attributes(members, index)


def incoming_from_attributes(
    attributes: Mapping[str, msgspec.Raw], index: int
) -> Incoming | Rejection:
    """Turn the members of one CloudEvent into an event, or say which one is wrong."""
    for name in _REQUIRED:
        if name not in attributes:
            return Rejection(index, name, "required in a CloudEvent, but missing")
    if bytes(attributes["specversion"]) != b'"1.0"':
        return Rejection(index, "specversion", 'only "1.0" is supported')
    given = {name: value for name, value in attributes.items() if bytes(value) != b"null"}
    extensions = {name: value for name, value in given.items() if name not in _OWN}
    for name, value in extensions.items():
        if not _NAME.match(name):
            return Rejection(index, name[:60], "attribute names are lower-case letters and digits")
        if bytes(value)[:1] in b"{[":
            return Rejection(index, name, "must be a string, a number or a boolean")
    members = {name: value for name, value in given.items() if name in _PLAIN}
    item = msgspec.json.encode(members)
    try:
        event = msgspec.json.decode(item, type=Incoming)
    except msgspec.ValidationError as error:
        return refusal(index, error)
    cut_item(event, item)
    if extensions:
        event.attributes = msgspec.json.encode(extensions, order="sorted").decode()
    return _with_data(event, given, index)


def _with_data(
    event: Incoming, given: Mapping[str, msgspec.Raw], index: int
) -> Incoming | Rejection:
    """Add the data; it is read on its own, so that it can't close the object that it stood in."""
    data = bytes(given.get("data", EMPTY_DATA))
    if "data_base64" in given:
        try:
            text = msgspec.json.decode(given["data_base64"], type=str)
            data = base64.b64decode(text, validate=True)
        except (msgspec.DecodeError, ValueError):
            return Rejection(index, "data_base64", "not base64")
    try:
        data.decode()
        event.data = msgspec.Raw(bytes(msgspec.json.decode(data, type=msgspec.Raw)).strip())
    except NOT_JSON as error:
        return Rejection(index, "data", f"not JSON: {why_unreadable(error)}")
    return event


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


def _header_text(value: bytes) -> str:
    """Percent-decode a header value; quotes around it are part of the HTTP binding's leniency.

    Senders that encode nothing write UTF-8. What is no UTF-8 is not guessed at: two ids could
    become the same.

    Raises:
        UnicodeDecodeError: the value is not UTF-8.
    """
    text = value.decode().strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = re.sub(r"\\(.)", r"\1", text[1:-1])
    return unquote(text, errors="strict")
