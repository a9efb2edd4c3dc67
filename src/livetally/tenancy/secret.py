"""A text that opens a door, wrapped so that it can't be written down by accident.

In the flow: receives a minted key or token, hands its text only to whoever calls ``reveal``.
Guarantee: ``repr``, ``str``, ``format``, ``%s`` and an f-string show what it is, never what
it says.
"""

from __future__ import annotations

import re
from hmac import compare_digest
from typing import NoReturn, final

__all__ = ["SecretText", "without_secrets"]

# Any text of the forms of keys and tokens, also cut off or lengthened; its public part is kept.
_LOOKS_SECRET = re.compile(r"(lt_[0-9A-Za-z]{10}_|l[slv]_)[0-9A-Za-z]{16,}")


def without_secrets(text: str) -> str:
    """Return a text for people, with what looks like a key or a token in it cut short."""
    return _LOOKS_SECRET.sub(r"\1…", text)


@final
class SecretText:
    """A secret; ``reveal`` is the only way to its text, and easy to search for."""

    __slots__ = ("_text",)
    __hash__ = None  # type: ignore[assignment]  # a secret is no key of a dictionary

    def __init__(self, text: str) -> None:
        """Wrap ``text``."""
        self._text = text

    def reveal(self) -> str:
        """Return the text itself, to be shown once or sent to its owner."""
        return self._text

    def __repr__(self) -> str:
        # Everything up to the last underscore is public: 'lt_<id>' or the kind of a token.
        public, underscore, _ = self._text.rpartition("_")
        return f"<{public}{underscore}…>"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SecretText):
            return NotImplemented
        return compare_digest(self._text.encode(), other._text.encode())

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not pickled")
