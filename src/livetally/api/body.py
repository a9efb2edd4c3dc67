"""A request's body: read whole or as a stream, unpacked as it comes, never beyond its bound.

In the flow: called by routes that take a body.
Guarantee: at no time more than the bound is in memory, whatever a few compressed bytes inflate to.

Source: RFC 9659 (the window of zstd as a content encoding).
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

__all__ = ["Disconnected", "pieces", "read_whole", "unpacked"]

_PIECE_BYTES = 256 * 1024
# Events compress five to fifty times. What inflates much further is meant to tie the server up: a
# body that is read whole, or thrown away. In lines that are stored as they come each event is paid
# for, however alike they are.
_RATIO_MAX = 200
_ALWAYS_TAKEN_BYTES = 8 * 1024 * 1024
# What a frame of zstd may make the server keep to unpack it: 8 MiB, as every receiver must take.
_ZSTD_OPTIONS: dict[int, int] = {zstd.DecompressionParameter.window_log_max: 23}
# Packed bytes in each member, on average, beyond the first thousand: each costs as much as a
# hundred kilobytes to unpack, also when there is nothing in it.
_MEMBER_BYTES_MIN = 512
_MEMBERS_ALWAYS_TAKEN = 1_000


class Disconnected(Exception):
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


def unpacked(
    body: AsyncIterator[bytes], encoding: str, *, any_ratio: bool = False
) -> AsyncIterator[bytes]:
    """Undo a Content-Encoding, piece by piece.

    Args:
        body: pieces as they come.
        encoding: the header's value.
        any_ratio: a few bytes may inflate to any number: the reader has a bound of its own, and
            makes the sender wait.

    Raises:
        UnsupportedMedia: the encoding is neither ``gzip`` nor ``zstd``.
        UnreadableBody: while reading: the bytes are not of that encoding.
        BodyTooLarge: while reading: a few bytes inflate beyond all measure, or are cut into members
            beyond all measure.
    """
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            return _inflated(body, _Gzip(), any_ratio=any_ratio)
        case "zstd":
            return _inflated(body, _Zstd(), any_ratio=any_ratio)
        case other:
            raise UnsupportedMedia(
                f"Content-Encoding '{other[:40]}' is not taken; use gzip or zstd."
            )


class _Unpacker(Protocol):
    members_max: int
    """How many members there may be in what has come so far; more are BodyTooLarge."""

    @property
    def at_end(self) -> bool:
        """Whether what came so far is whole."""
        ...

    def unpack(self, data: bytes) -> bytes:
        """Return at most a piece of output; call again with nothing until there is none."""
        ...


async def _inflated(
    body: AsyncIterator[bytes], unpacker: _Unpacker, *, any_ratio: bool
) -> AsyncIterator[bytes]:
    received = produced = 0
    try:
        async for piece in body:
            received += len(piece)
            unpacker.members_max = _MEMBERS_ALWAYS_TAKEN + received // _MEMBER_BYTES_MIN
            output = unpacker.unpack(piece)
            while output:
                produced += len(output)
                produced_max = max(_ALWAYS_TAKEN_BYTES, _RATIO_MAX * received)
                if produced > produced_max and not any_ratio:
                    raise BodyTooLarge(f"The body inflates to over {_RATIO_MAX} times its size.")
                yield output
                output = unpacker.unpack(b"")
    except (zlib.error, zstd.ZstdError, EOFError) as error:
        raise UnreadableBody(f"The body can't be unpacked: {error}.") from None
    if not unpacker.at_end:
        raise UnreadableBody("The body can't be unpacked: it ends too early.")


def _counted(members: int, members_max: int) -> int:
    if members >= members_max:
        raise BodyTooLarge("The body is packed in too many small pieces.")
    return members + 1


class _Gzip:
    """One or more gzip members, one after the other, as RFC 1952 allows."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=31)
        self._rest = b""
        self._members = 1
        self.members_max = _MEMBERS_ALWAYS_TAKEN

    @property
    def at_end(self) -> bool:
        return self._stream.eof and not self._rest

    def unpack(self, data: bytes) -> bytes:
        self._rest += data
        while True:
            if self._stream.eof:
                if not self._rest:
                    return b""
                self._stream = zlib.decompressobj(wbits=31)
                self._members = _counted(self._members, self.members_max)
            output = self._stream.decompress(self._rest, _PIECE_BYTES)
            eof = self._stream.eof
            self._rest = self._stream.unused_data if eof else self._stream.unconsumed_tail
            if output or not (eof and self._rest):
                return output


class _Zstd:
    """One or more zstd frames, one after the other, as RFC 8878 allows."""

    def __init__(self) -> None:
        self._stream = zstd.ZstdDecompressor(options=_ZSTD_OPTIONS)
        self._members = 1
        self.members_max = _MEMBERS_ALWAYS_TAKEN

    @property
    def at_end(self) -> bool:
        return self._stream.eof and not self._stream.unused_data

    def unpack(self, data: bytes) -> bytes:
        while True:
            if self._stream.eof:
                data = self._stream.unused_data + data
                if not data:
                    return b""
                self._stream = zstd.ZstdDecompressor(options=_ZSTD_OPTIONS)
                self._members = _counted(self._members, self.members_max)
            elif not data and self._stream.needs_input:
                return b""
            output = self._stream.decompress(data, _PIECE_BYTES)
            data = b""
            if output or not (self._stream.eof and self._stream.unused_data):
                return output
