"""Bytes become records: rows of CSV, or lines of JSON, each with the number of its line.

In the flow: receives a stream from ``opening``, hands records to ``table`` and ``objects``.
Guarantee: one broken record never costs another; what it was is kept, to be mended.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import IO, NamedTuple

__all__ = ["CELL_CHARS_MAX", "LINE_BYTES_MAX", "Line", "Row", "csv_rows", "json_lines"]

LINE_BYTES_MAX = 4 * 1024 * 1024
CELL_CHARS_MAX = 1024 * 1024
_BOM = b"\xef\xbb\xbf"


class Row(NamedTuple):
    """A row of CSV that begins on ``line`` (from 1); ``broken`` says why it can't be read."""

    line: int
    cells: list[str]
    broken: str = ""


class Line(NamedTuple):
    """A line of a file, without its end; ``broken`` says why it can't be used."""

    line: int
    text: bytes
    broken: str = ""


def csv_rows(stream: IO[bytes], encoding: str, delimiter: str) -> Iterator[Row]:
    """Yield the rows of a CSV file, its heading first; rows without any cell are left out.

    Bytes that are no text in ``encoding`` become half surrogates, which no JSON can hold: so the
    row that has them is refused, and only that one.
    """
    csv.field_size_limit(CELL_CHARS_MAX)
    text = io.TextIOWrapper(stream, encoding, errors="surrogateescape", newline="")
    try:
        taken: list[str] = []
        reader = csv.reader(_kept(text, taken), delimiter=delimiter)
        while True:
            line = reader.line_num + 1
            taken.clear()
            try:
                cells = next(reader, None)
            except csv.Error as error:
                yield Row(line, ["".join(taken).rstrip("\r\n")], f"is no CSV: {error}")
                continue
            if cells is None:
                return
            if cells:
                yield Row(line, cells)
    finally:
        # The stream is closed by whoever opened it.
        if not stream.closed:
            text.detach()


def _kept(lines: Iterator[str], taken: list[str]) -> Iterator[str]:
    """Remember the lines of the row that is being read, for when it turns out to be broken."""
    for line in lines:
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
