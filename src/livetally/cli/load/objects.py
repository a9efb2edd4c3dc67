"""A line of JSON becomes an event: as it stands, or as data of a type that the options name.

In the flow: receives lines from ``records`` and options from ``send`` or ``import``, hands items to
``upload``.
Guarantee: the line's own bytes are sent where it is an event already; numbers keep every digit.

Lines that become events of one type are decoded many at a time; a line that needs more than its
members put in other places is then taken as if it had come alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

import msgspec

from livetally.cli.load.chain import Chain
from livetally.cli.load.item import Item, Refused
from livetally.cli.load.kinds import time_reader
from livetally.cli.load.records import Line
from livetally.cli.load.shape import BECAUSE, LINE, NOT_MENDED, UNMENDED, Shape

__all__ = ["Objects", "array_lines"]

_Members = dict[str, msgspec.Raw]
_members: Final = msgspec.json.Decoder(_Members)
_scalar: Final = msgspec.json.Decoder(str | int | float | bool | None)
_encode: Final = msgspec.json.Encoder().encode
_RFC3339: Final = re.compile(rb'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[-+]\d\d:\d\d)"')
_PLAIN: Final = re.compile(rb'"[^"\\]+"')
_NOT_JSON: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Objects:
    """The lines of a JSON-lines file as events."""

    def __init__(
        self, lines: Iterator[Line], shape: Shape, chain: Chain, block_lines: int = 1
    ) -> None:
        """Read ``lines``; ``chain`` gives ids to those without one.

        Up to ``block_lines`` may be read before the first of them is handed on.
        """
        self._lines = lines
        self._shape = shape
        self._chain = chain
        self._block_lines = block_lines
        self._read_time = time_reader(shape.zone, shape.time_format)
        self._is_iso = shape.time_format == "iso"
        named = (shape.id, shape.subject, shape.time)
        self._apart = {*filter(None, named), *shape.skip, LINE, BECAUSE}
        # What may stand in the event as it stands in the line, and how that looks.
        self._given = [
            (name, plain)
            for name, plain in ((shape.id, _PLAIN), (shape.subject, _PLAIN), (shape.time, _RFC3339))
            if name is not None
        ]
        self._template = _template(shape)

    def items(self) -> Iterator[Item | Refused]:
        """Yield each line as an event, or refused."""
        at_once = self._shape.type and (self._is_iso or self._shape.time is None)
        while lines := list(islice(self._lines, self._block_lines)):
            marks = self._chain.add_all([line.text for line in lines])
            records = _read_all(lines) if at_once and len(lines) > 1 else None
            if records is None:
                for line, mark in zip(lines, marks, strict=True):
                    yield self._item(line, mark)
                continue
            for line, mark, members in zip(lines, marks, records, strict=True):
                event = self._rearranged(members, mark)
                yield (
                    self._item(line, mark)
                    if event is None
                    else Item(line.line, event, line.text, mark)
                )

    def _item(self, line: Line, mark: str) -> Item | Refused:
        try:
            return Item(line.line, self._event(line, mark), line.text, mark)
        except _LineRefused as error:
            return Refused(line.line, error.field, error.reason, line.text, mark)

    def _rearranged(self, members: _Members, mark: str) -> bytes | None:
        """Return what ``_built`` would, None where a value can't be taken as it stands."""
        if len(members) == len(UNMENDED) and members.keys() == UNMENDED:
            return None
        parts: list[bytes] = [] if self._shape.id else [mark.encode()]
        for name, plain in self._given:
            value = members.get(name)
            if value is None or not plain.fullmatch(value):
                return None
            parts.append(value)
        for name in self._apart:
            members.pop(name, None)
        parts.append(_encode(members))
        return self._template % tuple(parts)

    def _event(self, line: Line, mark: str) -> bytes:
        if line.broken:
            raise _LineRefused("line", line.broken)
        make = self._built if self._shape.type else self._completed
        return make(line.text, mark)

    def _completed(self, text: bytes, mark: str) -> bytes:
        """Return an event with an id and a source, if it lacks them."""
        members = _read_mended(text)
        added = {}
        if members.get("id", _NULL) == _NULL:
            added["id"] = mark
        if self._shape.source and members.get("source", _NULL) == _NULL:
            added["source"] = self._shape.source
        if not added and LINE not in members:
            return text
        kept = {name: raw for name, raw in members.items() if name not in (*added, LINE, BECAUSE)}
        return msgspec.json.encode({**added, **kept})

    def _built(self, text: bytes, mark: str) -> bytes:
        """Return an event of the named type, with the line's members as its data."""
        shape = self._shape
        members = _read_mended(text)
        event: dict[str, object] = {"type": shape.type, "source": shape.source}
        event["id"] = mark
        if shape.id is not None:
            event["id"] = _text(members, shape.id)
            if not event["id"]:
                raise _LineRefused(shape.id, "is missing; it is the id")
        if shape.subject is not None and (subject := _text(members, shape.subject)):
            event["subject"] = subject
        if shape.time is not None:
            written = members.get(shape.time, _NULL)
            if self._is_iso and _RFC3339.fullmatch(written):
                event["time"] = written
            elif time := _text(members, shape.time):
                event["time"] = self._when(time)
        apart = self._apart
        event["data"] = {name: raw for name, raw in members.items() if name not in apart}
        return _encode(event)

    def _when(self, text: str) -> str:
        try:
            return self._read_time(text)
        except ValueError as error:
            raise _LineRefused(self._shape.time or "", str(error)) from None


