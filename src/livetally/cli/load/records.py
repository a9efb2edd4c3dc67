"""Bytes become records: rows of CSV, or lines of JSON, each with the number of its line.

In the flow: receives a stream from ``opening``, hands records to ``table`` and ``objects``.
Guarantee: one broken record never costs another; what it was is kept, to be mended.

Lines of CSV without a quote are a row each: many of them are read at once, which costs less than
row by row. A quote that is not closed would swallow the rows after it: its line is refused, and the
lines after it are read again as rows.
"""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterator
from itertools import count, islice
from typing import IO, Final

import msgspec

from livetally.cli.load.opening import UNREADABLE

__all__ = ["CELL_CHARS_MAX", "LINE_BYTES_MAX", "Line", "Row", "csv_rows", "json_lines"]

LINE_BYTES_MAX = 4 * 1024 * 1024
CELL_CHARS_MAX = 1024 * 1024
_BOM = b"\xef\xbb\xbf"
_QUOTE: Final = '"'


class Row(msgspec.Struct, frozen=True, gc=False):
    """A row of CSV that begins on ``line`` (from 1); ``broken`` says why it can't be read."""

    line: int
    cells: list[str]
    broken: str = ""


class Line(msgspec.Struct, frozen=True, gc=False):
    """A line of a file, without its end; ``broken`` says why it can't be used."""

    line: int
    text: bytes
    broken: str = ""


def csv_rows(
    stream: IO[bytes], encoding: str, delimiter: str, ahead_lines: int = 1
) -> Iterator[Row]:
    """Yield the rows of a CSV file, its heading first; rows without any cell are left out.

    Bytes that are no text in ``encoding`` become half surrogates, which no JSON can hold: so the
    row that has them is refused, and only that one.

    Args:
        stream: of the file.
        encoding: of its text.
        delimiter: between two cells.
        ahead_lines: how many lines may be read before the first row of them is handed on.
    """
    csv.field_size_limit(CELL_CHARS_MAX)
    text = io.TextIOWrapper(stream, encoding, errors="surrogateescape", newline="")
    try:
        yield from _rows(text, delimiter, ahead_lines)
    finally:
        # The stream is closed by whoever opened it.
        if not stream.closed:
            text.detach()


def _rows(lines: Iterator[str], delimiter: str, ahead_lines: int) -> Iterator[Row]:
    # The mark is no part of the first name, whatever the encoding is called.
    ahead = deque(line.removeprefix("\ufeff") for line in islice(lines, 1))
    taken: list[str] = []
    reader = _reader(_kept(ahead, lines, taken), delimiter)
    line = 1
    while True:
        if not ahead and ahead_lines > 1:
            try:
                ahead.extend(islice(lines, ahead_lines))
            except UNREADABLE as error:
                # What came before it is handed on first.
                lines = _failing(error)
                reader = _reader(_kept(ahead, lines, taken), delimiter)
            if rows := _plain_rows(ahead, delimiter):
                yield from map(Row, count(line), rows)
                line += len(rows)
                ahead.clear()
                continue
        taken.clear()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield Row(line, [taken[0].rstrip("\r\n")], _why(error, len(taken)))
            line += 1
            ahead.extendleft(reversed(taken[1:]))
            # The one before may have come to the end of the file.
            reader = _reader(_kept(ahead, lines, taken), delimiter)
            continue
        if cells is None:
            return
        if cells:
            yield Row(line, cells)
        line += len(taken)


def _reader(lines: Iterator[str], delimiter: str) -> Iterator[list[str]]:
    return csv.reader(lines, delimiter=delimiter, strict=True)


def _why(error: csv.Error, lines: int) -> str:
    if lines > 1 or "unexpected end" in str(error):
        return "has a quote that is not closed, or not at the end of a cell"
    return f"is no CSV: {error}"


def _failing(error: Exception) -> Iterator[str]:
    yield from ()
    raise error


def _plain_rows(lines: deque[str], delimiter: str) -> list[list[str]] | None:
    """Return the cells of lines that are a row each, None where one is not or can't be read."""
    if any(_QUOTE in line for line in lines):
        return None
    try:
        rows = list(_reader(iter(lines), delimiter))
    except csv.Error:
        return None
    return rows if len(rows) == len(lines) and all(rows) else None


def _kept(ahead: deque[str], text: Iterator[str], taken: list[str]) -> Iterator[str]:
    """Yield what was read ahead, then the rest; remember the lines of the row that is being read.

    They are looked at when it turns out to be broken.
    """
    while (line := ahead.popleft() if ahead else next(text, None)) is not None:
        taken.append(line)
        yield line


def json_lines(stream: IO[bytes]) -> Iterator[Line]:
    """Yield the lines of a file that are not blank."""
    number = 0
    while text := stream.readline(LINE_BYTES_MAX):
        number += 1
        if number == 1:
            text = text.removeprefix(_BOM)
        broken = ""
        if len(text) >= LINE_BYTES_MAX and not text.endswith(b"\n"):
            broken = f"is longer than {LINE_BYTES_MAX} bytes"
            _skip_line(stream)
        if text := text.strip():
            yield Line(number, text, broken)


def _skip_line(stream: IO[bytes]) -> None:
    while text := stream.readline(LINE_BYTES_MAX):
        if text.endswith(b"\n"):
            return
