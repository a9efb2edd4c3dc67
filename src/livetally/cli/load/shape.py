"""What the columns of a file are: which one is the time, the id, the subject, and of which kind.

In the flow: made by ``import`` from its options, read by ``table`` and ``objects``.
Guarantee: two loads with an equal ``mark`` make the same events of the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

from livetally.cli.load.kinds import Kind
from livetally.mapping import EventMapping

__all__ = ["BECAUSE", "LINE", "Shape"]

LINE: Final = "rejected_line"
BECAUSE: Final = "rejected_because"
"""Columns of a file of rejected rows; they are no data when it is imported again."""


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
    salt: str = ""
    encoding: str = "utf-8-sig"
    delimiter: str = ","

    @property
    def mark(self) -> str:
        """A text that says how rows are read; it seeds their ids."""
        return f"{self.type or ''}\x1f{self.source}\x1f{self.salt}"

    def members(self) -> tuple[tuple[str, str | None], ...]:
        """Return the options that name a column, with the column: id, subject and time."""
        return (("--id", self.id), ("--subject", self.subject), ("--time", self.time))
