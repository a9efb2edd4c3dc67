"""Keys and tokens as texts: their form, their checksum, their hash, and that they stay hidden.

In the flow: mints from chosen bytes, so that every text is known beforehand.
Guarantee: examples were worked out with ``hashlib``, ``zlib`` and paper, not with the code.
"""

from __future__ import annotations

import json
import pickle
from hashlib import sha256

import msgspec
import pytest

from livetally.tenancy import (
    KEY_RANDOM_BYTES,
    TOKEN_RANDOM_BYTES,
    SecretHash,
    SecretText,
    TokenKind,
    hash_secret,
    is_key_id,
    matches,
    mint_key,
    mint_token,
    parse_key,
    parse_token,
)
from livetally.tenancy.base62 import ALPHABET, checksum, encode

LOWEST = bytes(KEY_RANDOM_BYTES)
HIGHEST = b"\xff" * KEY_RANDOM_BYTES
SOME = bytes(range(KEY_RANDOM_BYTES))


def test_lowest_key() -> None:
    """From zeros: digits 0 throughout, and the CRC32 of the text before it."""
    key = mint_key(LOWEST)
    body = "lt_0000000000_000000000000000000000000000"
    # crc32(body) is 1257667729 = 1*62**5 + 23*62**4 + 7*62**3 + 2*62**2 + 51*62 + 23
    assert key.text.reveal() == body + "1N72pN"
    assert key.key_id == "0000000000"
    assert key.hash == sha256(b"0" * 27).hexdigest()


def test_highest_key_fits() -> None:
    """From ones: 160 bits need all 27 digits and not one more."""
    text = mint_key(HIGHEST).text.reveal()
    assert len(text) == 47
    secret = text[14:41]
    number = sum(ALPHABET.index(digit) * 62**place for place, digit in enumerate(secret[::-1]))
    assert number == 2**160 - 1


@pytest.mark.parametrize("random", [LOWEST, SOME, HIGHEST])
def test_minted_keys_are_read_back(random: bytes) -> None:
    """What was minted is taken apart into the id and the secret whose hash was kept."""
    key = mint_key(random)
    parsed = parse_key(key.text.reveal())
    assert parsed is not None
    assert parsed.key_id == key.key_id
    assert matches(key.hash, parsed.secret)


def test_every_bit_of_the_secret_counts() -> None:
    """Changing any random byte changes the key; the id depends on the first eight only."""
    seen = {mint_key(SOME).text.reveal()}
    for place in range(KEY_RANDOM_BYTES):
        changed = bytearray(SOME)
        changed[place] ^= 1
        key = mint_key(bytes(changed))
        seen.add(key.text.reveal())
        assert (key.key_id == mint_key(SOME).key_id) is (place >= 8)
    assert len(seen) == KEY_RANDOM_BYTES + 1


def test_any_single_mistake_is_noticed() -> None:
    """Every wrong letter, and every two neighbours swapped, fails the checksum."""
    text = mint_key(SOME).text.reveal()
    for place in range(len(text)):
        for letter in "0Aaz_-é ":
            changed = text[:place] + letter + text[place + 1 :]
            assert (parse_key(changed) is not None) is (changed == text)
        swapped = text[:place] + text[place : place + 2][::-1] + text[place + 2 :]
        assert (parse_key(swapped) is not None) is (swapped == text)


@pytest.mark.parametrize(
    "text",
    ["", "lt_", "lt__", "lt_a_b", "x" * 47, "\0" * 47, "\ud800" * 47, "x" * 1_000_000],
)
def test_other_texts_are_no_keys(text: str) -> None:
    """A text of another form is no key, whatever it holds."""
    assert parse_key(text) is None
    assert parse_token(TokenKind.SESSION, text) is None


@pytest.mark.parametrize("edit", [" {}", "{} ", "{}\n", "LT{}", "{}0"])
def test_nothing_around_a_key_is_ignored(edit: str) -> None:
    """A key with anything before or after it is no key."""
    assert parse_key(edit.format(mint_key(SOME).text.reveal())) is None


def test_wrong_number_of_random_bytes() -> None:
    """Too few random bytes make no weak key, and too many are not thrown away."""
    for random in (b"", SOME[:-1], SOME + b"x"):
        with pytest.raises(ValueError, match="random bytes"):
            mint_key(random)
        with pytest.raises(ValueError, match="random bytes"):
            mint_token(TokenKind.SESSION, random)


def test_hash_compares_the_whole_secret() -> None:
    """Only the very secret matches its hash."""
    stored = hash_secret(SecretText("a" * 27))
    assert matches(stored, SecretText("a" * 27))
    assert not matches(stored, SecretText("a" * 26 + "b"))
    assert not matches(stored, SecretText(""))
    assert not matches(SecretHash(""), SecretText("a" * 27))


@pytest.mark.parametrize("kind", list(TokenKind))
def test_tokens_are_of_one_kind(kind: TokenKind) -> None:
    """A token is read as the kind it was minted as, under the stored hash, and as no other."""
    token = mint_token(kind, SOME[:TOKEN_RANDOM_BYTES])
    assert token.text.reveal().startswith(f"{kind.value}_")
    for asked in TokenKind:
        assert parse_token(asked, token.text.reveal()) == (token.hash if asked is kind else None)
    assert parse_key(token.text.reveal()) is None
    assert parse_token(kind, mint_key(SOME).text.reveal()) is None
    assert parse_token(kind, token.text.reveal()[:-1] + "!") is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0123456789", True), ("aBcDeFgHiJ", True), ("012345678", False), ("01234567890", False)],
)
def test_ids_have_a_form(text: str, expected: bool) -> None:  # noqa: FBT001
    """A key's id is ten letters and digits."""
    assert is_key_id(text) is expected
    assert not is_key_id(text[:-1] + "\n")
    assert not is_key_id(text[:-1] + "é")


def test_base62() -> None:
    """Numbers are written with the asked width, or refused."""
    assert [encode(n, 2) for n in (0, 61, 62, 3843)] == ["00", "0z", "10", "zz"]
    for number in (3844, -1):
        with pytest.raises(ValueError, match="2 base62 digits"):
            encode(number, 2)
    assert checksum("") == "000000"


def test_secret_shows_itself_to_nobody_by_accident() -> None:
    """No usual way to write a value down writes a secret down."""
    key = mint_key(SOME)
    secret = key.text.reveal()[14:]
    ways = [
        repr(key.text),
        str(key.text),
        f"{key.text}",
        f"{key.text!r:>80}",
        "%s %r" % (key.text, key.text),  # noqa: UP031  # logging formats like this
        repr(key),
        repr({"key": key.text}),
        repr(parse_key(key.text.reveal())),
        repr(SecretText("no underscore")),
    ]
    assert [way for way in ways if secret in way or secret[:27] in way or "score" in way] == []
    assert repr(key.text) == f"<lt_{key.key_id}_…>"


def test_secret_is_not_serialised() -> None:
    """A secret is not encoded, pickled, or used as the key of a dictionary."""
    secret = mint_key(SOME).text
    for encode_any in (json.dumps, msgspec.json.encode, pickle.dumps, hash):
        with pytest.raises(TypeError) as refused:
            encode_any(secret)
        assert secret.reveal()[14:] not in str(refused.value)
    assert not hasattr(secret, "__dict__")


def test_secrets_compare() -> None:
    """Two secrets are equal when their texts are; a text is no secret."""
    assert SecretText("é") == SecretText("é")
    assert SecretText("a") != SecretText("b")
    assert SecretText("a") != "a"
