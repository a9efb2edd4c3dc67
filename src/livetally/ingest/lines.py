"""Cuts a stream of bytes into chunks of whole lines.

In the flow: receives a body as it arrives from ``accept``, hands it chunks to decode.
Guarantee: every byte comes out once, in order, and is copied a bounded number of times whatever the
size of the pieces; never more than a chunk and a line are held.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

from livetally.errors import BodyTooLarge

__all__ = ["whole_lines"]


async def whole_lines(
    body: AsyncIterator[bytes], *, chunk_bytes: int, line_bytes_max: int, bytes_max: int
) -> AsyncIterator[bytes]:
    """Yield chunks that end with a line's end (the last one may not).

    Args:
        body: pieces of any size.
        chunk_bytes: how long a chunk is, about.
        line_bytes_max: longest line that is held.
        bytes_max: longest body.

    Raises:
        BodyTooLarge: a line or the whole is longer than that.
    """
    parts: list[bytes] = []
    held = total = 0
    has_end = False
    async for piece in body:
        total += len(piece)
        if total > bytes_max:
            raise BodyTooLarge(f"The body is longer than {bytes_max} bytes.")
        parts.append(piece)
        held += len(piece)
        has_end = has_end or b"\n" in piece
        if held < chunk_bytes:
            continue
        if has_end:
            joined = b"".join(parts)
            cut = joined.rfind(b"\n") + 1
            yield joined[:cut]
            parts, held, has_end = [joined[cut:]], len(joined) - cut, False
        if held > line_bytes_max:
            raise BodyTooLarge(f"A line is longer than {line_bytes_max} bytes.")
    rest = b"".join(parts)
    if rest and not rest.isspace():
        yield rest
