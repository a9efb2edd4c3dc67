"""What stands in the log, and what loaders say of it: bytes and back.

In the flow: written by ``log_writer``, read by ``loader``; what a loader tells goes the other way.
Guarantee: pure; what is read back makes the very batch that was written, on any machine; a message
of a newer form is refused and not guessed at.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from livetally.definitions import FieldType
from livetally.errors import StoreFailed
from livetally.ingest import Batch, Kept

if TYPE_CHECKING:
    from backports import zstd
elif sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["Known", "Message", "Told", "pack", "pack_told", "unpack", "unpack_told"]

_FORM = b"\x01"
_LEVEL = 1
_INTEGER_MAX = 2**63 - 1


class Message(msgspec.Struct, frozen=True, array_like=True):
    """One message of the log: batches to store, or identity keys to forget.

    ``anew`` says that the identities of everything stored are to be read again; ``alone``, that its
    events share no insert with others: their columns hold what their data does not.
    """

    batches: list[Kept]
    forget: list[bytes] = []
    anew: bool = False
    alone: bool = False


class Known(msgspec.Struct, frozen=True, array_like=True):
    """What of one batch was known: places, and ``(place, position)`` of what differs."""

    repeated: list[int]
    differing: list[tuple[int, int]]


class Told(msgspec.Struct, frozen=True, array_like=True):
    """What the loader of a partition says when answers include more.

    Attributes:
        partition: whose.
        since: up to which position it was done before.
        through: up to which it is done now.
        position: the message that this is about, 0 when it is about none.
        committed_us: when, microseconds since 1970 UTC.
        events: how many were stored.
        touched: ``(team, type, slots)`` that gained events.
        known: for each batch of the message what was known; empty when nothing was in any.
    """

    partition: int
    since: int
    through: int
    position: int = 0
    committed_us: int = 0
    events: int = 0
    touched: list[tuple[int, str, list[int]]] = []
    known: list[Known] = []


_encoder = msgspec.msgpack.Encoder()
_messages = msgspec.msgpack.Decoder(Message)
_told = msgspec.msgpack.Decoder(Told)


def pack(
    batches: Iterable[tuple[Batch, Sequence[int] | None]] = (),
    *,
    forget: Sequence[bytes] = (),
    anew: bool = False,
    alone: bool = False,
) -> bytes:
    """Return a message; of each batch its events at the places, or all of them."""
    kept = [_portable(batch.kept(places)) for batch, places in batches]
    message = Message(kept, list(forget), anew, alone)
    return _FORM + zstd.compress(_encoder.encode(message), _LEVEL)


def unpack(body: bytes) -> Message:
    """Return what ``pack`` has made.

    Raises:
        StoreFailed: another program has written it, or a newer one.
    """
    if body[:1] != _FORM:
        raise StoreFailed("A message of the log has a form that this version does not know.")
    try:
        return _messages.decode(zstd.decompress(body[1:]))
    except (zstd.ZstdError, msgspec.MsgspecError) as error:
        raise StoreFailed(f"A message of the log can't be read: {error}.") from None


def pack_told(told: Told) -> bytes:
    """Return what a loader says."""
    return _encoder.encode(told)


def unpack_told(body: bytes) -> Told | None:
    """Return what a loader says, None when another version says what this one can't read."""
    try:
        return _told.decode(body)
    except msgspec.MsgspecError:
        return None


def _portable(kept: Kept) -> Kept:
    """Leave out a column with longer integers than a message can hold: the store reads the data."""
    wide = {
        name
        for name, values in kept.fields.items()
        if kept.declared[name].type is FieldType.DECIMAL and _is_wide(values)
    }
    if not wide:
        return kept
    fields = {name: values for name, values in kept.fields.items() if name not in wide}
    return msgspec.structs.replace(kept, fields=fields, unread=kept.unread | wide)


def _is_wide(values: list[Any]) -> bool:
    present = [value for value in values if value is not None]
    return bool(present) and max(map(abs, present)) > _INTEGER_MAX
