"""The decoder's complaints in words that a sender can act on.

In the flow: receives an exception of the JSON decoder from ``event.decode`` or
``event.cloudevents``, hands back a ``Rejection`` or a sentence.
Guarantee: names the field where one is to blame, and never repeats the sender's data.
"""

from __future__ import annotations

import re

import msgspec

from livetally.event.model import Incoming, Rejection

__all__ = ["NOT_JSON", "own_member", "refusal", "why_unreadable"]

NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What the decoder raises for bytes that are no JSON (ValidationError, a subclass of the first,
means JSON of the wrong shape: catch it before)."""

_AT = re.compile(r" - at `\$(?:\.(?P<field>[A-Za-z0-9_]+))?.*`$")
_TIME_FORM = (
    "not an RFC 3339 date-time with an offset, such as 2026-03-29T12:00:00+02:00;"
    " leap seconds (:60) are not taken"
)
_MEMBERS = ", ".join(name for name in Incoming.__struct_fields__ if name != "attributes")
_UNKNOWN = re.compile(r"unknown field `(?P<name>.*)`")
_MISSING = re.compile(r"missing required field `(?P<name>.*)`")


def refusal(index: int, error: msgspec.ValidationError) -> Rejection:
    """Say which member of the item at ``index`` has the wrong shape."""
    message = str(error)
    at = _AT.search(message)
    field = (at and at["field"]) or ""
    reason = _AT.sub("", message)
    if unknown := _UNKNOWN.search(reason):
        return own_member(index, unknown["name"])
    if missing := _MISSING.search(reason):
        return Rejection(index, missing["name"], "required, but missing")
    if field == "time":
        return Rejection(index, field, _TIME_FORM)
    return Rejection(index, field or "event", reason.replace("`", "").lower())


def own_member(index: int, name: str) -> Rejection:
    """Say that an event has no member ``name`` for senders."""
    return Rejection(index, name[:60], f"unknown member; an event has {_MEMBERS}")


def why_unreadable(error: Exception) -> str:
    """Say why bytes are no JSON, as the end of a sentence."""
    if isinstance(error, UnicodeDecodeError):
        return f"invalid UTF-8 at byte {error.start}"
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(error).removeprefix("JSON is malformed: ").rstrip(".").lower()
