"""The shape of one line of NDJSON: what is fixed in it, and where the values stand between.

In the flow: asked by ``event.alike`` about the first of many lines.
Guarantee: a line has this shape if and only if its fixed texts are these and what stands between
them is one string, plain number or boolean each; so it is JSON, and an event, exactly if the line
that the shape was taken from is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from livetally.event.model import EMPTY_DATA, Incoming
from livetally.event.refusal import NOT_JSON

__all__ = ["DIGITS_MAX", "Gap", "Path", "Shape", "Slot", "shape_of"]

DIGITS_MAX = 18
"""What fits 64 bits whatever the digits are."""

Path = tuple[str, ...]

_TOKEN = re.compile(
    rb'[ \t]*(?:(?P<string>"[^"\\]*")'
    rb"|(?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?![0-9.eE+-]))"
    rb"|(?P<boolean>true|false)|(?P<null>null)|(?P<mark>[{}\[\],:]))"
)
_MEMBERS = frozenset({"id", "source", "time", "subject"})
_KNOWN = _MEMBERS | {"type", "data"}
_one = msgspec.json.Decoder(Incoming)


class Slot(NamedTuple):
    """Where a value stands that may differ from line to line.

    Attributes:
        kind: ``string`` (what is between its quotes), ``number`` or ``boolean``.
        quote: of the line's quotes the one before it, from 0; -1 for none.
        before: how many bytes lie between that quote and the value.
        after: how many between the value and the next quote, or the end of the line.
    """

    kind: str
    quote: int
    before: int
    after: int


class Gap(NamedTuple):
    """Where the data stands in a line.

    From ``begin`` bytes after slot ``first - 1``, or after the line's begin for the first one, to
    ``end`` bytes after slot ``last - 1``.
    """

    first: int
    begin: int
    last: int
    end: int


@dataclass
class Shape:
    """The shape of a line.

    Attributes:
        type: of its event.
        quotes: how many quotes it has.
        fixed: the texts before, between and after its slots.
        slots: what stands between them, in their order.
        members: which slot is the event's ``id``, ``source``, ``time`` or ``subject``.
        values: of the data's members what stands there: the number of a slot, or ``null``,
            ``object`` or ``array``. Of a name that is there twice the last.
        data: where the data stands; None when there is none.
        sample: the data of the line that it was taken from.
    """

    type: str = ""
    quotes: int = 0
    fixed: list[bytes] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    members: dict[str, int] = field(default_factory=dict)
    values: dict[Path, int | str] = field(default_factory=dict)
    data: Gap | None = None
    sample: bytes = b"{}"


class _Open(NamedTuple):
    """An object or an array that has begun; ``path`` is None inside arrays."""

    is_object: bool
    path: Path | None


class _Other(Exception):
    """The line is not one that others can be alike to."""


def shape_of(line: bytes) -> Shape | None:
    """Return the shape of a line without backslashes, None when it is to be looked at by itself."""
    try:
        line.decode()
        event = _one.decode(line)
    except (*NOT_JSON, msgspec.ValidationError):
        return None
    try:
        shape = _Walk(line).shape
    except _Other:
        return None
    shape.type = event.type
    shape.sample = bytes(event.data)
    is_object = shape.sample.startswith(b"{")
    is_there = shape.data is not None or shape.sample == bytes(EMPTY_DATA)
    return shape if is_object and is_there else None


class _Walk:
    """One way through a line that is known to be JSON."""

    def __init__(self, line: bytes) -> None:
        self._line = line
        self.shape = Shape()
        self._open: list[_Open] = []
        self._path: Path | None = ()
        self._key: str | None = None
        self._fixed_from = 0
        self._quote_end = 0  # where the last string has ended
        self._gap_is_taken = False  # by a value that is no string: there is room for one
        self._pending: list[int] = []  # slots whose distance to the next quote is not known yet
        self._seen: set[str] = set()
        self._data_begin: tuple[int, int] | None = None
        at = 0
        while found := _TOKEN.match(line, at):
            at = found.end()
            self._take(found)
        if line[at:].strip(b" \t"):
            raise _Other
        self._settle(len(line))
        self.shape.fixed.append(line[self._fixed_from :])

    def _take(self, found: re.Match[bytes]) -> None:
        kind = found.lastgroup or ""
        begin, end = found.span(kind)
        match kind:
            case "string":
                self._string(begin, end)
            case "number" | "boolean":
                self._value(kind, begin, end)
            case "null":
                self._place(kind)
            case _:
                self._mark(self._line[begin:end], begin, end)

    def _mark(self, mark: bytes, begin: int, end: int) -> None:
        if mark in b"{[":
            is_object = mark == b"{"
            if len(self._open) == 1 and self._path == ("data",):
                self._data_begin = (len(self.shape.slots), begin - self._fixed_from)
            self._place("object" if is_object else "array")
            self._open.append(_Open(is_object, self._path))
            self._path = self._path if is_object else None
            self._key = None
        elif mark in b"}]":
            self._path = self._open.pop().path
            if len(self._open) == 1 and self._path == ("data",):
                first, offset = self._data_begin or (0, 0)
                last = len(self.shape.slots)
                self.shape.data = Gap(first, offset, last, end - self._fixed_from)
        elif mark == b",":
            self._leave()
        if mark in b"}],":
            self._leave()

    def _leave(self) -> None:
        """Go from a member to the next one: what follows in an object is a name."""
        if self._open and self._open[-1].is_object:
            self._path = self._open[-1].path
        self._key = None

    def _string(self, begin: int, end: int) -> None:
        is_name = bool(self._open) and self._open[-1].is_object and self._key is None
        self._settle(begin)
        number = self.shape.quotes
        self.shape.quotes += 2
        self._quote_end, self._gap_is_taken = end, False
        if is_name:
            self._key = self._line[begin + 1 : end - 1].decode()
            if self._path is not None:
                self._path = (*self._path, self._key)
            if len(self._open) == 1:
                if self._key in self._seen or self._key not in _KNOWN:
                    raise _Other  # two of a member: the decoder says which counts
                self._seen.add(self._key)
            return
        if self._path == ("type",):
            return  # of every line the same
        self._slot(Slot("string", number, 0, 0), begin + 1, end - 1)

    def _value(self, kind: str, begin: int, end: int) -> None:
        if self._gap_is_taken:
            raise _Other
        self._gap_is_taken = True
        self._pending.append(len(self.shape.slots))
        self._slot(Slot(kind, self.shape.quotes - 1, begin - self._quote_end, 0), begin, end)

    def _slot(self, slot: Slot, begin: int, end: int) -> None:
        self.shape.fixed.append(self._line[self._fixed_from : begin])
        self._fixed_from = end
        self.shape.slots.append(slot)
        number = len(self.shape.slots) - 1
        if self._path is not None and len(self._path) == 1 and self._path[0] in _MEMBERS:
            self.shape.members[self._path[0]] = number
        self._place(number)

    def _settle(self, at: int) -> None:
        """Note how far before ``at``, the next quote or the end, the values since the last end."""
        for number in self._pending:
            slot = self.shape.slots[number]
            self.shape.slots[number] = slot._replace(after=at - self._fixed_from)
        self._pending.clear()

    def _place(self, what: int | str) -> None:
        """Note what stands at the path, if it is one of the data's."""
        if self._path is not None and len(self._path) > 1:
            self.shape.values[self._path[1:]] = what
