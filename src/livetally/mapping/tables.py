"""Reads a look-up table from the text of a CSV file.

In the flow: called by whoever reads a definition from a file system (``cli``, ``server``), with the
text of the file that ``[lookup.NAME]`` names.
Guarantee: a key stands for one value; whatever the text, the result is all of its rows or one
``BadInput`` with the line.
"""

from __future__ import annotations

import csv
import io
from typing import Final

from livetally.errors import BadInput
from livetally.mapping.lookups import ROWS_MAX

__all__ = ["lookup_rows"]

_SHOWN_CHARS_MAX: Final = 80


def lookup_rows(text: str, key: str, value: str) -> dict[str, str]:
    """Return the rows of a CSV text with a header.

    Args:
        text: the file's content; a byte order mark is no part of the first name.
        key: name of the column of keys.
        value: name of the column of values.

    Raises:
        BadInput: a column is missing, a row is short, a key stands twice with other values.
    """
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
        at, of = (_column(header, name) for name in (key, value))
        rows: dict[str, str] = {}
        for row in reader:
            if row:
                _add(rows, row, at, of, reader.line_num)
    except csv.Error as error:
        raise BadInput("file", f"line {reader.line_num}: {error}") from None
    return rows


def _column(header: list[str], name: str) -> int:
    if name not in header:
        there = ", ".join(header)[:_SHOWN_CHARS_MAX] or "none: it is empty"
        raise BadInput("file", f"has no column '{name}'; its columns are {there}")
    return header.index(name)


def _add(rows: dict[str, str], row: list[str], at: int, of: int, line: int) -> None:
    if len(row) <= max(at, of):
        raise BadInput("file", f"line {line} has only {len(row)} columns")
    known = rows.setdefault(row[at], row[of])
    if known != row[of]:
        raise BadInput("file", f"line {line}: '{row[at][:_SHOWN_CHARS_MAX]}' has two values")
    if len(rows) > ROWS_MAX:
        raise BadInput("file", f"has over {ROWS_MAX} rows")
