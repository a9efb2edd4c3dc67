"""A row of CSV becomes an event.

In the flow: receives rows from ``records`` and options from ``import``, hands items to ``upload``.
Guarantee: an empty cell is an absent value; a cell that is no value of its column refuses its row
with the column's name and the reason, and no other row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain as joined
from itertools import islice
from typing import Final, NamedTuple

import msgspec

from livetally.cli.load.chain import Chain
from livetally.cli.load.item import Item, Refused
from livetally.cli.load.kinds import Kind, infer, time_reader, writer
from livetally.cli.load.records import Row
from livetally.cli.load.shape import BECAUSE, LINE, Shape
from livetally.errors import LivetallyError

__all__ = ["Table"]

_SAMPLE_ROWS: Final = 1_000
_CACHED_MAX: Final = 10_000
_SEPARATOR: Final = "\x1f"


class _Column(NamedTuple):
    """A column whose cells go into the data: its place, its name, and its way to be written."""

    place: int
    name: str
    write: Callable[[str], bytes]
    guessed: bool
    known: dict[str, bytes]
    """Cells that came before: most columns hold few different ones."""


class Table:
    """The rows of a CSV file as events."""

    def __init__(
        self, rows: Iterator[Row], shape: Shape, declared: Mapping[str, Kind], chain: Chain
    ) -> None:
        """Read the heading, and the first thousand rows to see what is in the columns.

        Args:
            rows: of the file, its heading first.
            shape: which column is what.
            declared: the kinds of fields that the server knows.
            chain: for the identity of rows.

        Raises:
            LivetallyError: there is no heading, or it lacks a column that is named.
        """
        self.heading = _heading(rows)
        sample = list(islice(rows, _SAMPLE_ROWS))
        self._rows = joined(sample, rows)
        self._shape = shape
        self._chain = chain
        self._places = {name: place for place, name in enumerate(self.heading)}
        self._id, self._subject, self._time = (
            self._place_of(option, name) for option, name in shape.members()
        )
        self._read_time = time_reader(shape.zone, shape.time_format)
        self._columns = self._data_columns(sample, declared)
        head = {"type": shape.type, "source": shape.source}
        self._head = msgspec.json.encode(head)[:-1]

    def items(self) -> Iterator[Item | Refused]:
        """Yield each row as an event, or refused."""
        for row in self._rows:
            self._chain.add(_SEPARATOR.join(row.cells).encode("utf-8", "surrogateescape"))
            mark = self._chain.id
            if row.broken:
                yield Refused(row.line, "row", row.broken, row.cells, mark)
                continue
            try:
                yield Item(row.line, self._event(row.cells), row.cells, mark)
            except _CellRefused as error:
                yield Refused(row.line, error.column, error.reason, row.cells, mark)

    def _event(self, cells: list[str]) -> bytes:
        if len(cells) != len(self.heading):
            found, wanted = len(cells), len(self.heading)
            raise _CellRefused("row", f"has {found} cells, the heading {wanted}")
        nulls = self._shape.nulls
        event_id = self._chain.id if self._id is None else cells[self._id]
        if event_id in nulls:
            raise _CellRefused(self._shape.id or "", "is empty; it is the id")
        parts = [self._head, b',"id":', self._text(self._shape.id or "id", event_id)]
        if self._time is not None and (text := cells[self._time]) not in nulls:
            parts += (b',"time":"', self._when(text).encode(), b'"')
        if self._subject is not None and (text := cells[self._subject]) not in nulls:
            parts += (b',"subject":', self._text(self._shape.subject or "", text))
        data = [
            column.known.get(text) or _written(column, text)
            for column in self._columns
            if (text := cells[column.place]) not in nulls
        ]
        return b"%s,%s}}" % (b"".join(parts), b'"data":{' + b",".join(data))

    def _when(self, text: str) -> str:
        try:
            return self._read_time(text)
        except ValueError as error:
            raise _CellRefused(self._shape.time or "", str(error)) from None

    def _text(self, column: str, text: str) -> bytes:
        try:
            return msgspec.json.encode(text)
        except UnicodeEncodeError:
            raise _CellRefused(column, _NOT_TEXT) from None

    def _place_of(self, option: str, name: str | None) -> int | None:
        if name is None:
            return None
        if name not in self._places:
            from livetally.definitions import nearest

            hint = nearest(name, self.heading)
            also = f"; did you mean '{hint}'?" if hint else f"; it has {', '.join(self.heading)}"
            raise LivetallyError(f"{option}: the file has no column '{name}'{also}")
        return self._places[name]

    def _data_columns(self, sample: Sequence[Row], declared: Mapping[str, Kind]) -> list[_Column]:
        shape = self._shape
        for name in (*shape.kinds, *shape.skip):
            self._place_of("--types or --skip", name)
        apart = {shape.id, shape.subject, shape.time, *shape.skip, LINE, BECAUSE, ""}
        columns = []
        for place, name in enumerate(self.heading):
            if name in apart:
                continue
            cells = (row.cells[place] for row in sample if place < len(row.cells))
            known = shape.kinds.get(name) or declared.get(name)
            kind = known or infer(cell for cell in cells if cell not in shape.nulls)
            write = writer(kind, shape.zone, shape.time_format)
            columns.append(_Column(place, name, write, known is None, {}))
        return columns


class _CellRefused(Exception):
    """A cell is no value of its column."""

    def __init__(self, column: str, reason: str) -> None:
        """Name the ``column`` and the ``reason``."""
        super().__init__(reason)
        self.column = column
        self.reason = reason


_NOT_TEXT: Final = "is no text in this encoding; name the right one with --encoding"


def _heading(rows: Iterator[Row]) -> list[str]:
    first = next(rows, None)
    if first is None or first.broken:
        raise LivetallyError("The file has no heading: a first row that names the columns.")
    names = [name.strip() for name in first.cells]
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise LivetallyError(f"The heading names a column twice: {', '.join(twice)}.")
    return names


def _written(column: _Column, text: str) -> bytes:
    """Write a cell with its name, and remember how."""
    try:
        name = msgspec.json.encode(column.name)
        written = b"%s:%s" % (name, column.write(text))
    except UnicodeEncodeError:
        raise _CellRefused(column.name, _NOT_TEXT) from None
    except ValueError as error:
        hint = f"; if it should be, give --types {column.name}=string" if column.guessed else ""
        raise _CellRefused(column.name, f"{error}{hint}") from None
    if len(column.known) < _CACHED_MAX:
        column.known[text] = written
    return written

