"""The file of rows that were not taken: to be mended and loaded again as it is.

In the flow: given refused records by ``loading``, in the order of the file.
Guarantee: each record stands in it as it was, with its line and the reason; a file of that name
that was there before is kept under another.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import msgspec

from livetally.cli.load.item import Refused
from livetally.cli.load.shape import BECAUSE, LINE

__all__ = ["Rejects"]


class Rejects:
    """A file that is made when the first record is refused (a context manager)."""

    def __init__(self, path: Path, heading: Sequence[str] | None, *, resumed: bool) -> None:
        """Write to ``path``.

        Args:
            path: where.
            heading: of a CSV file; None for lines of JSON.
            resumed: go on with the file that is there.
        """
        self.path = path
        self._heading = heading
        self._resumed = resumed
        self._file: IO[str] | None = None

    def add(self, refused: Sequence[Refused]) -> None:
        """Write refused records; on disk when this returns."""
        if not refused:
            return
        file = self._opened()
        if self._heading is None:
            file.writelines(_json_line(one) for one in refused)
        else:
            writer = csv.writer(file)
            for one in refused:
                writer.writerow([*one.original, str(one.line), _reason(one)])
        file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def _opened(self) -> IO[str]:
        if self._file is None:
            goes_on = self._resumed and self.path.exists()
            if self.path.exists() and not goes_on:
                self.path.replace(f"{self.path}~")
            self._file = self.path.open("a", encoding="utf-8", errors="surrogateescape", newline="")
            if self._heading is not None and not goes_on:
                csv.writer(self._file).writerow([*self._heading, LINE, BECAUSE])
        return self._file


def _reason(refused: Refused) -> str:
    return f"{refused.field}: {refused.error}" if refused.field else refused.error


def _json_line(refused: Refused) -> str:
    """Add the reason to an object; what is none becomes the text of one."""
    assert isinstance(refused.original, bytes)
    reason = {LINE: refused.line, BECAUSE: _reason(refused)}
    try:
        members = msgspec.json.decode(refused.original, type=dict[str, msgspec.Raw])
        line = msgspec.json.encode({**members, **reason})
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = refused.original.decode("utf-8", "backslashreplace")
        line = msgspec.json.encode({"text": text, **reason})
    return line.decode() + "\n"
