"""What the columns of a file are: which one is the time, the id, the subject, and of which kind.

In the flow: made by ``import`` from its options, read by ``table`` and ``objects``.
Guarantee: two loads with an equal ``mark`` make the same events of the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final
from zoneinfo import ZoneInfo

from livetally.cli.load.kinds import Kind
from livetally.mapping import EventMapping

__all__ = ["BECAUSE", "LINE", "NOT_MENDED", "UNMENDED", "Shape"]

LINE: Final = "rejected_line"
BECAUSE: Final = "rejected_because"
"""Columns of a file of rejected rows; they are no data when it is imported again."""

UNMENDED: Final = frozenset({"text", LINE, BECAUSE})
"""The members of a rejected line that was no JSON object, as long as nobody has mended it."""

NOT_MENDED: Final = (
    f"is not mended: write the record in place of it, or leave {LINE} and {BECAUSE} out"
)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How records become events; without ``type`` and ``mapping`` they are events already."""

    type: str | None
    source: str
    id: str | None = None
    subject: str | None = None
    time: str | None = None
    time_format: str = "iso"
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    kinds: Mapping[str, Kind] = field(default_factory=dict)
    skip: frozenset[str] = frozenset()
    nulls: frozenset[str] = frozenset({""})
    mapping: EventMapping | None = None
    mapping_text: str = ""
    """The definition in which the mapping stands, and what it looks up; for ``fingerprint``."""
    salt: str = ""
    encoding: str = "utf-8-sig"
    delimiter: str = ","

    @property
    def mark(self) -> str:
        """A text that says how rows are read; it seeds their ids."""
        return f"{self.type or ''}\x1f{self.source}\x1f{self.salt}"

    @property
    def fingerprint(self) -> str:
        """A text that is another one when any option is: a place in a file holds for one only."""
        options = (
            self.mark,
            self.members(),
            self.time_format,
            str(self.zone),
            sorted(self.kinds.items()),
            sorted(self.skip),
            sorted(self.nulls),
            self.encoding,
            self.delimiter,
            self.mapping_text,
        )
        return blake2b(repr(options).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    def members(self) -> tuple[tuple[str, str | None], ...]:
        """Return the options that name a column, with the column: id, subject and time."""
        return (("--id", self.id), ("--subject", self.subject), ("--time", self.time))
