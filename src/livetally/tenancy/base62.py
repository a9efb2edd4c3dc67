"""Numbers as digits and letters: short, safe in a header, a path and a double click.

In the flow: receives integers and texts from ``tenancy.keys`` and ``tenancy.tokens``, hands back
fixed-width text.
Guarantee: the same number always gives the same text of exactly the asked width.
"""

from __future__ import annotations

from zlib import crc32

__all__ = ["ALPHABET", "CHECKSUM_CHARS", "checksum", "encode"]

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
CHECKSUM_CHARS = 6  # 62**6 > 2**32


def encode(number: int, width: int) -> str:
    """Write ``number`` (0 or more) with exactly ``width`` digits, zeros in front.

    Raises:
        ValueError: the number needs more digits, or is negative.
    """
    if not 0 <= number < len(ALPHABET) ** width:
        raise ValueError(f"the number does not fit in {width} base62 digits")
    digits = []
    for _ in range(width):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


def checksum(text: str) -> str:
    """Return the CRC32 of an ASCII ``text`` in six base62 digits.

    It tells a mistyped or cut key from a real one without asking a database, and lets a scanner
    of leaked secrets be sure of a find; it protects nothing.
    """
    return encode(crc32(text.encode("ascii")), CHECKSUM_CHARS)
