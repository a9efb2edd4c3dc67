"""The texts that stand in for a key for a while: sessions, sign-in links, stream tokens.

In the flow: receives random bytes or the text a browser sent, hands hashes to ``store.catalog``.
Guarantee: a token of one kind is never read as another kind, so what was made for an address line
(a stream token, a sign-in link) can't be used as a session.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import NamedTuple

from livetally.tenancy.base62 import CHECKSUM_CHARS, checksum
from livetally.tenancy.keys import (
    SECRET_CHARS,
    SECRET_RANDOM_BYTES,
    SecretHash,
    encode_secret,
    hash_secret,
)
from livetally.tenancy.secret import SecretText

__all__ = ["TOKEN_RANDOM_BYTES", "MintedToken", "TokenKind", "mint_token", "parse_token"]

TOKEN_RANDOM_BYTES = SECRET_RANDOM_BYTES
_TOKEN = re.compile(
    rf"(([a-z]{{2}})_([0-9A-Za-z]{{{SECRET_CHARS}}}))([0-9A-Za-z]{{{CHECKSUM_CHARS}}})"
)


class TokenKind(StrEnum):
    """What a token is good for; the value is its prefix."""

    SESSION = "ls"  # a signed-in console, kept in a cookie
    SIGNIN = "ll"  # a link that signs in once
    STREAM = "lv"  # a live stream opened from another origin, where neither cookie nor header goes


class MintedToken(NamedTuple):
    """A token just made: the text to hand over once, and the hash to keep."""

    text: SecretText
    hash: SecretHash


def mint_token(kind: TokenKind, random: bytes) -> MintedToken:
    """Make a token from exactly ``TOKEN_RANDOM_BYTES`` bytes of a cryptographic source."""
    secret = encode_secret(random)
    body = f"{kind.value}_{secret}"
    return MintedToken(SecretText(body + checksum(body)), hash_secret(SecretText(secret)))


def parse_token(kind: TokenKind, text: str) -> SecretHash | None:
    """Return the hash under which a token of this ``kind`` is stored; None when it can't be one."""
    found = _TOKEN.fullmatch(text)
    if found is None or found[2] != kind.value or checksum(found[1]) != found[4]:
        return None
    return hash_secret(SecretText(found[3]))
