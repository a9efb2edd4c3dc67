"""Which names and texts people may give to teams and keys.

In the flow: receives what a request or a command says, hands it on unchanged or refuses it.
Guarantee: what passes is short, can be shown on one line, and means the same in every database
(no letter case, no trailing blanks, no characters that one of them can't store).
"""

from __future__ import annotations

import re

from livetally.errors import BadInput

__all__ = [
    "check_key_name",
    "check_meta_name",
    "check_team_name",
    "check_text",
    "is_team_name",
]

KEY_NAME_CHARS_MAX = 100
_TEAM = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_META = re.compile(r"[a-z0-9][a-z0-9_.:/-]{0,189}")


def is_team_name(text: str) -> bool:
    """Tell whether a team may be called this."""
    return _TEAM.fullmatch(text) is not None


def check_team_name(text: str) -> str:
    """Return the name of a team unchanged.

    Raises:
        BadInput: it is not 1 to 63 small letters, digits and hyphens, starting with no hyphen.
    """
    if not is_team_name(text):
        reason = "must be 1 to 63 of a-z, 0-9 and '-', and not start with '-'"
        raise BadInput("name", reason)
    return text


def check_meta_name(text: str) -> str:
    """Return the name of a stored fact unchanged.

    Raises:
        BadInput: it is not 1 to 190 of ``a-z 0-9 _ . : / -``.
    """
    if _META.fullmatch(text) is None:
        raise BadInput("name", "must be 1 to 190 of a-z, 0-9, '_', '.', ':', '/' and '-'")
    return text


def check_key_name(text: str) -> str:
    """Return the name of a key unchanged: any printable characters on one line.

    Raises:
        BadInput: it is empty, longer than 100 characters, or has characters that don't print.
    """
    if not text.strip() or len(text) > KEY_NAME_CHARS_MAX or not text.isprintable():
        reason = f"must be 1 to {KEY_NAME_CHARS_MAX} printable characters, and not only blanks"
        raise BadInput("name", reason)
    return text


def check_text(field: str, text: str, chars_max: int) -> str:
    """Return a longer text unchanged.

    Raises:
        BadInput: it is too long, or holds a character that not every database can store.
    """
    if len(text) > chars_max:
        raise BadInput(field, f"is longer than {chars_max} characters")
    # NUL ends a text for PostgreSQL; half of a surrogate pair is no character at all.
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise BadInput(field, "has a character that can't be stored")
    return text
