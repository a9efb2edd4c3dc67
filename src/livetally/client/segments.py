"""A name or a key as one part of a path.

In the flow: asked by ``question``, and by the commands for the calls that they write themselves.
Guarantee: no name reaches another resource than the one that is called so.
"""

from __future__ import annotations

from urllib.parse import quote

from livetally.errors import BadInput

__all__ = ["segment"]


def segment(text: str, field: str) -> str:
    """Return a name or a key as it stands between two slashes.

    Args:
        text: the name or the key, whatever characters it has.
        field: what it is called where it is wrong.

    Raises:
        BadInput: it is empty, and would name the resource above it, or it is no text.
    """
    if not text:
        raise BadInput(field, "must not be empty")
    try:
        written = quote(text, safe="")
    except UnicodeEncodeError:
        raise BadInput(field, "must be text: it has half of a surrogate pair") from None
    # Dots alone mean this place and the one above it, and are taken out before it is sent.
    return written if text.strip(".") else "%2E" * len(text)
