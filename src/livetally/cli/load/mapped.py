"""A row of CSV or a line of JSON becomes events by a mapping of a definition.

In the flow: receives rows and lines from ``records`` and a mapping from ``import``, hands items to
``upload``.
Guarantee: each record is one or more events, left out by the mapping, or refused with the field and
the reason; numbers keep every digit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from livetally.cli.load.chain import Chain
from livetally.cli.load.item import Item, Original, Refused
from livetally.cli.load.records import Line, Row
from livetally.cli.load.shape import BECAUSE, LINE, NOT_MENDED, UNMENDED, Shape
from livetally.cli.load.table import heading_of
from livetally.errors import LivetallyError, UnreadableBody
from livetally.mapping import Context, EventMapping, decode_payload, encode

__all__ = ["MappedLines", "MappedRows", "fault_of_row"]

_SEPARATOR: Final = "\x1f"
_NOTHING: Final = Context()


class _Mapper:
    """What rows and lines have in common."""

    def __init__(self, shape: Shape, chain: Chain) -> None:
        if shape.mapping is None:
            raise AssertionError("rows are mapped only with a mapping")
        self._mapping: EventMapping = shape.mapping
        self._source = shape.source
        self.chain = chain

    def items(
        self, line: int, record: Any, original: Original, mark: str
    ) -> Iterator[Item | Refused]:
        """Yield the events of one record, or why it has none.

        A record of which one event has a fault is refused whole: mended and loaded again, the
        others would count twice.
        """
        mapped = self._mapping.events(record, _NOTHING)
        if mapped.faults:
            first, more = mapped.faults[0], len(mapped.faults) - 1
            also = f" (and {more} more)" if more else ""
            yield Refused(line, first.field, f"{first.reason}{also}", original, mark)
            return
        for number, event in enumerate(mapped.items):
            if "id" not in event:
                event["id"] = f"{mark}-{number}" if number else mark
            event.setdefault("source", self._source)
            yield Item(line, encode(event), original, mark)


def fault_of_row(row: Row, columns: int) -> str:
    """Return why a row can't be mapped, "" when it can."""
    if row.broken:
        return row.broken
    if len(row.cells) != columns:
        return f"has {len(row.cells)} cells, the heading {columns}"
    try:
        "".join(row.cells).encode()
    except UnicodeEncodeError:
        return "is no text in this encoding; name the right one with --encoding"
    return ""


class MappedRows:
    """The rows of a CSV file as events."""

    def __init__(self, rows: Iterator[Row], shape: Shape, chain: Chain) -> None:
        """Read the heading.

        Raises:
            LivetallyError: there is none, or it names none of the columns of the mapping.
        """
        self.heading = heading_of(rows)
        self._rows = rows
        self._nulls = shape.nulls
        self._mapper = _Mapper(shape, chain)
        self._require_columns(shape)

    def items(self) -> Iterator[Item | Refused]:
        """Yield the events of each row, or refused."""
        apart = {LINE, BECAUSE, ""}
        for row in self._rows:
            cells = row.cells
            key = _SEPARATOR.join(cells).encode("utf-8", "surrogateescape")
            mark = self._mapper.chain.add(key)
            reason = fault_of_row(row, len(self.heading))
            if reason:
                yield Refused(row.line, "row", reason, cells, mark)
                continue
            record = {
                name: text
                for name, text in zip(self.heading, cells, strict=True)
                if name not in apart and text not in self._nulls
            }
            yield from self._mapper.items(row.line, record, cells, mark)

    def _require_columns(self, shape: Shape) -> None:
        assert shape.mapping is not None
        missing = [name for name in shape.mapping.required_names if name not in self.heading]
        if missing:
            raise LivetallyError(
                f"The file has no column '{missing[0]}', which the mapping needs; it has"
                f" {', '.join(self.heading)}."
            )


class MappedLines:
    """The lines of a JSON-lines file as events."""

    def __init__(self, lines: Iterator[Line], shape: Shape, chain: Chain) -> None:
        """Read ``lines``."""
        self._lines = lines
        self._mapper = _Mapper(shape, chain)

    def items(self) -> Iterator[Item | Refused]:
        """Yield the events of each line, or refused."""
        for line in self._lines:
            mark = self._mapper.chain.add(line.text)
            try:
                record = None if line.broken else decode_payload(line.text)
            except UnreadableBody as error:
                reason = error.message.removeprefix("The body ").rstrip(".")
                yield Refused(line.line, "line", reason, line.text, mark)
                continue
            if line.broken:
                yield Refused(line.line, "line", line.broken, line.text, mark)
                continue
            if isinstance(record, dict) and record.keys() == UNMENDED:
                yield Refused(line.line, "line", NOT_MENDED, line.text, mark)
                continue
            if isinstance(record, dict) and LINE in record:
                record = {name: one for name, one in record.items() if name not in (LINE, BECAUSE)}
            yield from self._mapper.items(line.line, record, line.text, mark)
