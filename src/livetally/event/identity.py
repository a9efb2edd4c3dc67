"""Which events are the same event: identity keys, content sums and made-up ids.

In the flow: called by ``ingest`` for every batch, and by the writer's recovery for stored rows.
Guarantee: the key of ``(team, source, id)`` is the same on every machine and in every version;
two different identities share a key with probability 2**-128.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from zlib import crc32

__all__ = ["KEY_BYTES", "content_sums", "identity_keys", "new_id"]

KEY_BYTES = 16


def identity_keys(team: int, sources: Sequence[str], ids: Sequence[str]) -> list[bytes]:
    """Return the 16-byte key of each ``(team, source, id)``.

    The source's length stands before it, so that no other pair gives the same bytes. A hash of a
    fixed 16 bytes keeps the index of all ids small whatever the ids look like.
    """
    heads = {source: _head(team, source) for source in set(sources)}
    return [
        blake2b(heads[source] + event_id.encode(), digest_size=KEY_BYTES).digest()
        for source, event_id in zip(sources, ids, strict=True)
    ]


def content_sums(
    types: Iterable[str], occurred: Iterable[int | None], subjects: Iterable[str], data: Iterable[bytes]
) -> list[int]:
    """Return a 32-bit sum of what each event says, to tell a retry from a contradiction.

    It decides only the word in the answer (``duplicate`` or ``conflict``), never whether an event
    is stored, so 32 bits are enough. ``occurred`` is None where the sender gave no time.
    """
    return [
        crc32(body, crc32(f"{kind}\0{at}\0{subject}".encode()))
        for kind, at, subject, body in zip(types, occurred, subjects, data, strict=True)
    ]


def new_id(now_us: int) -> str:
    """Make a UUIDv7: 48 bits of milliseconds, then 74 random bits, so that ids sort by time.

    Source: RFC 9562, section 5.7.
    """
    value = (now_us // 1000 & 0xFFFF_FFFF_FFFF) << 80 | secrets.randbits(80)
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=value))


def _head(team: int, source: str) -> bytes:
    encoded = source.encode()
    return team.to_bytes(4, "big") + len(encoded).to_bytes(2, "big") + encoded
