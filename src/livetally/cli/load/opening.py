"""A path becomes bytes: unpacked as they are read, with how far the file is read.

In the flow: receives a path or ``-`` from ``loading``, hands a stream of bytes to ``records``.
Guarantee: memory does not grow with the file; what can't be opened or unpacked is named.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from livetally.errors import LivetallyError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = [
    "PACKED",
    "STDIN",
    "UNREADABLE",
    "Opened",
    "opened",
    "plain_suffix",
    "printable",
    "refusal",
]

STDIN = Path("-")
PACKED = (".gz", ".zst")
_BROKEN = (OSError, zlib.error, zstd.ZstdError, EOFError)
UNREADABLE = (*_BROKEN, UnicodeError)
"""What reading a file raises when it can't be read, unpacked or decoded to its end."""


class Opened:
    """An open file: ``stream`` gives its content, unpacked."""

    def __init__(self, raw: BinaryIO, stream: IO[bytes], bytes_total: int | None) -> None:
        """Hold the file as it lies on disk (``raw``) and its content."""
        self.stream = stream
        self.bytes_total = bytes_total
        self._raw = raw

    def bytes_read(self) -> int:
        """Return how much of the file, as it lies on disk, is read."""
        return self._raw.tell() if self.bytes_total is not None else 0


def plain_suffix(path: Path) -> str:
    """Return the suffix that says what is in a file: ``.csv`` for ``taps.csv.gz.rejected``."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    while suffixes and suffixes[-1] in (*PACKED, ".rejected"):
        suffixes.pop()
    return suffixes[-1] if suffixes else ""


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """Open a file, or standard input for ``-``.

    Raises:
        LivetallyError: also while it is read: it can't be read or unpacked.
    """
    try:
        if path == STDIN:
            yield Opened(sys.stdin.buffer, sys.stdin.buffer, None)
            return
        with path.open("rb") as raw, _unpacked(path, raw) as stream:
            yield Opened(raw, stream, path.stat().st_size)
    except _BROKEN as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise refusal(path, error, has_encoding=False) from None


def printable(name: Path | str) -> str:
    """Return the name of a file as text: it may have bytes that are none, which nothing writes."""
    return str(name).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def refusal(path: Path, error: Exception, *, has_encoding: bool) -> LivetallyError:
    """Return the error that names the file and says why it can't be read.

    ``has_encoding``: whether its encoding can be named, as that of CSV; JSON is always UTF-8.
    """
    match error:
        case OSError():
            return LivetallyError(f"{path} can't be read: {error.strerror or error}.")
        case UnicodeError():
            reason = error.reason if isinstance(error, UnicodeDecodeError) else str(error)
            if not has_encoding:
                return LivetallyError(f"{path} has what is no UTF-8: {reason}.")
            return LivetallyError(
                f"{path} is no text in this encoding ({reason}): name the right one with"
                " --encoding."
            )
        case _:
            return LivetallyError(f"{path} can't be unpacked: {error}.")


def _unpacked(path: Path, raw: BinaryIO) -> IO[bytes]:
    match path.suffix.lower():
        case ".gz":
            return cast("IO[bytes]", gzip.GzipFile(fileobj=raw, mode="rb"))
        case ".zst":
            return cast("IO[bytes]", zstd.ZstdFile(raw, mode="rb"))
        case _:
            return raw
