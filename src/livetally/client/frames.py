"""The parser of server-sent events: bytes in any pieces become frames.

In the flow: receives the bytes of a stream from ``watching``, hands it complete frames.
Guarantee: where the bytes are cut makes no difference; a frame that the connection cut off is never
handed on, and its id does not count.

Source: WHATWG HTML, section 9.2.6 (interpreting an event stream).
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

__all__ = ["Frame", "FrameParser"]

_LINE_END: Final = re.compile(rb"\r\n|\n|\r")
_BOM: Final = b"\xef\xbb\xbf"


class Frame(NamedTuple):
    """One event: its type, its data, and the id that stands after it."""

    event: str
    data: str
    id: str


class FrameParser:
    """Reads one connection's bytes.

    Attributes:
        last_event_id: the id to resume from; moves with every complete block, also one of an id
            and nothing else.
        retry_ms: how long the server wants to be left alone after a loss; None until it says so.
    """

    def __init__(self, last_event_id: str = "") -> None:
        """Begin a connection; ``last_event_id`` is where the one before ended."""
        self.last_event_id = last_event_id
        self.retry_ms: int | None = None
        self._id = last_event_id
        self._event = ""
        self._data: list[str] = []
        self._pieces: list[bytes] = []
        self._begun = False
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[Frame]:
        """Take the next bytes; return the frames that they complete."""
        if self._after_cr and chunk:
            # The line ended with CR already; a LF behind it belongs to the same end.
            chunk = chunk.removeprefix(b"\n")
            self._after_cr = False
        if not chunk:
            return []
        # A line in many pieces is joined once, when its end has come.
        if not _LINE_END.search(chunk):
            self._pieces.append(chunk)
            return []
        lines = _LINE_END.split(b"".join([*self._pieces, chunk]))
        self._after_cr = chunk.endswith(b"\r")
        self._pieces = [rest] if (rest := lines.pop()) else []
        found = (self._line(line) for line in lines)
        return [frame for frame in found if frame is not None]

    def _line(self, line: bytes) -> Frame | None:
        if not self._begun:
            self._begun = True
            line = line.removeprefix(_BOM)
        if not line:
            return self._dispatch()
        text = line.decode("utf-8", "replace")
        name, _, value = text.partition(":")
        self._field(name, value.removeprefix(" "))
        return None

    def _field(self, name: str, value: str) -> None:
        """Take a field; a comment is one without a name, and is ignored like unknown ones."""
        match name:
            case "data":
                self._data.append(value)
            case "event":
                self._event = value
            case "id" if "\0" not in value:
                self._id = value
            case "retry" if value.isascii() and value.isdigit():
                self.retry_ms = int(value[:18])
            case _:
                pass

    def _dispatch(self) -> Frame | None:
        self.last_event_id = self._id
        event, data = self._event or "message", self._data
        self._event, self._data = "", []
        if not data:
            return None
        return Frame(event, "\n".join(data), self._id)
