"""Which events are the same event: identity keys, content sums and made-up ids.

In the flow: called by ``ingest`` for every batch, and by the writer's recovery for stored rows.
Guarantee: the key of ``(team, source, id)`` is the same on every machine and in every version, and
two different identities never share one (beyond ``KEY_BYTES_MAX`` bytes: with probability 2**-256).

A key is the identity itself, not a hash of it: that is for the index to make, of many at a time,
with numbers of its own.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from zlib import crc32

import numpy as np

from livetally.event.texts import SameSize, Texts

__all__ = [
    "KEY_BYTES_MAX",
    "MASK",
    "UNTIMED",
    "content_sums",
    "identity_keys",
    "new_id",
    "new_ids",
]

KEY_BYTES_MAX = 96
_HASHED = b"\xff\xff"
"""Stands where a source's length would; no source is as long."""

MASK = 0xFFFF_FFFF
"""Of a content sum; and what stands in the place of a time that was not given."""
UNTIMED = 1


def identity_keys(team: int, sources: Sequence[str], ids: Sequence[bytes]) -> Sequence[bytes]:
    """Return the key of each ``(team, source, id)``; ``ids`` are UTF-8.

    The source's length stands before it, so that no other pair gives the same bytes.
    """
    if isinstance(ids, SameSize) and isinstance(sources, Texts):
        rows = _key_rows(team, sources.utf8, ids)
        if rows is not None:
            return rows
    kinds = set(sources)
    if len(kinds) == 1:
        head = _head(team, sources[0])
        keys = [head + event_id for event_id in ids]
    else:
        heads = {source: _head(team, source) for source in kinds}
        keys = [heads[source] + event_id for source, event_id in zip(sources, ids, strict=True)]
    if max(map(len, keys), default=0) > KEY_BYTES_MAX:
        return [key if len(key) <= KEY_BYTES_MAX else _hashed(team, key) for key in keys]
    return keys


def content_sums(
    types: Sequence[str],
    given_us: Iterable[int | None],
    subjects: Iterable[str],
    data: Iterable[bytes],
) -> list[int]:
    """Return a 32-bit sum of what each event says, to tell a plain retry from all else.

    It decides only the word in the answer (``duplicate`` or ``conflict``), never whether an event
    is stored, so 32 bits are enough. ``given_us`` is None where the sender gave no time.
    """
    starts = {kind: crc32(kind.encode()) for kind in set(types)}
    return [
        crc32(
            body,
            crc32(
                subject.encode(),
                (starts[kind] ^ (UNTIMED if at is None else at ^ at >> 32)) & MASK,
            ),
        )
        for kind, at, subject, body in zip(types, given_us, subjects, data, strict=True)
    ]


def new_id(now_us: int) -> str:
    """Make one UUIDv7."""
    return new_ids(now_us, 1)[0]


def new_ids(now_us: int, count: int) -> list[str]:
    """Make ``count`` UUIDv7 that sort in the order of the list, and by time beyond it.

    48 bits of milliseconds, 26 random bits, then a counter from a random start: 48 bits of it are
    enough for any batch, and its highest bit starts as zero so that it can't overflow.

    Source: RFC 9562, sections 5.7 and 6.2 (method 2).
    """
    milliseconds = now_us // 1000 & 0xFFFF_FFFF_FFFF
    bits = secrets.randbits(73)
    third, fourth = 0x7000 | bits >> 61, 0x8000 | (bits >> 47) & 0x3FFF
    start = bits & 0x7FFF_FFFF_FFFF
    text = f"{milliseconds:012x}"
    head = f"{text[:8]}-{text[8:]}-{third:04x}-{fourth:04x}-"
    return [f"{head}{number:012x}" for number in range(start, start + count)]


def _head(team: int, source: str) -> bytes:
    encoded = source.encode()
    return _start(team, len(encoded)) + encoded


def _start(team: int, source_bytes: int) -> bytes:
    return team.to_bytes(4, "big") + source_bytes.to_bytes(2, "big")


def _key_rows(team: int, sources: Sequence[bytes], ids: SameSize) -> SameSize | None:
    """Return the keys when all of them have one size, which is not too long."""
    if not isinstance(sources, SameSize):
        return None
    start = np.frombuffer(_start(team, sources.size), np.uint8)
    if len(start) + sources.size + ids.size > KEY_BYTES_MAX:
        return None
    starts = np.broadcast_to(start, (len(ids), len(start)))
    return SameSize(np.concatenate([starts, sources.chars, ids.chars], axis=1))


def _hashed(team: int, key: bytes) -> bytes:
    return team.to_bytes(4, "big") + _HASHED + blake2b(key, digest_size=32).digest()
