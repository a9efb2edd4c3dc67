"""An event on its way out: checked as far as the sender can, and written once as a line of JSON.

In the flow: receives what a program passes to ``send``, hands lines to ``outbox`` and ``delivery``.
Guarantee: every event has an id before it leaves, so that sending it again can't count it twice;
decimals are written as numbers with every digit; a line is JSON that a server can read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from livetally.client.identifiers import IdMaker
from livetally.errors import BadInput

__all__ = ["MEMBERS", "Outgoing", "outgoing"]

MEMBERS = ("type", "id", "source", "time", "subject", "data")
"""What an event may have."""

_encoder = msgspec.json.Encoder(decimal_format="number")
_MINUTE = timedelta(minutes=1)
_KEPT = (Decimal,)
_PLAIN = frozenset({str, int, bool, type(None)})


class Outgoing(NamedTuple):
    """An event as it is sent: its id, and one line of JSON without a line's end."""

    id: str
    line: bytes

    def members(self) -> dict[str, Any]:
        """Return the event as it was sent; its id alone when the line is not JSON."""
        try:
            return msgspec.json.decode(self.line, type=dict[str, Any])
        except (ValueError, RecursionError):
            return {"id": self.id}


def outgoing(event: Mapping[str, Any], ids: IdMaker, source: str | None) -> Outgoing:
    """Write an event.

    Args:
        event: its members; None stands for an absent one. ``time`` is a datetime with a zone or an
            RFC 3339 text; ``data`` a mapping, or anything else that msgspec writes as an object.
        ids: makes the id when there is none.
        source: the source of events that name none.

    Raises:
        BadInput: names the member and the reason.
    """
    for name in event:
        if name not in MEMBERS:
            raise BadInput(str(name), f"no such member; an event has {', '.join(MEMBERS)}")
    written = {name: event[name] for name in MEMBERS if event.get(name) is not None}
    if source and "source" not in written:
        written["source"] = source
    written.setdefault("id", "")
    _check_texts(written)
    if isinstance(moment := written.get("time"), datetime):
        written["time"] = _instant(moment)
    _check_time(moment)
    event_id = written["id"] = written["id"] or ids.make()
    return Outgoing(event_id, _line(written))


def _check_texts(event: Mapping[str, Any]) -> None:
    if not event.get("type"):
        raise BadInput("type", "required, but missing")
    for name in ("type", "id", "source", "subject"):
        if not isinstance(event.get(name, ""), str):
            raise BadInput(name, f"must be a text, not {type(event[name]).__name__}")


def _check_time(value: object) -> None:
    if value is None or isinstance(value, str):
        return
    if not isinstance(value, datetime):
        raise BadInput("time", f"must be a datetime or a text, not {type(value).__name__}")
    if value.tzinfo is None:
        raise BadInput("time", "this datetime has no zone; give it one, such as datetime.UTC")


def _instant(moment: datetime) -> datetime:
    """Return a moment that RFC 3339 can write: its offsets are whole minutes.

    Zones of the past had others, such as -00:44:30, which the encoder rounds.
    """
    offset = moment.utcoffset()
    if offset is None or not offset % _MINUTE:
        return moment
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise BadInput("time", "is outside the years 1 to 9999 in UTC") from None


def _line(event: dict[str, Any]) -> bytes:
    try:
        line = _encoder.encode(event)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise BadInput("data", f"can't be written as JSON: {error}") from None
    if not isinstance(event.get("data", {}), dict) and not _has_object(line):
        raise BadInput("data", "must be an object: names and values")
    _check_numbers(event, line)
    return line


def _check_numbers(event: dict[str, Any], line: bytes) -> None:
    """Refuse numbers that JSON has no form for.

    The encoder writes a decimal of that kind bare, as NaN or Infinity, and a float as null. Few
    lines hold any of these words, so that looking for them costs next to nothing.
    """
    if b"NaN" in line or b"Infinity" in line or b"null" in line:
        # Also what the program's own types hold.
        _check_finite(msgspec.to_builtins(event.get("data"), builtin_types=_KEPT))


def _check_finite(value: Any) -> None:
    if isinstance(value, dict):
        value = value.values()
    elif isinstance(value, (float, Decimal)):
        # A decimal's own answer: 1E+999 is a number, also where no float is.
        finite = value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)
        if not finite:
            raise BadInput("data", f"{value} is not a number that JSON can hold")
        return
    elif not isinstance(value, (list, tuple, set, frozenset)):
        return
    for held in value:
        if type(held) not in _PLAIN:
            _check_finite(held)


def _has_object(line: bytes) -> bool:
    """Tell whether the data, a type of the program's own, became an object."""
    return isinstance(msgspec.json.decode(line)["data"], dict)
