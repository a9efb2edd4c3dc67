"""A block of rows of CSV becomes events at once, where every cell can be written as it stands.

In the flow: asked by ``table`` for each block of rows; what it can't do, ``table`` does row by row.
Guarantee: what comes out is byte for byte what ``table`` makes of the same rows.

Nearly all cells of nearly all files need no conversion: a number is written as JSON writes it, a
text has nothing to escape. That is checked for a whole column in one go, and the rows are then
filled into one template: several times faster than cell by cell.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

from livetally.cli.load.kinds import Kind

__all__ = ["Block", "Column"]

_NUMBER: Final = r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][-+]?\d{1,3})?"
_WHOLE: Final = r"-?(?:0|[1-9]\d{0,17})"
_TIME: Final = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[-+]\d\d:\d\d)"
# Nothing that JSON escapes, and no half surrogate: that is a byte which was no text.
_TEXT: Final = r'[^"\\\x00-\x1f\ud800-\udfff]*+'


def _column(cell: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{cell}\n)*+", re.ASCII)


_PLAIN: Final = {
    Kind.STRING: _column(_TEXT),
    Kind.UUID: _column(_TEXT),
    Kind.INTEGER: _column(_WHOLE),
    Kind.NUMBER: _column(_NUMBER),
    Kind.DECIMAL: _column(_NUMBER),
    Kind.BOOLEAN: _column("(?:true|false)"),
    Kind.TIME: _column(_TIME),
}
_QUOTED: Final = frozenset({Kind.STRING, Kind.UUID, Kind.TIME})
_Cells: TypeAlias = Sequence[str]


class Column(NamedTuple):
    """One column that becomes part of an event.

    Attributes:
        place: where it stands in a row.
        prefix: what stands before its value: the member's name as JSON, and a colon.
        kind: what its cells are; None where no cell can be written as it stands.
        write: writes one cell, with the prefix; nothing for an absent value.
    """

    place: int
    prefix: str
    kind: Kind | None
    write: Callable[[str], bytes]


class Block:
    """Writes blocks of rows of one file."""

    def __init__(
        self, head: str, members: Sequence[Column], data: Sequence[Column], nulls: frozenset[str]
    ) -> None:
        """Write events that begin with ``head``, with these members and this data."""
        self._head = head.replace("%", "%%")
        self._members = members
        self._data = data
        self._nulls = nulls

    def events(self, rows: Sequence[_Cells], ids: Sequence[str] | None) -> list[bytes]:
        """Return the event of each row.

        Args:
            rows: all as long as the heading.
            ids: of the rows; None when one of the members gives them.

        Raises:
            Exception: whatever ``write`` raises for a cell that is no value of its column.
        """
        columns = list(zip(*rows, strict=True))
        filled: list[Sequence[str]] = [] if ids is None else [ids]
        start = self._head + ("" if ids is None else ',"id":"%s"')
        members = "".join(self._part(column, columns, filled) for column in self._members)
        data: list[Sequence[str]] = []
        parts = "".join(self._part(column, columns, data) for column in self._data)
        if parts.startswith(","):  # and no row is without the first of them
            event = f'{start}{members},"data":{{{parts[1:]}}}}}'
            return [(event % row).encode() for row in zip(*filled, *data, strict=True)]
        opening = f'{start}{members},"data":{{'
        heads = [opening % row for row in zip(*filled, strict=True)]
        if not data:
            return [f"{head}}}}}".encode() for head in heads]
        # Each part of the data begins with a comma; the first has none before it.
        bodies = [(parts % row)[1:] for row in zip(*data, strict=True)]
        return [f"{head}{body}}}}}".encode() for head, body in zip(heads, bodies, strict=True)]

    def _part(self, column: Column, columns: Sequence[_Cells], filled: list[Sequence[str]]) -> str:
        """Add a column's texts to ``filled``; return what stands for them in the template."""
        cells = columns[column.place]
        if self._is_plain(column, cells):
            filled.append(cells)
            value = '"%s"' if column.kind in _QUOTED else "%s"
            return f",{column.prefix.replace('%', '%%')}{value}"
        filled.append(
            [f",{text.decode()}" if (text := column.write(cell)) else "" for cell in cells]
        )
        return "%s"

    def _is_plain(self, column: Column, cells: _Cells) -> bool:
        if column.kind is None or not self._nulls.isdisjoint(cells):
            return False
        joined = "\n".join(cells) + "\n"
        # A cell with a line's end in it would look like two.
        lines = joined.count("\n") == len(cells)
        return lines and _PLAIN[column.kind].fullmatch(joined) is not None
