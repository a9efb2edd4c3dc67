"""Packed bodies that are made to tie the server up: each is refused before it does."""

from __future__ import annotations

import gzip
import sys
from collections.abc import AsyncIterator

import pytest

from livetally.api.body import read_whole, unpacked
from livetally.errors import BodyTooLarge, UnreadableBody

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PIECE = 65_536


async def pieces_of(body: bytes) -> AsyncIterator[bytes]:
    """Yield a body as it would come."""
    for at in range(0, len(body), PIECE):
        yield body[at : at + PIECE]


async def whole(body: bytes, encoding: str) -> bytes:
    """Unpack a body."""
    return await read_whole(unpacked(pieces_of(body), encoding), 64 * 1024 * 1024)


def widely(window_log: int) -> bytes:
    """Return a frame of zstd that asks for a window of this size."""
    parameter = zstd.CompressionParameter
    options: dict[int, int] = {parameter.window_log: window_log, parameter.content_size_flag: 0}
    packer = zstd.ZstdCompressor(options=options)
    return packer.compress(b"a" * 1000) + packer.flush()


async def test_a_window_larger_than_eight_mebibytes_is_refused() -> None:
    """A frame can't make the server set memory aside: 8 MiB is taken, 128 MiB is not."""
    assert await whole(widely(23), "zstd") == b"a" * 1000
    with pytest.raises(UnreadableBody, match="memory"):
        await whole(widely(27), "zstd")


@pytest.mark.parametrize(
    ("member", "encoding"),
    [(gzip.compress(b"", mtime=0), "gzip"), (zstd.compress(b""), "zstd")],
    ids=["gzip", "zstd"],  # the same in every process: gzip's own header tells the time
)
async def test_a_body_of_tiny_members_is_refused(member: bytes, encoding: str) -> None:
    """Members cost time also when nothing is in them; a thousand, and what carries more, go."""
    assert await whole(member * 900, encoding) == b""
    with pytest.raises(BodyTooLarge, match="small pieces"):
        await whole(member * 5_000, encoding)


async def test_what_inflates_beyond_all_measure_is_refused_unless_its_reader_is_bounded() -> None:
    """Lines that are all alike pack as well as a bomb; who takes them one by one has a bound."""
    alike = b'{"type":"a"}\n' * (9 * 1024 * 1024 // 13)
    packed = gzip.compress(alike, mtime=0)
    with pytest.raises(BodyTooLarge, match="times its size"):
        await whole(packed, "gzip")
    streamed = unpacked(pieces_of(packed), "gzip", any_ratio=True)
    assert await read_whole(streamed, len(alike)) == alike


async def test_many_members_of_a_usual_size_are_taken() -> None:
    """A long file that was packed block by block is no attack."""
    block = bytes(range(256)) * 8
    packed = gzip.compress(block, compresslevel=0) * 1_500
    assert await whole(packed, "gzip") == block * 1_500
