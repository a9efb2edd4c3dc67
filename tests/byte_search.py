"""Searches a data directory for a text, also inside of what is compressed there.

In the flow: used by the tests of erasure, which first show that it finds what is there, and by
``secret_search``.
Guarantee: every byte of every file is looked at as it is; every Zstandard frame, wherever in a file
it begins, is unpacked and looked at too. Columns of texts are kept in such frames; what the engine
packs with LZ4 holds the first of equal texts as it is.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["contents", "files_with"]

_MAGIC = b"\x28\xb5\x2f\xfd"
_UNPACKED_BYTES_MAX = 64 * 1024 * 1024


def files_with(directory: Path, text: str) -> list[str]:
    """Return the files that hold ``text``, relative to ``directory``."""
    needle = text.encode()
    return sorted({name for name, content in contents(directory) if needle in content})


def contents(directory: Path) -> Iterator[tuple[str, bytes]]:
    """Yield each file's name, relative to ``directory``, with its bytes, then with each frame's."""
    for folder, _, names in os.walk(directory, onerror=_unless_gone):
        for path in sorted(Path(folder, name) for name in names):
            try:
                data = path.read_bytes() if path.is_file() else b""
            except FileNotFoundError:
                continue  # of a part that was just removed
            name = path.relative_to(directory).as_posix()
            yield name, data
            for frame in _frames(data):
                yield name, frame


def _unless_gone(error: OSError) -> None:
    """Go on past the folder of a part that was just removed; whatever else it is, fail."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _frames(data: bytes) -> Iterator[bytes]:
    view = memoryview(data)
    start = data.find(_MAGIC)
    while start >= 0:
        # Four bytes may only look like the begin of a frame.
        with contextlib.suppress(zstd.ZstdError, EOFError):
            # Only the frame itself: what comes behind it would be copied each time.
            end = start + _size_of_frame(view[start:])
            yield zstd.ZstdDecompressor().decompress(view[start:end], _UNPACKED_BYTES_MAX)
        start = data.find(_MAGIC, start + 1)


def _size_of_frame(view: memoryview) -> int:
    """Return how many bytes the frame takes; all, if its end is missing."""
    try:
        return zstd.get_frame_size(view)
    except zstd.ZstdError:
        return len(view)
