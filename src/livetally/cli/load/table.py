"""A row of CSV becomes an event.

In the flow: receives rows from ``records`` and options from ``import``, hands items to ``upload``.
Guarantee: an empty cell is an absent value; a cell that is no value of its column refuses its row
with the column's name and the reason, and no other row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain as joined
from itertools import islice
from operator import itemgetter
from typing import Any, Final, TypeAlias

import msgspec

from livetally.cli.load.blocks import Block, Column
from livetally.cli.load.chain import Chain
from livetally.cli.load.item import Item, Refused
from livetally.cli.load.kinds import Kind, infer, time_reader, writer
from livetally.cli.load.records import Row
from livetally.cli.load.shape import BECAUSE, LINE, Shape
from livetally.errors import LivetallyError

__all__ = ["Table", "heading_of"]

_SAMPLE_ROWS: Final = 1_000
_CACHED_MAX: Final = 10_000
_SEPARATOR: Final = "\x1f"
# A byte that was no text.
_HALF: Final = re.compile("[\ud800-\udfff]")


class _Cells(dict[str, bytes]):
    """What the cells of one column become: ``prefix`` and JSON, or nothing for an absent value.

    A cell that came before is looked up and not written again: most columns hold few values.
    """

    def __init__(
        self, name: str, prefix: bytes, write: Callable[[str], bytes], nulls: frozenset[str]
    ) -> None:
        super().__init__()
        self.name = name
        self.guessed = False
        self.kind = Kind.STRING
        self.prefix = prefix
        self._write = write
        self._nulls = nulls

    def __missing__(self, text: str) -> bytes:
        written = b"" if text in self._nulls else self.prefix + self._written(text)
        if len(self) < _CACHED_MAX:
            self[text] = written
        return written

    def _written(self, text: str) -> bytes:
        try:
            return self._write(text)
        except UnicodeEncodeError:
            reason = "is no text in this encoding; name the right one with --encoding"
            raise _CellRefused(self.name, reason) from None
        except ValueError as error:
            hint = f"; if it should be, give --types {self.name}={self._wider(text)}"
            hint = hint if self.guessed else ""
            raise _CellRefused(self.name, f"{error}{hint}") from None

    def _wider(self, text: str) -> Kind:
        """Return the kind that has this text as well as those that were guessed from."""
        numbers = (Kind.INTEGER, Kind.NUMBER)
        return Kind.NUMBER if self.kind in numbers and infer([text]) in numbers else Kind.STRING


class _CellRefused(Exception):
    """A cell is no value of its column."""

    def __init__(self, column: str, reason: str) -> None:
        """Name the ``column`` and the ``reason``."""
        super().__init__(reason)
        self.column = column
        self.reason = reason


class Table:
    """The rows of a CSV file as events."""

    def __init__(
        self,
        rows: Iterator[Row],
        shape: Shape,
        declared: Mapping[str, Kind],
        chain: Chain,
        block_rows: int = 1,
    ) -> None:
        """Read the heading, and the first thousand rows to see what is in the columns.

        Args:
            rows: of the file, its heading first.
            shape: which column is what.
            declared: the kinds of fields that the server knows.
            chain: for the identity of rows.
            block_rows: how many rows may be read before the first of them is handed on.

        Raises:
            LivetallyError: there is no heading, or it lacks a column that is named.
        """
        self.heading = heading_of(rows)
        sample = list(islice(rows, _SAMPLE_ROWS))
        self._rows = joined(sample, rows)
        self._shape = shape
        self._chain = chain
        self._places = {name: place for place, name in enumerate(self.heading)}
        self._id = self._member("id", shape.id, msgspec.json.encode)
        read_time = time_reader(shape.zone, shape.time_format)
        members = (
            self._member("subject", shape.subject, msgspec.json.encode),
            self._member("time", shape.time, lambda text: b'"%s"' % read_time(text).encode()),
        )
        self._members = [member for member in members if member is not None]
        self._columns = self._data_columns(sample, declared)
        self._data = _picker([self._places[column.name] for column in self._columns])
        head = {"type": shape.type, "source": shape.source}
        self._head = msgspec.json.encode(head)[:-1]
        self._block_rows = block_rows
        self._block = self._blocks()

    def items(self) -> Iterator[Item | Refused]:
        """Yield each row as an event, or refused."""
        while rows := list(islice(self._rows, self._block_rows)):
            cells = [row.cells for row in rows]
            marks = self._chain.add_all(
                [_SEPARATOR.join(row).encode("utf-8", "surrogateescape") for row in cells]
            )
            events = self._events(rows, cells, marks) if len(rows) > 1 else None
            if events is None:
                yield from self._one_by_one(rows, marks)
            else:
                yield from map(Item, [row.line for row in rows], events, cells, marks)

    def _events(
        self, rows: list[Row], cells: list[list[str]], marks: list[str]
    ) -> list[bytes] | None:
        """Return the events of whole rows, None when one of them has to be refused."""
        if set(map(len, cells)) != {len(self.heading)} or any(row.broken for row in rows):
            return None
        if self._id is not None and not self._shape.nulls.isdisjoint(
            row[self._id[0]] for row in cells
        ):
            return None
        try:
            return self._block.events(cells, marks if self._id is None else None)
        except _CellRefused:
            return None

    def _blocks(self) -> Block:
        shape = self._shape
        times = Kind.TIME if shape.time_format == "iso" else None
        members = [(Kind.STRING, self._id), *self._kinds_of_members(times)]
        data = [
            Column(
                self._places[column.name],
                f"{msgspec.json.encode(column.name).decode()}:",
                times if column.kind is Kind.TIME else column.kind,
                column.__getitem__,
            )
            for column in self._columns
        ]
        return Block(
            self._head.decode(),
            [
                Column(member[0], member[1].prefix.decode()[1:], kind, _without_comma(member[1]))
                for kind, member in members
                if member is not None
            ],
            data,
            shape.nulls,
        )

    def _kinds_of_members(self, times: Kind | None) -> list[tuple[Kind | None, _Member | None]]:
        """Return the members that are not the id, each with what its cells are."""
        kinds = {b',"subject":': Kind.STRING, b',"time":': times}
        return [(kinds[member[1].prefix], member) for member in self._members]

    def _one_by_one(self, rows: list[Row], marks: list[str]) -> Iterator[Item | Refused]:
        for row, mark in zip(rows, marks, strict=True):
            if row.broken:
                yield Refused(row.line, "row", row.broken, row.cells, mark)
                continue
            try:
                yield Item(row.line, self._event(row.cells, mark), row.cells, mark)
            except _CellRefused as error:
                yield Refused(row.line, error.column, error.reason, row.cells, mark)

    def _event(self, cells: list[str], mark: str) -> bytes:
        if len(cells) != len(self.heading):
            found, wanted = len(cells), len(self.heading)
            raise _CellRefused("row", f"has {found} cells, the heading {wanted}")
        if self._id is None:
            event_id = b',"id":"%s"' % mark.encode()
        else:
            place, column = self._id
            event_id = column[cells[place]]
            if not event_id:
                raise _CellRefused(column.name, "is empty; it is the id")
        members = b"".join([column[cells[place]] for place, column in self._members])
        data = [c[text] for c, text in zip(self._columns, self._data(cells), strict=True)]
        written = b",".join(filter(None, data))
        return b'%s%s%s,"data":{%s}}' % (self._head, event_id, members, written)

    def _member(
        self, member: str, name: str | None, write: Callable[[str], bytes]
    ) -> _Member | None:
        """Return the column of a member of the event, and its place."""
        if name is None:
            return None
        self._require(f"--{member}", name)
        prefix = b',"%s":' % member.encode()
        return self._places[name], _Cells(name, prefix, write, self._shape.nulls)

    def _require(self, option: str, name: str) -> None:
        if name not in self._places:
            from livetally.definitions import nearest

            hint = nearest(name, self.heading)
            also = f"; did you mean '{hint}'?" if hint else f"; it has {', '.join(self.heading)}"
            raise LivetallyError(f"{option}: the file has no column '{name}'{also}")

    def _data_columns(self, sample: Sequence[Row], declared: Mapping[str, Kind]) -> list[_Cells]:
        shape = self._shape
        for option, names in (("--types", shape.kinds), ("--skip", shape.skip)):
            for name in names:
                self._require(option, name)
        apart = {shape.id, shape.subject, shape.time, *shape.skip, LINE, BECAUSE, ""}
        columns = []
        for place, name in enumerate(self.heading):
            if name in apart:
                continue
            cells = (row.cells[place] for row in sample if place < len(row.cells))
            known = shape.kinds.get(name) or declared.get(name)
            kind = known or infer(cell for cell in cells if cell not in shape.nulls)
            write = writer(kind, shape.zone, shape.time_format)
            column = _Cells(name, msgspec.json.encode(name) + b":", write, shape.nulls)
            column.guessed = known is None
            column.kind = kind
            columns.append(column)
        return columns


_Member: TypeAlias = tuple[int, _Cells]


def _without_comma(cells: _Cells) -> Callable[[str], bytes]:
    """Return what writes a member's cell: without the comma that a block puts before it."""
    return lambda text: cells[text][1:]


def _picker(places: Sequence[int]) -> Callable[[list[str]], Any]:
    """Return the function that picks the cells at these places out of a row."""
    if len(places) > 1:
        return itemgetter(*places)
    return lambda cells: [cells[place] for place in places]


def heading_of(rows: Iterator[Row]) -> list[str]:
    """Read the heading: the names of the columns.

    Raises:
        LivetallyError: there is none, it is no text, or it names a column twice.
    """
    first = next(rows, None)
    if first is None or first.broken:
        raise LivetallyError("The file has no heading: a first row that names the columns.")
    names = [name.strip() for name in first.cells]
    if any("\0" in name or _HALF.search(name) for name in names):
        raise LivetallyError(
            "The heading is no text in this encoding: name the right one with --encoding."
        )
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise LivetallyError(f"The heading names a column twice: {', '.join(twice)}.")
    return names
