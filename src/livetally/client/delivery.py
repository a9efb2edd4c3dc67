"""Delivering events: one POST, until the server has said what became of each of them.

In the flow: receives lines of JSON from the senders and from ``cli``, hands a ``Receipt`` back.
Guarantee: every event is accounted for by its index; a batch that is too large is halved, never
given up whole; an answer that was lost is asked for again with the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from livetally.client.exchange import Call, Conversation, exchanged
from livetally.client.failures import ApiError
from livetally.client.retry import Patience
from livetally.errors import BodyTooLarge, LivetallyError

__all__ = ["CONFLICT", "Receipt", "Rejection", "delivery"]

CONFLICT = "conflict: this id was stored before with other content; the first one counts"

_PATH = "/v1/events"
_HEADERS = {"Content-Type": "application/x-ndjson"}
_UNPROCESSABLE = 422


class Rejection(msgspec.Struct, frozen=True):
    """The event at ``index`` (0-based) was not taken: the ``field`` to blame and the ``error``."""

    index: int
    field: str
    error: str


class Receipt(NamedTuple):
    """What became of the events that were sent together.

    Attributes:
        position: an answer at this position or later counts them.
        stored: how many are new.
        duplicates: how many were stored before; after a retry, perhaps by the first attempt.
        conflicts: indexes of those whose id was stored before with other content.
        rejected: those that were not taken, with the reason.
    """

    position: int
    stored: int
    duplicates: int
    conflicts: tuple[int, ...] = ()
    rejected: tuple[Rejection, ...] = ()

    def and_then(self, other: Receipt, offset: int) -> Receipt:
        """Join the receipt of the events that follow, the first of which has index ``offset``."""
        return Receipt(
            max(self.position, other.position),
            self.stored + other.stored,
            self.duplicates + other.duplicates,
            self.conflicts + tuple(index + offset for index in other.conflicts),
            self.rejected + tuple(_moved(rejection, offset) for rejection in other.rejected),
        )


def _moved(rejection: Rejection, offset: int) -> Rejection:
    return Rejection(rejection.index + offset, rejection.field, rejection.error)


def delivery(lines: Sequence[bytes], patience: Patience) -> Conversation[Receipt]:
    """Send ``lines``, each an event with an id.

    Raises:
        LivetallyError: the server can't be reached, or takes none of them for a reason that is not
            an event's own.
    """
    if not lines:
        return Receipt(0, 0, 0)
    call = Call("POST", _PATH, headers=_HEADERS, body=b"\n".join(lines) + b"\n")
    try:
        reply = yield from exchanged(call, patience)
    except BodyTooLarge as error:
        return (yield from _in_halves(lines, patience, error))
    except LivetallyError as error:
        told = _itemised(error)
        if told is None:
            raise
        return (yield from _completed(told, lines, patience))
    return (yield from _completed(reply.read(_read_told), lines, patience))


class _Told(msgspec.Struct):
    """What the server answers; a long list of rejections or conflicts is cut off by it."""

    position: int
    stored: int
    duplicates: int
    rejected: list[Rejection] = []
    conflicts: list[Any] = []
    rejected_total: int = 0
    conflicts_total: int = 0


_read_told = msgspec.json.Decoder(_Told).decode


def _in_halves(
    lines: Sequence[bytes], patience: Patience, error: BodyTooLarge
) -> Conversation[Receipt]:
    if len(lines) == 1:
        return Receipt(0, 0, 0, rejected=(Rejection(0, "event", error.message),))
    middle = len(lines) // 2
    first = yield from delivery(lines[:middle], patience)
    rest = yield from delivery(lines[middle:], patience)
    return first.and_then(rest, middle)


def _itemised(error: LivetallyError) -> _Told | None:
    """Read the items of a refusal that names each event's own fault."""
    cause = error if isinstance(error, ApiError) else error.__cause__
    if not isinstance(cause, ApiError) or cause.status != _UNPROCESSABLE:
        return None
    try:
        return msgspec.convert(cause.problem, _Told)
    except msgspec.ValidationError:
        return None


def _completed(told: _Told, lines: Sequence[bytes], patience: Patience) -> Conversation[Receipt]:
    """Return the receipt; ask again for the items beyond the end of a list that was cut off."""
    conflicts = tuple(item if isinstance(item, int) else item["index"] for item in told.conflicts)
    rejected = tuple(told.rejected)
    receipt = Receipt(told.position, told.stored, told.duplicates, conflicts, rejected)
    lists = (
        ([rejection.index for rejection in rejected], told.rejected_total),
        (conflicts, told.conflicts_total),
    )
    # Both may be cut off: then nothing is known beyond the end of the shorter one.
    ends = [max(listed) + 1 for listed, total in lists if listed and total > len(listed)]
    if not ends:
        return receipt
    known = min(ends)
    # They are stored or refused by now: sending them again changes nothing, and says which.
    again = yield from delivery(lines[known:], patience)
    more = Receipt(again.position, 0, 0, again.conflicts, again.rejected)
    kept = receipt._replace(
        conflicts=tuple(index for index in conflicts if index < known),
        rejected=tuple(one for one in rejected if one.index < known),
    )
    return kept.and_then(more, known)
