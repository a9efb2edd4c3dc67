"""A request's body: read whole or as a stream, unpacked as it comes, never beyond its bound.

In the flow: called by routes that take a body.
Guarantee: at no time more than the bound is in memory, whatever a few compressed bytes inflate to.
"""

from __future__ import annotations

import sys
import zlib
from collections.abc import AsyncIterator
from typing import Protocol

from starlette.types import Receive

from livetally.errors import BodyTooLarge, UnreadableBody, UnsupportedMedia

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["pieces", "read_whole", "unpacked"]

_PIECE_BYTES = 256 * 1024


class Disconnected(Exception):  # noqa: N818 - not an error of ours: nobody is left to answer
    """The client went away in mid-body."""


async def pieces(receive: Receive) -> AsyncIterator[bytes]:
    """Yield the body as it arrives."""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Disconnected
        if body := message.get("body"):
            yield body
        if not message.get("more_body"):
            return


async def read_whole(body: AsyncIterator[bytes], bytes_max: int) -> bytes:
    """Read a body of at most ``bytes_max`` bytes.

    Raises:
        BodyTooLarge: it is longer.
    """
    parts: list[bytes] = []
    held = 0
    async for piece in body:
        held += len(piece)
        if held > bytes_max:
            raise BodyTooLarge(f"The body is longer than {bytes_max} bytes.")
        parts.append(piece)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def unpacked(body: AsyncIterator[bytes], encoding: str) -> AsyncIterator[bytes]:
    """Undo a Content-Encoding, piece by piece.

    Raises:
        UnsupportedMedia: the encoding is neither ``gzip`` nor ``zstd``.
        UnreadableBody: while reading: the bytes are not of that encoding.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            return _inflated(body, _Gzip())
        case "zstd":
            return _inflated(body, _Zstd())
        case other:
            raise UnsupportedMedia(f"Content-Encoding '{other[:40]}' is not taken; use gzip or zstd.")


class _Unpacker(Protocol):
    done: bool

    def unpack(self, data: bytes) -> bytes:
        """Return at most a piece of output, keeping the rest of ``data`` for later."""
        ...

    @property
    def hungry(self) -> bool:
        """Whether more input is needed before there is more output."""
        ...


async def _inflated(body: AsyncIterator[bytes], unpacker: _Unpacker) -> AsyncIterator[bytes]:
    try:
        async for piece in body:
            data = piece
            while True:
                output = unpacker.unpack(data)
                data = b""
                if output:
                    yield output
                if unpacker.hungry:
                    break
    except (zlib.error, zstd.ZstdError, EOFError) as error:
        raise UnreadableBody(f"The body can't be unpacked: {error}.") from None
    if not unpacker.done:
        raise UnreadableBody("The body can't be unpacked: it ends too early.")


class _Gzip:
    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=31)
        self._rest = b""
        self.done = False

    def unpack(self, data: bytes) -> bytes:
        if self._stream.eof:
            # A gzip file may be several, one after the other.
            self._rest = self._stream.unused_data + data
            if not self._rest:
                return b""
            self._stream = zlib.decompressobj(wbits=31)
            data, self._rest = self._rest, b""
        output = self._stream.decompress(self._stream.unconsumed_tail + data, _PIECE_BYTES)
        self.done = self._stream.eof
        return output

    @property
    def hungry(self) -> bool:
        if self._stream.eof:
            return not self._stream.unused_data
        return not self._stream.unconsumed_tail


class _Zstd:
    def __init__(self) -> None:
        self._stream = zstd.ZstdDecompressor()
        self.done = False

    def unpack(self, data: bytes) -> bytes:
        if self._stream.eof:
            data = self._stream.unused_data + data
            if not data:
                return b""
            self._stream = zstd.ZstdDecompressor()
        output = self._stream.decompress(data, _PIECE_BYTES)
        self.done = self._stream.eof
        return output

    @property
    def hungry(self) -> bool:
        return not self._stream.unused_data if self._stream.eof else self._stream.needs_input
