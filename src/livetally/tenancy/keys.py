"""The form of a key, ``lt_<id>_<secret>``: how one is made, read, hashed and compared.

In the flow: receives random bytes or the text a client sent, hands out ids, secrets and hashes to
``store.catalog``.
Guarantee: a text with a wrong length, letter or checksum is refused without any look-up; a stored
hash does not lead back to the secret; the comparison takes the same time for every wrong secret.

The secret holds 160 random bits, so nobody can go through all of them and one round of SHA-256 is
enough; slow password hashes are for words that people choose.
Source: https://github.blog/engineering/behind-githubs-new-authentication-token-formats/ (prefix
and CRC32 in base62).
"""

from __future__ import annotations

import re
from hashlib import sha256
from hmac import compare_digest
from typing import NamedTuple, NewType

from livetally.tenancy.base62 import ALPHABET, CHECKSUM_CHARS, checksum, encode
from livetally.tenancy.secret import SecretText

__all__ = [
    "KEY_RANDOM_BYTES",
    "SECRET_CHARS",
    "SECRET_RANDOM_BYTES",
    "KeyId",
    "MintedKey",
    "ParsedKey",
    "SecretHash",
    "encode_secret",
    "hash_secret",
    "is_key_id",
    "matches",
    "mint_key",
    "parse_key",
]

KeyId = NewType("KeyId", str)
SecretHash = NewType("SecretHash", str)

ID_CHARS = 10
SECRET_CHARS = 27  # 62**27 > 2**160
_ID_RANDOM_BYTES = 8
SECRET_RANDOM_BYTES = 20
KEY_RANDOM_BYTES = _ID_RANDOM_BYTES + SECRET_RANDOM_BYTES

_ID = re.compile(r"[0-9A-Za-z]{10}")
_KEY = re.compile(r"(lt_([0-9A-Za-z]{10})_([0-9A-Za-z]{27}))([0-9A-Za-z]{6})")
_KEY_CHARS = len("lt__") + ID_CHARS + SECRET_CHARS + CHECKSUM_CHARS


class MintedKey(NamedTuple):
    """A key just made: the text to show once, its public id, and the hash to keep."""

    text: SecretText
    key_id: KeyId
    hash: SecretHash


class ParsedKey(NamedTuple):
    """The two parts of a well-formed key."""

    key_id: KeyId
    secret: SecretText


def mint_key(random: bytes) -> MintedKey:
    """Make a key from exactly ``KEY_RANDOM_BYTES`` bytes of a cryptographic source."""
    if len(random) != KEY_RANDOM_BYTES:
        raise ValueError(f"a key takes {KEY_RANDOM_BYTES} random bytes")
    # The id only has to be unlike the others, so the small bias of the remainder is harmless.
    number = int.from_bytes(random[:_ID_RANDOM_BYTES]) % len(ALPHABET) ** ID_CHARS
    key_id = encode(number, ID_CHARS)
    secret = encode_secret(random[_ID_RANDOM_BYTES:])
    body = f"lt_{key_id}_{secret}"
    text = SecretText(body + checksum(body))
    return MintedKey(text, KeyId(key_id), hash_secret(SecretText(secret)))


def parse_key(text: str) -> ParsedKey | None:
    """Take a key apart; None when it can't be one. Costs a microsecond and asks nobody."""
    if len(text) != _KEY_CHARS:
        return None
    found = _KEY.fullmatch(text)
    if found is None or checksum(found[1]) != found[4]:
        return None
    return ParsedKey(KeyId(found[2]), SecretText(found[3]))


def is_key_id(text: str) -> bool:
    """Tell whether ``text`` has the form of a key's id."""
    return _ID.fullmatch(text) is not None


def encode_secret(random: bytes) -> str:
    """Write ``SECRET_RANDOM_BYTES`` random bytes as ``SECRET_CHARS`` base62 digits."""
    if len(random) != SECRET_RANDOM_BYTES:
        raise ValueError(f"a secret takes {SECRET_RANDOM_BYTES} random bytes")
    return encode(int.from_bytes(random), SECRET_CHARS)


def hash_secret(secret: SecretText) -> SecretHash:
    """Return the SHA-256 of a secret in hexadecimal: the only thing that is ever stored."""
    return SecretHash(sha256(secret.reveal().encode("ascii")).hexdigest())


def matches(stored_hash: SecretHash, secret: SecretText) -> bool:
    """Compare in a time that does not depend on where the two differ."""
    return compare_digest(stored_hash.encode(), hash_secret(secret).encode())
