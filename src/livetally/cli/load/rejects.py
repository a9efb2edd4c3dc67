"""The file of rows that were not taken: to be mended and loaded again as it is.

In the flow: given refused records by ``loading``, in the order of the file.
Guarantee: each record stands in it as it was, with its line and the reason; a file of that name
that was there before is kept under another.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, NamedTuple, Self

import msgspec

from livetally.cli.load.item import Refused
from livetally.cli.load.shape import BECAUSE, LINE
from livetally.errors import LivetallyError

__all__ = ["Rejects", "Sheet"]


class Sheet(NamedTuple):
    """How a file of rows is written: as the one from which they come."""

    heading: Sequence[str]
    delimiter: str = ","
    encoding: str = "utf-8"


class Rejects:
    """A file that is made when the first record is refused (a context manager)."""

    def __init__(
        self, path: Path, sheet: Sheet | None, *, kept_bytes: int = 0, goes_on: bool = False
    ) -> None:
        """Write to ``path``.

        Args:
            path: where.
            sheet: of rows of CSV; None for lines of JSON.
            kept_bytes: how much of the file that is there belongs to this load; what is behind it
                was written by rows that come again.
            goes_on: keep all of the file that is there: it has the rows of another file.

        Raises:
            LivetallyError: the file can't be written.
        """
        self.path = path
        self._sheet = sheet
        self._goes_on = goes_on
        self._file: IO[bytes] | None = None
        if kept_bytes:
            self._goes_on = self._cut(kept_bytes)

    @property
    def size_bytes(self) -> int:
        """How long the file is; 0 when this load has written none."""
        if self._file is not None:
            return self._file.tell()
        return self.path.stat().st_size if self._goes_on and self.path.exists() else 0

    def add(self, refused: Sequence[Refused]) -> None:
        """Write refused records; on disk when this returns.

        Raises:
            LivetallyError: the file can't be written.
        """
        if not refused:
            return
        try:
            file = self._opened()
            if self._sheet is None:
                file.write("".join(_json_line(one) for one in refused).encode())
            else:
                rows = [self._row(self._sheet.heading, one) for one in refused]
                file.write(_written(self._sheet, rows))
            file.flush()
        except OSError as error:
            raise _not_written(self.path, error) from None

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

    def _cut(self, kept_bytes: int) -> bool:
        """Take away what is behind ``kept_bytes``; return whether as much was there."""
        try:
            if not self.path.exists() or self.path.stat().st_size < kept_bytes:
                return False
            with self.path.open("r+b") as file:
                file.truncate(kept_bytes)
        except OSError as error:
            raise _not_written(self.path, error) from None
        return True

    def _opened(self) -> IO[bytes]:
        if self._file is None:
            goes_on = self._goes_on and self.path.exists()
            if self.path.exists() and not goes_on:
                self.path.replace(f"{self.path}~")
            self._file = self.path.open("ab")
            if self._sheet is not None and not goes_on:
                heading = _without_reasons(self._sheet.heading, self._sheet.heading)
                self._file.write(_written(self._sheet, [[*heading, LINE, BECAUSE]], first=True))
        return self._file

    @staticmethod
    def _row(heading: Sequence[str], refused: Refused) -> list[str]:
        assert not isinstance(refused.original, bytes)
        cells = _without_reasons(heading, refused.original)
        return [*cells, str(refused.line), _reason(refused)]


def _without_reasons(heading: Sequence[str], cells: Sequence[str]) -> list[str]:
    """Leave out the line and the reason of a row that was refused before."""
    if len(cells) == len(heading):
        pairs = zip(heading, cells, strict=True)
        return [cell for name, cell in pairs if name not in (LINE, BECAUSE)]
    # A row of another length has them at its end, as they were written.
    again = list(heading[-2:]) == [LINE, BECAUSE] and any(
        cell.isdecimal() for cell in cells[1:][-2:-1]
    )
    return list(cells[:-2] if again else cells)


def _written(sheet: Sheet, rows: Sequence[Sequence[str]], *, first: bool = False) -> bytes:
    """Return rows as the file has them; a byte order mark stands before the first only."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=sheet.delimiter).writerows(rows)
    text = out.getvalue()
    mark, written = b"", b""
    if sheet.encoding not in ("utf-8", "utf-8-sig"):
        mark = "".encode(sheet.encoding)
    encoding = "utf-8" if sheet.encoding == "utf-8-sig" else sheet.encoding
    try:
        written = text.encode(encoding, "surrogateescape")
    except UnicodeError:
        # A reason may have what the encoding has not, and not every encoding has single bytes.
        written = text.encode(encoding, "backslashreplace")
    return written if first else written.removeprefix(mark)


def _not_written(path: Path, error: OSError) -> LivetallyError:
    return LivetallyError(
        f"The file of rejected rows, {path}, can't be written: {error.strerror or error}."
    )


def _reason(refused: Refused) -> str:
    return f"{refused.field}: {refused.error}" if refused.field else refused.error


def _json_line(refused: Refused) -> str:
    r"""Add the reason to an object; what is none becomes the text of one.

    Bytes that are no UTF-8 stand in that text as ``\xff``, which no JSON has.
    """
    assert isinstance(refused.original, bytes)
    reason = {LINE: refused.line, BECAUSE: _reason(refused)}
    try:
        # A value that is left as it stands is not looked into: it may be no UTF-8.
        refused.original.decode()
        members = msgspec.json.decode(refused.original, type=dict[str, msgspec.Raw])
        line = msgspec.json.encode({**members, **reason})
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        text = refused.original.decode("utf-8", "backslashreplace")
        line = msgspec.json.encode({"text": text, **reason})
    return line.decode() + "\n"