class _LineRefused(Exception):
    """A line is no event."""

    def __init__(self, field: str, reason: str) -> None:
        """Name the ``field`` and the ``reason``."""
        super().__init__(reason)
        self.field = field
        self.reason = reason


_NULL: Final = msgspec.Raw(b"null")


def _template(shape: Shape) -> bytes:
    """Return what the parts of an event are filled into: id, subject, time and data."""
    head = _encode({"type": shape.type, "source": shape.source})[:-1].replace(b"%", b"%%")
    subject, time = shape.subject and b',"subject":%b', shape.time and b',"time":%b'
    event_id = b',"id":%b' if shape.id else b',"id":"%b"'
    return head + event_id + (subject or b"") + (time or b"") + b',"data":%b}'


def _read_all(lines: Sequence[Line]) -> list[_Members] | None:
    """Return the members of lines that are an object each, None if one is not."""
    texts = [line.text for line in lines]
    # An object that goes on in the next line would end or begin otherwise.
    if any(line.broken for line in lines) or not all(
        text.startswith(b"{") and text.endswith(b"}") for text in texts
    ):
        return None
    joined = b"\n".join(texts)
    try:
        joined.decode()
        records = _members.decode_lines(joined)
    except _NOT_JSON:
        return None
    return records if len(records) == len(texts) else None


def _read(text: bytes) -> _Members:
    try:
        text.decode()
        return _members.decode(text)
    except msgspec.ValidationError:
        raise _LineRefused("line", "is no JSON object") from None
    except UnicodeDecodeError as error:
        raise _LineRefused("line", f"is no UTF-8, at its byte {error.start}") from None
    except _NOT_JSON as error:
        reason = str(error).removeprefix("JSON is malformed: ")
        raise _LineRefused("line", f"is no JSON: {reason}") from None


def _read_mended(text: bytes) -> _Members:
    members = _read(text)
    if members.keys() == UNMENDED:
        raise _LineRefused("line", NOT_MENDED)
    return members


def _text(members: _Members, name: str) -> str:
    """Return a member as text, "" when it is missing or null."""
    if name not in members:
        return ""
    try:
        value = _scalar.decode(members[name])
    except _NOT_JSON:
        raise _LineRefused(name, "must be a text or a number") from None
    if value is None or isinstance(value, (bool, float)):
        return "" if value is None else bytes(members[name]).decode()
    return str(value)


def array_lines(body: bytes) -> Iterator[Line]:
    """Yield the items of a JSON array, or the one object, as lines; numbered from 1.

    Raises:
        ValueError: the body is neither.
    """
    try:
        body.decode()
        # On one line: an item may not hold a line's end when it is sent.
        flat = msgspec.json.format(body.removeprefix(b"\xef\xbb\xbf"), indent=-1)
        items = msgspec.json.decode(flat, type=list[msgspec.Raw] | _Members)
    except _NOT_JSON as error:
        raise ValueError(f"is no JSON array of events: {error}") from None
    if isinstance(items, dict):
        yield Line(1, msgspec.json.encode(items))
        return
    for number, item in enumerate(items, start=1):
        yield Line(number, bytes(item))
