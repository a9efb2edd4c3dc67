"""A stream cut into chunks of whole lines.

In the flow: feeds ``ingest.lines`` pieces of any size.
Guarantee: what comes out is what went in, whatever the pieces.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

import pytest

from livetally.errors import BodyTooLarge
from livetally.ingest.lines import whole_lines


async def cut(pieces: Iterable[bytes], **limits: int) -> list[bytes]:
    """Return the chunks that pieces are cut into."""

    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    chosen = {"chunk_bytes": 64, "line_bytes_max": 200, "bytes_max": 100_000} | limits
    return [chunk async for chunk in whole_lines(body(), **chosen)]


@pytest.mark.parametrize("size", [1, 3, 63, 64, 65, 1000])
async def test_chunks_are_whole_lines_in_order(size: int) -> None:
    """Whatever the pieces, chunks end at a line's end, and together are the body."""
    whole = b"".join(b"%d:%s\n" % (n, b"x" * (n % 50)) for n in range(100)) + b"last"
    chunks = await cut(whole[at : at + size] for at in range(0, len(whole), size))
    assert b"".join(chunks) == whole
    assert all(chunk.endswith(b"\n") for chunk in chunks[:-1])
    assert all(len(chunk) <= 64 + max(size, 60) for chunk in chunks)


async def test_a_line_may_be_as_long_as_the_bound_and_no_longer() -> None:
    """A line that is still unfinished beyond the bound ends the request, whatever came before."""
    line = [b"x"] * 200
    assert await cut([*line, b"\n", b"y"]) == [b"x" * 200 + b"\n", b"y"]
    with pytest.raises(BodyTooLarge, match="line"):
        await cut([b"short\n", *line, b"x", b"\n"])


async def test_the_whole_is_bounded() -> None:
    """One byte more than the bound is too much."""
    pieces = [b"123456789\n"] * 10
    assert b"".join(await cut(pieces, bytes_max=100)) == b"".join(pieces)
    with pytest.raises(BodyTooLarge, match="100 bytes"):
        await cut([*pieces, b"\n"], bytes_max=100)


@pytest.mark.timeout(20)
async def test_tiny_pieces_are_not_joined_again_and_again() -> None:
    """A long line that arrives byte by byte is copied once.

    Joined anew for each byte, half a terabyte would be copied, and this would not end in time.
    """
    pieces = [b"x"] * 1_000_000 + [b"\n"]
    chunks = await cut(pieces, chunk_bytes=1000, line_bytes_max=2_000_000, bytes_max=10**7)
    assert [len(chunk) for chunk in chunks] == [1_000_001]


async def test_blank_rests_are_nothing() -> None:
    """An empty body, or one of blanks, has no chunk."""
    assert await cut([]) == []
    assert await cut([b" \n", b"\r\n"]) == []
